//! Normalisation by the root mean square.

use crate::engine::{Real, Shape, Var};
use crate::nn::Affine;
use crate::nn::norm::affine::{Parts, affine, learned};
use crate::nn::norm::{EPS, check_axes, check_last};
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Normalisation by the root mean square over the last axes: each example's elements there are divided by
/// √(mean of their squares + eps), then each element is scaled (Zhang and Sennrich 2019, "Root Mean Square Layer
/// Normalization"). Examples stay independent. There is no shift.
///
/// The scale is learned and deterministic, unless [`bayesian`](Self::bayesian) or
/// [`without_affine`](Self::without_affine) says otherwise.
///
/// ```
/// use elbo::nn::RmsNorm;
/// use elbo::prelude::*;
///
/// let norm: RmsNorm = RmsNorm::new([2]);
/// let (tape, x) = (Tape::new(), Tensor::new([1, 2], [1.0, -7.0]));
/// let y = norm.draw(&tape, Key::new(1)).forward(tape.input(&x)); // the root mean square is 5
/// assert!((y.value()[0] - 0.2).abs() < 1e-5 && (y.value()[1] + 1.4).abs() < 1e-5);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct RmsNorm<T: Real = f32, A: Affine<Scalar = T> = Point<T>> {
    /// The scale of each element, initially 1.
    pub weight: A,
    /// The constant added to the mean square.
    #[skip]
    pub eps: f64,
    /// The last axes.
    #[skip]
    shape: Shape,
}

impl<T: Real> RmsNorm<T> {
    /// A layer over last axes of this shape, with eps 1e-5. (PyTorch's default is the machine epsilon of its scalar type.)
    ///
    /// # Panics
    /// If `shape` is empty.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        check_axes("RmsNorm", &shape);
        RmsNorm { weight: learned(&shape, 1.0), eps: EPS, shape }
    }
}

affine!(RmsNorm { weight: 1.0 } eps, shape);

#[bayesian]
impl<T: Real, A: Affine<Scalar = T>> RmsNorm<T, A> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the last axes of `x` differ from the layer's shape, or are all of its axes: the first is that of the examples.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        check_last("RmsNorm", x.shape(), self.shape);
        x.rms_norm(self.shape.len(), Parts([A::value(self.weight), None]), *self.eps)
    }
}
