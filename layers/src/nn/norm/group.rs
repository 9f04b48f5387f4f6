//! Group normalisation.

use crate::engine::{Real, Shape, Var};
use crate::nn::Affine;
use crate::nn::norm::affine::{Parts, affine, learned};
use crate::nn::norm::{EPS, check_channels};
use crate::posterior::Point;
use elbo_macros::bayesian;

/// Group normalisation of (examples, channels, ..): each group of an example's channels is normalised to mean 0 and
/// variance 1, then each channel is scaled and shifted (Wu and He 2018, "Group Normalization"). Examples stay
/// independent.
///
/// Scale and shift are learned and deterministic, unless [`bayesian`](Self::bayesian) or
/// [`without_affine`](Self::without_affine) says otherwise. The layer before a normalisation is scale-invariant, so only the
/// noise-to-mean ratio of its weights matters, and a prior on them acts on the noise only.
///
/// ```
/// use elbo::nn::GroupNorm;
/// use elbo::prelude::*;
///
/// let norm: GroupNorm<f32, _> = GroupNorm::new(2, 8).bayesian();
/// let names: Vec<_> = norm.kl_terms().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["weight", "bias"]);
/// let (tape, x) = (Tape::new(), Tensor::from_fn([4, 8, 5], |i| (i as f64).sin()));
/// assert_eq!(norm.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [4, 8, 5]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Real = f32, A: Affine<Scalar = T> = Point<T>> {
    /// The scale of each channel, initially 1.
    pub weight: A,
    /// The shift of each channel, initially 0.
    pub bias: A,
    /// The number of groups, which divides the number of channels.
    #[skip]
    pub groups: usize,
    /// The constant added to the variance.
    #[skip]
    pub eps: f64,
    /// The shape of scale and shift: (channels).
    #[skip]
    shape: Shape,
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
        let shape = Shape::from([channels]);
        GroupNorm { weight: learned(&shape, 1.0), bias: learned(&shape, 0.0), groups, eps: EPS, shape }
    }
}

affine!(GroupNorm { weight: 1.0, bias: 0.0 } groups, eps, shape);

#[bayesian]
impl<T: Real, A: Affine<Scalar = T>> GroupNorm<T, A> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the second axis of `x` is not the layer's channels.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        check_channels("GroupNorm", x.shape(), self.shape[0]);
        x.group_norm(*self.groups, Parts([A::value(self.weight), A::value(self.bias)]), *self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "GroupNorm: 6 channels are not divisible by 4 groups")]
    fn channels_that_are_not_divisible_by_the_groups_are_refused() {
        GroupNorm::<f32>::new(4, 6);
    }
}
