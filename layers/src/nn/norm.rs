//! Normalisation within each example: group and layer normalisation.

use crate::engine::{Real, Shape, Tensor, Var};
use crate::nn::EPS;
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Group normalisation of (examples, channels, ..): each example's channels in groups, each with mean 0 and variance 1, and
/// then a scale and a shift of every channel (Wu and He 2018, "Group Normalization"). Examples stay independent.
///
/// Scale and shift are learned and certain. What stands before a normalisation may have any length, so the size of its
/// weights' means says nothing, and a prior of them acts on the noise alone.
#[bayesian]
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Real = f32> {
    /// The scale of every channel, at first 1.
    pub weight: Point<T>,
    /// The shift of every channel, at first 0.
    pub bias: Point<T>,
    /// The number of groups, of which the channels are a multiple.
    #[skip]
    pub groups: usize,
    /// What is added to a variance.
    #[skip]
    pub eps: f64,
}

impl<T: Real> GroupNorm<T> {
    /// For so many channels in so many groups, with 1e-5 added to each variance.
    ///
    /// # Panics
    /// If the channels are no multiple of the groups.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "GroupNorm: {channels} channels make no {groups} group(s) of equal size"
        );
        let [weight, bias] = affine([channels].into());
        GroupNorm { weight, bias, groups, eps: EPS }
    }
}

#[bayesian]
impl<T: Real> GroupNorm<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        x.group_norm(*self.groups, (self.weight, self.bias), *self.eps)
    }
}

/// Layer normalisation over the last axes: each example's elements there with mean 0 and variance 1, and then a scale and a
/// shift of every element (Ba, Kiros and Hinton 2016, "Layer Normalization"). Examples stay independent; scale and shift
/// are learned and certain.
#[bayesian]
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Real = f32> {
    /// The scale of every element, at first 1.
    pub weight: Point<T>,
    /// The shift of every element, at first 0.
    pub bias: Point<T>,
    /// What is added to a variance.
    #[skip]
    pub eps: f64,
}

impl<T: Real> LayerNorm<T> {
    /// Over last axes of this shape, with 1e-5 added to each variance.
    ///
    /// # Panics
    /// If there are no axes.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(!shape.is_empty(), "LayerNorm: it goes over one axis at least, got the shape []");
        let [weight, bias] = affine(shape);
        LayerNorm { weight, bias, eps: EPS }
    }
}

#[bayesian]
impl<T: Real> LayerNorm<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the last axes of `x` have not the layer's shape.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        x.layer_norm(self.weight.shape().len(), (self.weight, self.bias), *self.eps)
    }
}

/// Ones to scale by and zeros to shift by.
pub(super) fn affine<T: Real>(shape: Shape) -> [Point<T>; 2] {
    [Point(Tensor::full(shape.clone(), 1.0)), Point(Tensor::zeros(shape))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "GroupNorm: 6 channels make no 4 group(s) of equal size")]
    fn channels_that_make_no_groups_are_refused() {
        GroupNorm::<f32>::new(4, 6);
    }

    #[test]
    #[should_panic(expected = "LayerNorm: it goes over one axis at least")]
    fn no_axes_are_refused() {
        LayerNorm::<f32>::new([]);
    }
}
