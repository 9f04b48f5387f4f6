//! Random weights in a draw, and their use in linear maps: sampled, by local reparameterisation, or by Flipout.

mod random_signs;
mod sampled_output;
mod variance;
mod weight;

use crate::engine::{Activation, Convolution, Linear, Operand, Real, Shape, Transposed, Var};
use crate::sampling::Cx;
pub(crate) use random_signs::Grid;
use random_signs::flip;
use sampled_output::sample_output;
pub use variance::Variance;
pub use weight::Weight;
pub(crate) use weight::{Source, Used};

/// A linear map of an input by a weight, with an optional bias except for products and scalings. (Not a closure, which would report shapes that do not fit at
/// its own line.)
#[derive(Clone, Copy)]
pub(crate) enum LinearMap<const D: usize> {
    Affine,
    MatMul,
    Convolve(Convolution<D>),
    ConvolveTransposed(Transposed<D>),
    /// The map by the diagonal matrix of w, along the last axis of x.
    ScaleFeatures,
    /// The same along the second axis of x.
    ScaleChannels,
}

impl<const D: usize> LinearMap<D> {
    /// The map of x by w.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub(crate) fn apply<'t, T: Real>(self, x: Var<'t, T>, w: Var<'t, T>, b: Option<Var<'t, T>>) -> Var<'t, T> {
        match self {
            LinearMap::Affine => Linear::affine(w, x, b, Activation::Identity),
            LinearMap::MatMul => Linear::matmul(w, x),
            LinearMap::Convolve(settings) => Linear::convolve(w, x, b, settings),
            LinearMap::ConvolveTransposed(settings) => Linear::convolve_transposed(w, x, b, settings),
            LinearMap::ScaleFeatures => x * w,
            LinearMap::ScaleChannels => {
                let space = x.shape()[2..].iter().map(|_| 1);
                x * w.reshape(w.shape().iter().copied().chain(space).collect::<Shape>())
            }
        }
    }

    /// The layout of its inputs and outputs.
    fn layout(self, shape: &[usize]) -> Grid {
        match self {
            LinearMap::Affine | LinearMap::MatMul | LinearMap::ScaleFeatures => features_last(shape),
            LinearMap::Convolve(_) | LinearMap::ConvolveTransposed(_) | LinearMap::ScaleChannels => {
                features_second(shape)
            }
        }
    }
}

/// Local reparameterisation (Kingma, Salimans and Welling 2015, eq. 6): samples the map's outputs, whose mean is the
/// map at the weight's mean, and whose variance is the map of the squared input at the weight's variance.
#[track_caller]
pub(crate) fn local<'t, T: Real, const D: usize>(
    map: LinearMap<D>,
    x: Var<'t, T>,
    [mean, variance]: [Var<'t, T>; 2],
    bias: Option<impl Operand<'t, T>>,
    cx: Cx<'t, T>,
) -> Var<'t, T> {
    let [bias_mean, bias_variance] = match bias.map(|bias| (bias, bias.moments())) {
        None => [None, None],
        Some((_, Some([mean, variance]))) => [Some(mean), Some(variance)],
        Some((bias, None)) => [Some(bias.var()), None],
    };
    sample_output(
        map.apply(x, mean, bias_mean),
        map.apply(x.square(), variance, bias_variance),
        cx.for_examples("output"),
    )
}

/// Flipout (Wen et al. 2018, eq. 4): gives each example its own perturbation, by multiplying the inputs and outputs of
/// the shared one by the example's random signs.
#[track_caller]
pub(crate) fn flipout<'t, T: Real, const D: usize>(
    map: LinearMap<D>,
    x: Var<'t, T>,
    [mean, perturbation]: [Var<'t, T>; 2],
    bias: Option<impl Operand<'t, T>>,
    cx: Cx<'t, T>,
) -> Var<'t, T> {
    let mean_output = map.apply(x, mean, bias.map(Operand::var));
    let perturbed = map.apply(flip(x, map.layout(x.shape()), cx.for_examples("signs_in")), perturbation, None);
    mean_output + flip(perturbed, map.layout(perturbed.shape()), cx.for_examples("signs_out"))
}

/// The layout of a dense layer's values: (examples, positions.., features).
fn features_last(shape: &[usize]) -> Grid {
    match *shape {
        [] => Grid { examples: 1, positions: 1, features: 1, space: 1 },
        [features] => Grid { examples: 1, positions: 1, features, space: 1 },
        [examples, ref positions @ .., features] => {
            Grid { examples, positions: positions.iter().product(), features, space: 1 }
        }
    }
}

/// The layout of a convolution's values: (examples, features, space..). A sign is constant over space.
fn features_second(shape: &[usize]) -> Grid {
    match *shape {
        [examples, features, ref space @ ..] => {
            Grid { examples, positions: 1, features, space: space.iter().product() }
        }
        _ => features_last(shape),
    }
}
