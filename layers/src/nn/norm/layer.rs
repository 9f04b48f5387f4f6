//! Layer normalisation.

use crate::engine::{Real, Shape, Var};
use crate::nn::Affine;
use crate::nn::norm::affine::{Parts, affine, learned};
use crate::nn::norm::{EPS, check_axes, check_last};
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Layer normalisation over the last axes: each example's elements there are normalised to mean 0 and variance 1, then
/// each element is scaled and shifted (Ba, Kiros and Hinton 2016, "Layer Normalization"). Examples stay independent.
///
/// Scale and shift are learned and deterministic, unless [`bayesian`](Self::bayesian) or
/// [`without_affine`](Self::without_affine) says otherwise.
#[bayesian]
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Real = f32, A: Affine<Scalar = T> = Point<T>> {
    /// The scale of each element, initially 1.
    pub weight: A,
    /// The shift of each element, initially 0.
    pub bias: A,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
    /// The last axes.
    #[skip]
    shape: Shape,
}

impl<T: Real> LayerNorm<T> {
    /// A layer over last axes of this shape, with eps 1e-5.
    ///
    /// # Panics
    /// If `shape` is empty.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        check_axes("LayerNorm", &shape);
        LayerNorm { weight: learned(&shape, 1.0), bias: learned(&shape, 0.0), eps: EPS, shape }
    }
}

affine!(LayerNorm { weight: 1.0, bias: 0.0 } eps, shape);

#[bayesian]
impl<T: Real, A: Affine<Scalar = T>> LayerNorm<T, A> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the last axes of `x` differ from the layer's shape, or are all of its axes: the first is that of the examples.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        check_last("LayerNorm", x.shape(), self.shape);
        x.layer_norm(self.shape.len(), Parts([A::value(self.weight), A::value(self.bias)]), *self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "LayerNorm: at least one axis is needed")]
    fn no_axes_are_refused() {
        LayerNorm::<f32>::new([]);
    }
}
