//! How long gradients are, and cutting those that are too long.

use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, Scale, map_in_place};
use crate::kernels::reduce::LANES;
use crate::tape::Gradients;
use crate::threads::{GRAIN, sum_blocks};

/// Elements that are summed in one go.
const BLOCK: usize = 4096;

/// Nothing here allocates. Where a gradient is infinite or NaN there is no length to cut, and all stay as they are: the
/// number that is returned says so.
impl<T: Real> Gradients<T> {
    /// The Euclidean norm of all gradients together, in double precision.
    #[track_caller]
    pub fn norm(&self) -> f64 {
        norm(self.learned().map(|(_, entry)| entry.gradient.data()))
    }

    /// Moves every element into `-limit..=limit`; returns the largest magnitude that was there.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip_value(&mut self, limit: f64) -> f64 {
        check("clip_value", limit);
        let largest = largest(self.learned().map(|(_, entry)| entry.gradient.data()));
        if largest > limit && largest.is_finite() {
            self.learned_mut().for_each(|gradient| map_in_place(Within(T::from_f64(limit)), gradient));
        }
        largest
    }

    /// Scales all gradients by one factor so that their Euclidean norm together is at most `limit`, up to rounding;
    /// returns the norm that they had (Pascanu, Mikolov and Bengio 2013, algorithm 1).
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
            self.learned_mut().for_each(|gradient| shorten(gradient, limit, seen));
        }
        seen
    }

    /// [`clip_norm`](Gradients::clip_norm) of every parameter on its own; returns the largest of the norms that they
    /// had.
    ///
    /// # Panics
    /// If the limit is not positive.
    #[track_caller]
    pub fn clip_each_norm(&mut self, limit: f64) -> f64 {
        check("clip_each_norm", limit);
        let norms = self.learned().map(|(_, entry)| norm([entry.gradient.data()].into_iter()));
        let largest = norms.fold(0.0, greater);
        if largest > limit && largest.is_finite() {
            for gradient in self.learned_mut() {
                let seen = norm([&*gradient].into_iter());
                if seen > limit {
                    shorten(gradient, limit, seen);
                }
            }
        }
        largest
    }
}

#[track_caller]
fn check(name: &str, limit: f64) {
    assert!(limit > 0.0, "{name}: gradients are cut to a positive limit, not to {limit}");
}

/// The greater one, and NaN if one is.
fn greater(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// The largest magnitude.
fn largest<'a, T: Real>(parts: impl Iterator<Item = &'a [T]>) -> f64 {
    parts.flatten().fold(0.0, |largest, x| greater(largest, x.to_f64().abs()))
}

/// √Σx². Squares that leave the range of double precision are taken again in units of the largest number.
fn norm<'a, T: Real>(parts: impl Iterator<Item = &'a [T]> + Clone) -> f64 {
    let squares = |unit: f64| parts.clone().map(|part| sum_squares(part, unit)).sum::<f64>();
    let sum = squares(1.0);
    if sum.is_finite() && sum > f64::MIN_POSITIVE / f64::EPSILON {
        return sum.sqrt();
    }
    match largest(parts.clone()) {
        unit if unit == 0.0 || !unit.is_finite() => unit,
        unit => unit * squares(unit).sqrt(),
    }
}

/// Scales numbers of norm `seen` to norm `limit`.
fn shorten<T: Real>(gradient: &mut [T], limit: f64, seen: f64) {
    map_in_place(Scale(T::from_f64(limit / seen)), gradient);
}

/// Σ (x/unit)², the same bits for any number of threads.
fn sum_squares<T: Real>(x: &[T], unit: f64) -> f64 {
    sum_blocks(x.len().div_ceil(BLOCK), x.len() > 4 * GRAIN, &|block| {
        dispatch(SumSquares { x: &x[block * BLOCK..x.len().min((block + 1) * BLOCK)], unit })
    })
}

struct SumSquares<'a, T> {
    x: &'a [T],
    unit: f64,
}

impl<T: Real> Kernel for SumSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let mut lanes = [0.0; LANES];
        for chunk in self.x.chunks(LANES) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                let x = x.to_f64() / self.unit;
                *lane += x * x;
            }
        }
        crate::kernels::reduce::fold(lanes)
    }
}

/// x moved into −limit..=limit.
#[derive(Clone, Copy)]
struct Within<T>(T);

impl<T: Real> Elementwise<T, 1> for Within<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        let x = if x > self.0 { self.0 } else { x };
        if x < -self.0 { -self.0 } else { x }
    }
}
