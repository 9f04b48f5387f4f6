//! A random weight in a draw, and the estimators: how a linear map uses a weight that is not sampled as a whole.

mod flip;
mod output;
mod variance;
mod weight;

use crate::engine::Operand;
use crate::engine::{Real, Var};
use crate::sampling::Cx;
pub(crate) use flip::Grid;
use flip::flip;
use output::sample_output;
pub use variance::Variance;
pub use weight::Weight;
pub(crate) use weight::{Source, Used};

/// A linear map of an input, by a weight, with a bias added if there is one.
pub(crate) trait Map<'t, T: Real>: Fn(Var<'t, T>, Var<'t, T>, Option<Var<'t, T>>) -> Var<'t, T> {}

impl<'t, T: Real, F: Fn(Var<'t, T>, Var<'t, T>, Option<Var<'t, T>>) -> Var<'t, T>> Map<'t, T> for F {}

/// Samples the map's outputs instead of its weight (Kingma, Salimans and Welling 2015, eq. 6): normal with the map's
/// value at the means, and the map of the squared input at the variances.
#[track_caller]
pub(crate) fn local<'t, T: Real>(
    map: impl Map<'t, T>,
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
    sample_output(map(x, mean, bias_mean), map(x.square(), variance, bias_variance), cx.at("output"))
}

/// Gives every example a perturbation of its own (Wen et al. 2018, eq. 4): the shared one, its inputs and outputs
/// multiplied by signs of the example.
#[track_caller]
pub(crate) fn flipout<'t, T: Real>(
    map: impl Map<'t, T>,
    x: Var<'t, T>,
    [mean, perturbation]: [Var<'t, T>; 2],
    bias: Option<impl Operand<'t, T>>,
    layout: fn(&[usize]) -> Grid,
    cx: Cx<'t, T>,
) -> Var<'t, T> {
    let certain = map(x, mean, bias.map(Operand::var));
    let perturbed = map(flip(x, layout(x.shape()), cx.at("signs_in")), perturbation, None);
    certain + flip(perturbed, layout(perturbed.shape()), cx.at("signs_out"))
}

/// (examples, positions.., features): the values of a dense layer.
pub(crate) fn features_last(shape: &[usize]) -> Grid {
    match *shape {
        [] => Grid { examples: 1, positions: 1, features: 1, space: 1 },
        [features] => Grid { examples: 1, positions: 1, features, space: 1 },
        [examples, ref positions @ .., features] => {
            Grid { examples, positions: positions.iter().product(), features, space: 1 }
        }
    }
}

/// (examples, features, space..): the values of a convolution. A sign is the same all over space.
pub(crate) fn features_second(shape: &[usize]) -> Grid {
    match *shape {
        [examples, features, ref space @ ..] => {
            Grid { examples, positions: 1, features, space: space.iter().product() }
        }
        _ => features_last(shape),
    }
}
