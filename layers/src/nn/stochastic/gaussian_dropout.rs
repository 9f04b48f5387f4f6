//! `GaussianDropout`: multiplies by normal noise.

use std::marker::PhantomData;

use super::source::{Rows, Source, check_rate, without_weights};
use crate::engine::{Real, Var};
use crate::model::Forward;

/// Gaussian dropout (Srivastava et al. 2014, section 10): in training each element of the input is multiplied by noise from
/// N(1, α) with α = `rate`/(1 − `rate`), the mean and variance of the noise of [`Dropout`](super::Dropout) with this rate. The
/// noise is a function of the draw's key, the layer's place in the model and the element, so training has the same bits for
/// any number of threads.
///
/// In predictions, and in `evaluate`, it is off, unless it is made by [`monte_carlo`](GaussianDropout::monte_carlo).
///
/// ```
/// use elbo::nn::GaussianDropout;
/// use elbo::prelude::*;
///
/// let dropout: GaussianDropout = GaussianDropout::new(0.2);
/// let (tape, x) = (Tape::new(), Tensor::full([4, 3], 1.0));
/// let y = dropout.draw(&tape, Key::new(1)).forward(tape.input(&x));
/// assert_eq!(y.shape(), [4, 3]);
/// assert_eq!(dropout.variance(), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianDropout<T: Real = f32> {
    rate: f64,
    in_predictions: bool,
    scalar: PhantomData<fn() -> T>,
}

impl<T: Real> GaussianDropout<T> {
    /// Noise in training only.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        check_rate("GaussianDropout", rate);
        GaussianDropout { rate, in_predictions: false, scalar: PhantomData }
    }

    /// Noise in training and in predictions. In a prediction every draw has the same noise for all rows, so that a draw is a
    /// function of its inputs.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn monte_carlo(rate: f64) -> Self {
        GaussianDropout { in_predictions: true, ..GaussianDropout::new(rate) }
    }

    /// The rate of the dropout whose noise has this mean and variance.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// α, the variance of the noise.
    pub fn variance(&self) -> f64 {
        self.rate / (1.0 - self.rate)
    }
}

/// A draw of [`GaussianDropout`].
#[derive(Clone, Copy, Debug)]
pub struct GaussianDropoutDraw<'t, T: Real = f32> {
    source: Source<'t, T>,
    sd: f64,
}

impl<'t, T: Real> GaussianDropoutDraw<'t, T> {
    /// The layer's output, of the shape of `x`, (examples, ..).
    #[track_caller]
    pub fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.sd == 0.0 {
            return x;
        }
        match self.source.normal(x.shape(), Rows::Examples) {
            Some(noise) => x * noise.scale_shift(self.sd, 1.0),
            None => x,
        }
    }
}

impl<'t, T: Real> Forward<'t, Var<'t, T>> for GaussianDropoutDraw<'t, T> {
    type Out = Var<'t, T>;

    #[track_caller]
    fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        GaussianDropoutDraw::forward(self, x)
    }
}

without_weights!(GaussianDropout, GaussianDropoutDraw: |layer, cx| {
    GaussianDropoutDraw { source: Source::new(cx, layer.in_predictions), sd: layer.variance().sqrt() }
});
