//! The network that `volumes` trains, in three dimensions or in two.

use elbo::nn::Conv;
use elbo::prelude::*;

/// A convolution of three taps along every axis, whose rectified features are summed over the gland, and a linear head:
/// one logit a class.
///
/// The sum keeps what a mean over the gland or a normalisation throws away, how large the gland is; and what is not gland,
/// nearly all of a volume, adds nothing to it. The convolution sees gland as 1 and the rest as −1, so that a feature may
/// answer to thick parts and not to thin ones without a bias that must be learned first.
#[bayesian]
pub struct Scan<const D: usize> {
    convolution: Conv<D>,
    head: Dense,
    #[skip]
    voxels: f64,
}

impl<const D: usize> Scan<D> {
    /// One mask to `channels` features to `classes`, every weight under a normal prior of mean 0 and standard deviation
    /// `prior_sd`, and with the standard deviation `initial_sd` to begin with. The sums are in units of `voxels`, those of
    /// an average gland.
    pub fn new(channels: usize, classes: usize, prior_sd: f64, initial_sd: f64, voxels: f64) -> Self {
        let prior = Normal(0.0, prior_sd);
        let convolution = Conv::<D>::new(1, channels, [3; D]).padding([1; D]);
        Scan {
            convolution: convolution.prior(prior).initial_sd(initial_sd),
            head: Dense::new(channels, classes).prior(prior).initial_sd(initial_sd),
            voxels,
        }
    }
}

#[bayesian]
impl<const D: usize> Scan<D> {
    /// Logits of masks (examples, 1, space ..), of ones and zeros.
    pub fn forward(&self, masks: Var) -> Var {
        let features = self.convolution.forward(masks * 2.0 - 1.0).relu() * masks;
        let &[examples, channels, ref space @ ..] = features.shape() else {
            unreachable!("a convolution has such a shape")
        };
        let features = features.reshape([examples, channels, space.iter().product()]);
        self.head.forward(features.sum_axes(&[2], false) / *self.voxels)
    }
}
