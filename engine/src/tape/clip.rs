//! Gradients scaled, and clipped by value and by norm.

use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, Scale, map_in_place};
use crate::kernels::reduce::LANES;
use crate::tape::Gradients;
use crate::threads::{GRAIN, sum_blocks};

/// Elements summed as one block.
const BLOCK: usize = 4096;

/// Scaling and clipping allocate nothing. If a gradient is infinite or NaN, all stay unchanged and the returned number is not
/// finite.
impl<T: Real> Gradients<T> {
    /// The Euclidean norm of all gradients together, in double precision.
    #[track_caller]
    pub fn norm(&self) -> f64 {
        norm(self.learned().map(|(_, entry)| entry.gradient.data()))
    }

    /// Multiplies all gradients by `factor`: by 1/k for the mean of the k backward passes that they hold. New values of
    /// buffers stay.
    ///
    /// # Panics
    /// If the factor is not finite.
    #[track_caller]
    pub fn scale(&mut self, factor: f64) {
        assert!(factor.is_finite(), "Gradients::scale: the factor must be finite, got {factor}");
        self.learned_mut().for_each(|gradient| map_in_place(Scale(T::from_f64(factor)), gradient));
    }

    /// Clamps every element to `-limit..=limit`; returns the largest magnitude before clipping.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip_value(&mut self, limit: f64) -> f64 {
        check("clip_value", limit);
        let largest = max_abs(self.learned().map(|(_, entry)| entry.gradient.data()));
        if largest > limit && largest.is_finite() {
            self.learned_mut().for_each(|gradient| map_in_place(ClipValue(T::from_f64(limit)), gradient));
        }
        largest
    }

    /// Scales all gradients by one factor so that their joint Euclidean norm is at most `limit`, up to rounding;
    /// returns the norm before clipping (Pascanu, Mikolov and Bengio 2013, algorithm 1).
    ///
    /// ```
    /// # use elbo_engine::{Gradients, Tape, Tensor};
    /// let w: Tensor = Tensor::new([2], [3.0, 4.0]);
    /// let mut gradients = Gradients::of(&w);
    /// let tape = Tape::new();
    /// (tape.param(&w).square().sum() * 0.5).backward(&mut gradients);
    /// assert_eq!(gradients.clip_norm(1.0), 5.0);
    /// assert_eq!(gradients.get("").unwrap(), [0.6, 0.8]);
    /// ```
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip_norm(&mut self, limit: f64) -> f64 {
        check("clip_norm", limit);
        let seen = self.norm();
        if seen > limit && seen.is_finite() {
            self.learned_mut().for_each(|gradient| scale_to_norm(gradient, limit, seen));
        }
        seen
    }

    /// [`clip_norm`](Gradients::clip_norm) of every parameter separately; returns the largest norm before clipping.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip_each_norm(&mut self, limit: f64) -> f64 {
        check("clip_each_norm", limit);
        let norms = self.learned().map(|(_, entry)| norm([entry.gradient.data()].into_iter()));
        let largest = norms.fold(0.0, max_or_nan);
        if largest > limit && largest.is_finite() {
            for gradient in self.learned_mut() {
                let seen = norm([&*gradient].into_iter());
                if seen > limit {
                    scale_to_norm(gradient, limit, seen);
                }
            }
        }
        largest
    }
}

#[track_caller]
fn check(name: &str, limit: f64) {
    assert!(limit > 0.0, "{name}: the limit must be positive, got {limit}");
}

/// The larger of two numbers; NaN if either is NaN.
fn max_or_nan(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// The largest magnitude.
fn max_abs<'a, T: Real>(parts: impl Iterator<Item = &'a [T]>) -> f64 {
    parts.flatten().fold(0.0, |largest, x| max_or_nan(largest, x.to_f64().abs()))
}

/// √Σx². If squares overflow or underflow double precision, they are computed again for numbers multiplied by a power of two.
fn norm<'a, T: Real>(parts: impl Iterator<Item = &'a [T]> + Clone) -> f64 {
    let squares = |factor: f64| parts.clone().map(|part| sum_squares(part, factor)).sum::<f64>();
    let sum = squares(1.0);
    if sum.is_finite() && sum > f64::MIN_POSITIVE / f64::EPSILON {
        return sum.sqrt();
    }
    match max_abs(parts.clone()) {
        largest if largest == 0.0 || !largest.is_finite() => largest,
        // 2^±600 brings the squares of all numbers that count, of any double's size, into its range.
        largest => {
            let factor = if largest < 1.0 { 600.0f64.exp2() } else { (-600.0f64).exp2() };
            squares(factor).sqrt() / factor
        }
    }
}

/// Scales numbers of norm `seen` down to norm `limit`.
fn scale_to_norm<T: Real>(gradient: &mut [T], limit: f64, seen: f64) {
    map_in_place(Scale(T::from_f64(limit / seen)), gradient);
}

/// Σ (factor · x)², the same bits for any number of threads.
fn sum_squares<T: Real>(x: &[T], factor: f64) -> f64 {
    sum_blocks(x.len().div_ceil(BLOCK), x.len() > 4 * GRAIN, &|block| {
        dispatch(SumSquares { x: &x[block * BLOCK..x.len().min((block + 1) * BLOCK)], factor })
    })
}

struct SumSquares<'a, T> {
    x: &'a [T],
    factor: f64,
}

impl<T: Real> Kernel for SumSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let mut lanes = [0.0; LANES];
        let square = |x: T| (x.to_f64() * self.factor).powi(2);
        // Chunks of a known length are added in vector registers.
        let (whole, rest) = self.x.as_chunks::<LANES>();
        for chunk in whole {
            lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += square(x));
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane += square(x));
        crate::kernels::reduce::fold(lanes)
    }
}

/// x clamped to −limit..=limit.
#[derive(Clone, Copy)]
struct ClipValue<T>(T);

impl<T: Real> Elementwise<T, 1> for ClipValue<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        let x = if x > self.0 { self.0 } else { x };
        if x < -self.0 { -self.0 } else { x }
    }
}
