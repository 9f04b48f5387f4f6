//! The network that `volumes` trains, in three dimensions or in two.

use elbo::nn::{Conv, GroupNorm};
use elbo::prelude::*;

/// Convolutions of three taps along every axis with group normalisation between, which halve every axis, then the mean
/// over space and a linear head: one logit a class.
#[bayesian]
pub struct Scan<const D: usize> {
    convolutions: Vec<Conv<D>>,
    norms: Vec<GroupNorm>,
    head: Dense,
}

impl<const D: usize> Scan<D> {
    /// One grey channel to `channels`, twice and four times as many, to `classes`, every random weight under a normal
    /// prior of mean 0 and standard deviation `prior_sd`.
    pub fn new(channels: usize, classes: usize, prior_sd: f64) -> Self {
        let prior = Normal(0.0, prior_sd);
        let sizes = [1, channels, 2 * channels, 4 * channels];
        let convolution = |pair: &[usize]| {
            let layer = Conv::<D>::new(pair[0], pair[1], [3; D]).stride([2; D]).padding([1; D]);
            layer.without_bias().prior(prior)
        };
        Scan {
            convolutions: sizes.windows(2).map(convolution).collect(),
            norms: sizes[1..].iter().map(|&channels| GroupNorm::new(channels.min(4), channels)).collect(),
            head: Dense::new(4 * channels, classes).prior(prior),
        }
    }
}

#[bayesian]
impl<const D: usize> Scan<D> {
    /// Logits of (examples, 1, space ..).
    pub fn forward(&self, x: Var) -> Var {
        let mut x = x;
        for (convolution, norm) in self.convolutions.iter().zip(self.norms) {
            x = norm.forward(convolution.forward(x)).relu();
        }
        let &[examples, channels, ref space @ ..] = x.shape() else { unreachable!("a convolution has such a shape") };
        let x = x.reshape([examples, channels, space.iter().product()]);
        self.head.forward(x.mean_axes(&[2], false))
    }
}
