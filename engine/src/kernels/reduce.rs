//! Sums and other reductions over whole slices, the same bits for any number of threads.

use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::Elementwise;
use crate::threads::{GRAIN, sum_blocks};

/// Elements that are summed in one go; sums of such blocks are added in a tree.
const BLOCK: usize = 4096;

/// Partial sums kept side by side, so that a sum vectorises: fixed, hence so is the result.
const LANES: usize = 16;

/// Σ x, in double precision.
pub fn sum<T: Real>(x: &[T]) -> f64 {
    sum_map(Same, [x])
}

/// Σᵢ f(inputs[0][i], …), in double precision.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn sum_map<T: Real, F: Elementwise<T, N>, const N: usize>(f: F, inputs: [&[T]; N]) -> f64 {
    let len = inputs.first().map_or(0, |input| input.len());
    for input in inputs {
        assert!(input.len() == len, "sum_map: {len} elements beside {}", input.len());
    }
    sum_blocks(len.div_ceil(BLOCK), len > 4 * GRAIN, &|block| {
        let range = block * BLOCK..len.min((block + 1) * BLOCK);
        dispatch(SumMap { f, inputs: inputs.map(|input| &input[range.clone()]) })
    })
}

/// Whether no element is infinite or NaN.
pub fn all_finite<T: Real>(x: &[T]) -> bool {
    x.chunks(GRAIN).all(|chunk| dispatch(AllFinite(chunk)))
}

#[derive(Clone, Copy)]
struct Same;

impl<T: Real> Elementwise<T, 1> for Same {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        x
    }
}

struct SumMap<'a, T, F, const N: usize> {
    f: F,
    inputs: [&'a [T]; N],
}

impl<T: Real, F: Elementwise<T, N>, const N: usize> Kernel for SumMap<'_, T, F, N> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let SumMap { f, inputs } = self;
        let mut lanes = [0.0; LANES];
        let len = inputs[0].len();
        let inputs = inputs.map(|input| &input[..len]);
        let whole = len - len % LANES;
        for from in (0..whole).step_by(LANES) {
            for (lane, total) in lanes.iter_mut().enumerate() {
                *total += f.apply::<S>(inputs.map(|input| input[from + lane])).to_f64();
            }
        }
        for i in whole..len {
            lanes[i - whole] += f.apply::<S>(inputs.map(|input| input[i])).to_f64();
        }
        fold(lanes)
    }
}

/// The sum of the lanes, pairwise.
#[inline(always)]
pub(crate) fn fold(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

struct AllFinite<'a, T>(&'a [T]);

impl<T: Real> Kernel for AllFinite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self) -> bool {
        // x · 0 is 0 for finite numbers and NaN for all others; sums keep a NaN.
        let mut lanes = [T::ZERO; LANES];
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += x * T::ZERO;
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += x * T::ZERO;
        }
        lanes.iter().all(|&lane| lane == T::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_element_is_found_anywhere() {
        for len in [1, 15, 16, 17, 1000] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, len / 2, len - 1] {
                    let mut x = vec![f32::MAX; len];
                    assert!(all_finite(&x));
                    x[at] = bad;
                    assert!(!all_finite(&x));
                }
            }
        }
    }

    #[test]
    fn sums_of_any_length_are_right() {
        for len in [0, 1, 16, 4095, 4096, 4097, 20_000, 200_000] {
            let x: Vec<f32> = (0..len).map(|i| (i % 7) as f32).collect();
            let exact: usize = (0..len).map(|i| i % 7).sum();
            assert_eq!(sum(&x), exact as f64);
        }
    }
}
