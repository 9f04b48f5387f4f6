//! Up-sampling by repetition or linear interpolation.

use crate::engine::{Real, Shape, Var};
use crate::nn::Bare;
use elbo_macros::bayesian;

/// How new elements are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interpolation {
    Nearest,
    Linear,
}

/// Makes each spatial axis longer by a whole factor: (examples, channels, `D` spatial axes) to (examples, channels, `D`
/// longer ones). It repeats elements, or interpolates linearly between the centres of elements (bilinear for two axes),
/// as PyTorch does with `align_corners=False`.
///
/// ```
/// use elbo::nn::Upsample2d;
/// use elbo::prelude::*;
///
/// let layer: Upsample2d = Upsample2d::nearest([2, 3]);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3, 7, 5], 0.5));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 3, 14, 15]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Upsample<const D: usize, T: Real = f32> {
    #[skip]
    factors: [usize; D],
    #[skip]
    interpolation: Interpolation,
    scalar: Bare<T>,
}

/// An [`Upsample`] of (examples, channels, length).
pub type Upsample1d<T = f32> = Upsample<1, T>;
/// An [`Upsample`] of (examples, channels, height, width).
pub type Upsample2d<T = f32> = Upsample<2, T>;
/// An [`Upsample`] of (examples, channels, depth, height, width).
pub type Upsample3d<T = f32> = Upsample<3, T>;

impl<const D: usize, T: Real> Upsample<D, T> {
    /// Repeats each element `factors` times along each axis.
    ///
    /// # Panics
    /// If a factor is 0.
    #[track_caller]
    pub fn nearest(factors: [usize; D]) -> Self {
        Upsample::by(factors, Interpolation::Nearest)
    }

    /// Interpolates linearly between the centres of neighbouring elements. Before the first centre and after the last it
    /// repeats their elements.
    ///
    /// # Panics
    /// If a factor is 0.
    #[track_caller]
    pub fn linear(factors: [usize; D]) -> Self {
        Upsample::by(factors, Interpolation::Linear)
    }

    #[track_caller]
    fn by(factors: [usize; D], interpolation: Interpolation) -> Self {
        assert!(!factors.contains(&0), "Upsample: the factor must be at least 1 along every axis, got {factors:?}");
        Upsample { factors, interpolation, scalar: Bare::new() }
    }
}

#[bayesian]
impl<const D: usize, T: Real> Upsample<D, T> {
    /// The layer's output.
    ///
    /// # Panics
    /// If `x` is not (examples, channels, `D` spatial axes), or an axis becomes too long.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        assert!(
            x.shape().len() == D + 2,
            "Upsample: got x of shape {:?}, expected (examples, channels, {D} spatial axes)",
            x.shape()
        );
        let mut y = x;
        for axis in 0..D {
            let (length, factor) = (x.shape()[axis + 2], self.factors[axis]);
            assert!(
                length.checked_mul(factor).is_some(),
                "Upsample: axis {} of x of shape {:?} times {factor} is longer than memory can address",
                axis + 2,
                x.shape()
            );
            if factor > 1 && length > 0 {
                y = match self.interpolation {
                    Interpolation::Nearest => repeated(y, axis + 2, factor),
                    Interpolation::Linear => interpolated(y, axis + 2, factor),
                };
            }
        }
        y
    }
}

fn repeated<T: Real>(x: Var<'_, T>, axis: usize, factor: usize) -> Var<'_, T> {
    let index = x.tape().alloc_slice(x.shape()[axis] * factor, |i| i / factor);
    x.index_select(axis as isize, index)
}

fn interpolated<T: Real>(x: Var<'_, T>, axis: usize, factor: usize) -> Var<'_, T> {
    let length = x.shape()[axis];
    // The place of a new centre among the old ones; those before the first are at the first.
    let place = |i: usize| ((i as f64 + 0.5) / factor as f64 - 0.5).max(0.0);
    let (before, tape) = (|i: usize| place(i) as usize, x.tape());
    let left = x.index_select(axis as isize, tape.alloc_slice(length * factor, before));
    let right = x.index_select(axis as isize, tape.alloc_slice(length * factor, |i| (before(i) + 1).min(length - 1)));
    let mut shape = Shape::from([length * factor]);
    (axis + 1..x.shape().len()).for_each(|_| shape.push(1));
    let weight = tape.constant(shape, |i| T::from_f64(place(i).fract()));
    left + (right - left) * weight
}
