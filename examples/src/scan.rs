//! The networks of `volumes`, in three dimensions or in two.

use elbo::nn::{Conv, GlobalAvgPool, MaxPool, Relu, Residual, Sequential};
use elbo::prelude::*;

/// A convolution with three taps per axis, whose features after relu are summed over the gland, and a linear head: one
/// logit per class.
///
/// The sum keeps the size of the gland, which a mean over the gland or a normalisation would lose. Voxels outside the gland,
/// nearly all of a volume, add nothing to it. The convolution's input is 1 in the gland and −1 elsewhere, so that a feature
/// can respond to thick and not to thin parts without first learning a bias.
#[bayesian]
pub struct Scan<const D: usize> {
    convolution: Conv<D>,
    head: Dense,
    #[skip]
    voxels: f64,
}

impl<const D: usize> Scan<D> {
    /// A network from a mask to `channels` features to `classes`. Every weight has a normal prior with mean 0 and standard
    /// deviation `prior_sd`, and the initial standard deviation `initial_sd`. The sums are divided by `voxels`, the mean
    /// size of a gland.
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
    /// Logits for masks (examples, 1, space ..) of ones and zeros.
    pub fn forward(&self, masks: Var) -> Var {
        let features = self.convolution.forward(masks * 2.0 - 1.0).relu() * masks;
        let &[examples, channels, ref space @ ..] = features.shape() else {
            unreachable!("a convolution returns (examples, channels, space ..)")
        };
        let features = features.reshape([examples, channels, space.iter().product()]);
        self.head.forward(features.sum_axes(&[2], false) / *self.voxels)
    }
}

/// The branch of a residual block.
type Branch<const D: usize> = Sequential<(Conv<D>, Relu, Conv<D>)>;

/// A deeper network: a convolution of stride 2, a residual block of two convolutions, the mean over space, and a linear head.
/// As in [`Scan`], the first input is 1 in the gland and −1 elsewhere, and features outside the gland are set to 0.
#[bayesian]
pub struct ResidualScan<const D: usize> {
    first: Sequential<(Conv<D>, Relu)>,
    block: Sequential<(Residual<Branch<D>>, Relu)>,
    gland: MaxPool<D>,
    pool: GlobalAvgPool,
    head: Dense,
    #[skip]
    scale: f64,
}

impl<const D: usize> ResidualScan<D> {
    /// A network from a mask to `channels` features to `classes`. A weight with n inputs has a normal prior of standard
    /// deviation `prior_sd` · √(2/n), and the initial standard deviation `initial_sd` · √(2/n). The means over space are multiplied by
    /// `scale`, the size of all space divided by the mean size of a gland.
    pub fn new(channels: usize, classes: usize, prior_sd: f64, initial_sd: f64, scale: f64) -> Self {
        let of_inputs = |inputs: usize| (2.0 / inputs as f64).sqrt();
        let convolution = |inputs: usize| {
            let factor = of_inputs(inputs * 3usize.pow(D as u32));
            let layer = Conv::<D>::new(inputs, channels, [3; D]).padding([1; D]);
            layer.prior(Normal(0.0, prior_sd * factor)).initial_sd(initial_sd * factor)
        };
        let branch = Sequential((convolution(channels), Relu::new(), convolution(channels)));
        let factor = of_inputs(channels);
        ResidualScan {
            first: Sequential((convolution(1).stride([2; D]), Relu::new())),
            block: Sequential((Residual::new(branch), Relu::new())),
            gland: MaxPool::new([2; D]),
            pool: GlobalAvgPool::new(),
            head: Dense::new(channels, classes).prior(Normal(0.0, prior_sd * factor)).initial_sd(initial_sd * factor),
            scale,
        }
    }
}

#[bayesian]
impl<const D: usize> ResidualScan<D> {
    /// Logits for masks (examples, 1, space ..) of ones and zeros.
    pub fn forward(&self, masks: Var) -> Var {
        let gland = self.gland.forward(masks);
        let features = self.first.forward(masks * 2.0 - 1.0) * gland;
        let features = self.block.forward(features) * gland;
        self.head.forward(self.pool.forward(features) * *self.scale)
    }
}
