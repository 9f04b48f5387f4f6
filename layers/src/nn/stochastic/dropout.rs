//! `Dropout`: sets elements to 0 at random.

use std::f64::consts::SQRT_2;
use std::marker::PhantomData;

use statrs::function::erf::erf_inv;

use super::source::{Rows, Source, check_rate, without_weights};
use crate::engine::{Real, Var};
use crate::model::Forward;

/// Dropout (Srivastava et al. 2014): in training each element of the input is set to 0 with probability `rate`, and the
/// others are divided by 1 − `rate`. The noise is a function of the draw's key, the layer's place in the model and the
/// element, so training has the same bits for any number of threads.
///
/// In predictions, and in `evaluate`, it is off, unless it is made by [`monte_carlo`](Dropout::monte_carlo).
///
/// ```
/// use elbo::nn::Dropout;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     hidden: Dense,
///     dropout: Dropout,
///     head: Dense,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.head.forward(self.dropout.forward(self.hidden.forward(x).relu()))
///     }
/// }
/// let model = Net { hidden: Dense::new(2, 16), dropout: Dropout::new(0.1), head: Dense::new(16, 1) };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout<T: Real = f32> {
    rate: f64,
    in_predictions: bool,
    scalar: PhantomData<fn() -> T>,
}

impl<T: Real> Dropout<T> {
    /// Dropout in training only.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        check_rate("Dropout", rate);
        Dropout { rate, in_predictions: false, scalar: PhantomData }
    }

    /// Dropout in training and in predictions (Gal and Ghahramani 2016, "Dropout as a Bayesian Approximation"). In a
    /// prediction every draw has one mask for all rows, so that a draw is a function of its inputs.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn monte_carlo(rate: f64) -> Self {
        Dropout { in_predictions: true, ..Dropout::new(rate) }
    }

    /// The probability that an element is set to 0.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

/// A draw of [`Dropout`].
#[derive(Clone, Copy, Debug)]
pub struct DropoutDraw<'t, T: Real = f32> {
    source: Source<'t, T>,
    rate: f64,
}

impl<'t, T: Real> DropoutDraw<'t, T> {
    /// The layer's output, of the shape of `x`, (examples, ..).
    #[track_caller]
    pub fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        match self.mask(x.shape(), Rows::Examples) {
            Some(mask) => x * mask,
            None => x,
        }
    }

    /// A mask of this shape, in which an element is 0 with probability `rate` and else 1/(1 − `rate`). `None` if the layer is
    /// off.
    #[track_caller]
    pub(super) fn mask(&self, shape: &[usize], rows: Rows) -> Option<Var<'t, T>> {
        if self.rate == 0.0 {
            return None;
        }
        let noise = self.source.normal(shape, rows)?;
        // Normal noise is below this with probability `rate`.
        let limit = SQRT_2 * erf_inv(2.0 * self.rate - 1.0);
        Some(noise.ge(limit) * (1.0 / (1.0 - self.rate)))
    }
}

impl<'t, T: Real> Forward<'t, Var<'t, T>> for DropoutDraw<'t, T> {
    type Out = Var<'t, T>;

    #[track_caller]
    fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        DropoutDraw::forward(self, x)
    }
}

without_weights!(Dropout, DropoutDraw: |layer, cx| {
    DropoutDraw { source: Source::new(cx, layer.in_predictions), rate: layer.rate }
});
