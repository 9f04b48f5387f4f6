//! `Noise`: standard normal noise for latent variables.

use std::marker::PhantomData;

use super::source::{Rows, Source, without_weights};
use crate::engine::{Real, Var};

/// Standard normal noise of any shape, for layers of your own such as the latent variable of a variational autoencoder:
/// z = mean + noise · sd (Kingma and Welling 2014). It has no weights; the same draw always makes the same noise.
///
/// In predictions, and in `evaluate`, it is 0, unless it is made by [`in_predictions`](Noise::in_predictions).
///
/// ```
/// use elbo::nn::Noise;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Encoder {
///     mean: Dense,
///     log_sd: Dense,
///     noise: Noise,
/// }
///
/// #[bayesian]
/// impl Encoder {
///     fn forward(&self, x: Var) -> Var {
///         let (mean, log_sd) = (self.mean.forward(x), self.log_sd.forward(x));
///         mean + self.noise.normal(mean) * log_sd.exp()
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise<T: Real = f32> {
    in_predictions: bool,
    scalar: PhantomData<fn() -> T>,
}

impl<T: Real> Noise<T> {
    /// Noise in training only.
    pub fn new() -> Self {
        Noise { in_predictions: false, scalar: PhantomData }
    }

    /// Noise in predictions too, the same for all rows of a draw.
    #[must_use]
    pub fn in_predictions(self) -> Self {
        Noise { in_predictions: true, ..self }
    }
}

/// A draw of [`Noise`].
#[derive(Clone, Copy, Debug)]
pub struct NoiseDraw<'t, T: Real = f32> {
    source: Source<'t, T>,
}

impl<'t, T: Real> NoiseDraw<'t, T> {
    /// Standard normal noise of the shape of `like`, (examples, ..); zeros if the layer is off.
    #[track_caller]
    pub fn normal(&self, like: Var<'t, T>) -> Var<'t, T> {
        let zeros = || like.tape().constant(like.shape(), |_| T::ZERO);
        let noise = self.source.normal(like.shape(), Rows::Examples);
        noise.map_or_else(zeros, |noise| noise.broadcast_to(like.shape()))
    }
}

without_weights!(Noise, NoiseDraw: |layer, cx| NoiseDraw { source: Source::new(cx, layer.in_predictions) });
