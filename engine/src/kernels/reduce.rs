//! Reductions: sums of slices and of elementwise functions, column sums, log-sum-exp, whether all elements are finite; the
//! same bits for any number of threads.

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, cut, each};
use crate::threads::{GRAIN, Rows, for_each_part, sum_blocks};

/// Elements per block of a sum; the sums of blocks are added in a tree.
const BLOCK: usize = 4096;

/// The number of parallel partial sums, so that a sum vectorises: a constant, so that the result is fixed.
pub const LANES: usize = 16;

/// Columns whose sums stay in the first-level cache while the rows are added.
const STRIP: usize = 512;

/// Rows that are added to a sum while it is in a register.
const UNROLLED_ROWS: usize = 8;

/// Σ x, in double precision.
pub fn sum<T: Real>(x: &[T]) -> f64 {
    sum_map(Same, [x])
}

/// Σᵢ f(inputs\[0\]\[i\], …), in double precision.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn sum_map<T: Real, F: Elementwise<T, N>, const N: usize>(f: F, inputs: [&[T]; N]) -> f64 {
    let len = inputs.first().map_or(0, |input| input.len());
    for input in inputs {
        assert!(input.len() == len, "sum_map: the inputs have {len} and {} elements", input.len());
    }
    sum_blocks(len.div_ceil(BLOCK), len > 4 * GRAIN, &|block| {
        let range = block * BLOCK..len.min((block + 1) * BLOCK);
        dispatch(SumMap { f, inputs: cut(inputs, range) })
    })
}

/// `out[c] = a · Σᵣ x[r][c]`, or `+=`, for the rows of a matrix with as many columns as `out` has elements; the sums
/// are computed in double precision, row after row.
///
/// # Panics
/// If the number of elements is not a multiple of the columns.
#[track_caller]
pub fn sum_columns<T: Real>(a: T, x: &[T], out: &mut [T], write: Write) {
    let columns = out.len();
    if columns == 0 {
        return;
    }
    let rows = x.len() / columns;
    assert!(rows * columns == x.len(), "sum_columns: {} elements do not make rows of {columns}", x.len());
    let grain = (GRAIN / rows.max(1)).max(LANES);
    for_each_part(Rows::new(out, 1), columns, grain, LANES, &|range, out| {
        dispatch(SumColumns { a: a.to_f64(), x, columns, first: range.start, out: out.data, write });
    });
}

/// Whether all elements are finite.
pub fn all_finite<T: Real>(x: &[T]) -> bool {
    x.chunks(GRAIN).all(|chunk| dispatch(AllFinite(chunk)))
}

/// The identity.
#[derive(Clone, Copy)]
pub(crate) struct Same;

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
        sum_slices::<S, T, F, N>(self.f, self.inputs)
    }
}

/// The loop of [`sum_map`], for kernels that run it many times: on the current thread, at the kernel's own level.
///
/// # Panics
/// If an input is shorter than the first.
#[inline(always)]
pub fn sum_slices<S: Simd, T: Real, F: Elementwise<T, N>, const N: usize>(f: F, inputs: [&[T]; N]) -> f64 {
    let len = inputs[0].len();
    let inputs = cut(inputs, 0..len);
    let mut lanes = [0.0; LANES];
    let whole = len - len % LANES;
    for from in (0..whole).step_by(LANES) {
        let inputs = cut(inputs, from..from + LANES);
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f.apply::<S>(each(inputs, lane)).to_f64();
        }
    }
    for i in whole..len {
        lanes[i - whole] += f.apply::<S>(each(inputs, i)).to_f64();
    }
    if F::IS_CHAINED && lanes.iter().any(|lane| lane.is_nan()) {
        lanes = [0.0; LANES];
        for i in 0..len {
            let part = f.apply::<S>(each(inputs, i));
            lanes[i % LANES] += if part.is_nan() { f.chained::<S>(each(inputs, i)) } else { part }.to_f64();
        }
    }
    fold(lanes)
}

struct SumColumns<'a, T> {
    a: f64,
    x: &'a [T],
    columns: usize,
    /// The column of `out`'s first element.
    first: usize,
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for SumColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let SumColumns { a, x, columns, first, out, write } = self;
        let mut totals = [0.0; STRIP];
        for (strip, out) in out.chunks_mut(STRIP).enumerate() {
            let totals = &mut totals[..out.len()];
            totals.fill(0.0);
            for rows in x.chunks(UNROLLED_ROWS * columns) {
                add_rows(rows, columns, first + strip * STRIP, totals);
            }
            for (out, &mut total) in out.iter_mut().zip(totals) {
                let part = T::from_f64(a * total);
                write.put(part, out);
            }
        }
    }
}

/// Adds the rows, one after the other, to the totals of the columns from `at` on.
#[inline(always)]
fn add_rows<T: Real>(rows: &[T], columns: usize, at: usize, totals: &mut [f64]) {
    let len = totals.len();
    let behind = len % LANES;
    if len > LANES && behind > 0 {
        // The remaining columns are processed with some before them, whose sums are then discarded.
        let mut sums = [0.0; LANES];
        sums.copy_from_slice(&totals[len - LANES..]);
        for row in rows.chunks_exact(columns) {
            let row = &row[at + len - LANES..][..LANES];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
        }
        totals[len - behind..].copy_from_slice(&sums[LANES - behind..]);
    }
    let (whole, rest) = totals.as_chunks_mut::<LANES>();
    for (chunk, totals) in whole.iter_mut().enumerate() {
        let mut sums = *totals;
        for row in rows.chunks_exact(columns) {
            let row = &row[at + chunk * LANES..][..LANES];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
        }
        *totals = sums;
    }
    if len < LANES {
        for row in rows.chunks_exact(columns) {
            rest.iter_mut().zip(&row[at..]).for_each(|(total, x)| *total += x.to_f64());
        }
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

/// ln Σ eˣ without overflow, as two summands, the largest x and the rest: subtracting them one by one from an x near
/// the largest is exact. For kernels: on the current thread, at the kernel's own level.
#[inline(always)]
pub fn log_sum_exp<S: Simd, T: Real>(x: &[T]) -> [T; 2] {
    let nothing = T::from_f64(f64::NEG_INFINITY);
    let mut largest = [nothing; LANES];
    for chunk in x.chunks(LANES) {
        for (largest, x) in largest.iter_mut().zip(padded(chunk, nothing)) {
            *largest = if x <= *largest { *largest } else { x };
        }
    }
    let mut max = nothing;
    for x in largest {
        max = if x <= max { max } else { x };
    }
    let mut sums = [T::ZERO; LANES];
    for chunk in x.chunks(LANES) {
        for (sum, x) in sums.iter_mut().zip(padded(chunk, nothing)) {
            *sum += (x - max).exp::<S>();
        }
    }
    [max, sums.into_iter().sum::<T>().ln::<S>()]
}

/// The elements, at most as many as there are lanes, followed by `filler`: a short row is a single vector too.
#[inline(always)]
pub fn padded<T: Real>(x: &[T], filler: T) -> [T; LANES] {
    match x.first_chunk() {
        Some(&whole) => whole,
        None => {
            let mut padded = [filler; LANES];
            padded[..x.len()].copy_from_slice(x);
            padded
        }
    }
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
    fn one_non_finite_element_is_found_anywhere() {
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
    fn sums_of_any_length_are_correct() {
        for len in [0, 1, 16, 4095, 4096, 4097, 20_000, 200_000] {
            let x: Vec<f32> = (0..len).map(|i| (i % 7) as f32).collect();
            let exact: usize = (0..len).map(|i| i % 7).sum();
            assert_eq!(sum(&x), exact as f64);
        }
    }

    #[test]
    fn sums_of_any_number_of_columns_are_correct() {
        for columns in [1, 2, 15, 16, 17, 31, 32, 33, 50, 511, 512, 513, 530] {
            for rows in [1, 2, 7, 8, 9, 20] {
                let x: Vec<f32> = (0..rows * columns).map(|i| (i % 7) as f32).collect();
                let exact = |column| (0..rows).map(|row| (row * columns + column) % 7).sum::<usize>() as f32;
                let mut out = vec![f32::NAN; columns];
                sum_columns(2.0, &x, &mut out, Write::Store);
                assert!((0..columns).all(|column| out[column] == 2.0 * exact(column)), "{rows} rows of {columns}");
                sum_columns(1.0, &x, &mut out, Write::Add);
                assert!((0..columns).all(|column| out[column] == 3.0 * exact(column)), "{rows} rows of {columns}");
            }
        }
    }
}
