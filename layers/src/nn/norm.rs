//! Group and layer normalisation, which keep examples independent.

use crate::engine::{Real, Shape, Tensor, Var};
use crate::nn::EPS;
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Group normalisation of (examples, channels, ..): each group of an example's channels is normalised to mean 0 and
/// variance 1, then each channel is scaled and shifted (Wu and He 2018, "Group Normalization"). Examples stay
/// independent.
///
/// Scale and shift are learned and deterministic. The layer before a normalisation is scale-invariant, so only the
/// noise-to-mean ratio of its weights matters, and a prior on them acts on the noise only.
#[bayesian]
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Real = f32> {
    /// The scale of each channel, initially 1.
    pub weight: Point<T>,
    /// The shift of each channel, initially 0.
    pub bias: Point<T>,
    /// The number of groups, which divides the number of channels.
    #[skip]
    pub groups: usize,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
}

impl<T: Real> GroupNorm<T> {
    /// A layer for `channels` channels in `groups` groups, with eps 1e-5.
    ///
    /// # Panics
    /// If `channels` is not divisible by `groups`.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "GroupNorm: {channels} channels are not divisible by {groups} groups"
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

/// Layer normalisation over the last axes: each example's elements there are normalised to mean 0 and variance 1, then
/// each element is scaled and shifted (Ba, Kiros and Hinton 2016, "Layer Normalization"). Examples stay independent;
/// scale and shift are learned and deterministic.
#[bayesian]
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Real = f32> {
    /// The scale of each element, initially 1.
    pub weight: Point<T>,
    /// The shift of each element, initially 0.
    pub bias: Point<T>,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
}

impl<T: Real> LayerNorm<T> {
    /// A layer over last axes of this shape, with eps 1e-5.
    ///
    /// # Panics
    /// If `shape` is empty.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(!shape.is_empty(), "LayerNorm: at least one axis is needed, got shape []");
        let [weight, bias] = affine(shape);
        LayerNorm { weight, bias, eps: EPS }
    }
}

#[bayesian]
impl<T: Real> LayerNorm<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the last axes of `x` differ from the layer's shape.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        x.layer_norm(self.weight.shape().len(), (self.weight, self.bias), *self.eps)
    }
}

/// A scale of ones and a shift of zeros.
pub(super) fn affine<T: Real>(shape: Shape) -> [Point<T>; 2] {
    [Point(Tensor::full(shape.clone(), 1.0)), Point(Tensor::zeros(shape))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "GroupNorm: 6 channels are not divisible by 4 groups")]
    fn channels_that_are_not_divisible_by_the_groups_are_refused() {
        GroupNorm::<f32>::new(4, 6);
    }

    #[test]
    #[should_panic(expected = "LayerNorm: at least one axis is needed")]
    fn no_axes_are_refused() {
        LayerNorm::<f32>::new([]);
    }
}
