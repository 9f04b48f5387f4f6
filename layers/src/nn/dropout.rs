//! Layers that make noise without weights: `Dropout`, and `Noise` for latent variables.

use std::cell::Cell;
use std::f64::consts::SQRT_2;
use std::marker::PhantomData;

use statrs::function::erf::erf_inv;

use crate::engine::{Parameters, Path, Real, Shape, Var, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn, Forward};
use crate::properties::Yes;
use crate::sampling::Cx;

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

impl<T: Real> Dropout<T> {
    /// Dropout in training only.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "Dropout: the rate must be in [0, 1), got {rate}");
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

/// What the draws of both layers know.
#[derive(Clone, Copy, Debug)]
struct Source<'t, T: Real> {
    cx: Cx<'t, T>,
    /// The number of calls in this forward pass so far.
    calls: &'t Cell<usize>,
    in_predictions: bool,
}

impl<'t, T: Real> Source<'t, T> {
    fn new(cx: Cx<'t, T>, in_predictions: bool) -> Self {
        Source { cx, calls: cx.tape().alloc_without_drop(Cell::new(0)), in_predictions }
    }

    /// Noise for a value of this shape, (examples, ..), if the layer is on.
    #[track_caller]
    fn normal(self, shape: &[usize]) -> Option<Var<'t, T>> {
        let is_training = self.cx.tape().is_recording();
        if !is_training && !self.in_predictions {
            return None;
        }
        let call = self.calls.get();
        // In a prediction all rows share the noise.
        let own: Shape = shape.iter().enumerate().map(|(i, &n)| if i == 0 && !is_training { 1 } else { n }).collect();
        let noise = self.cx.layer_noise(call, &own)?;
        self.calls.set(call + 1);
        Some(noise)
    }
}

/// A draw of [`Dropout`].
#[derive(Clone, Copy, Debug)]
pub struct DropoutDraw<'t, T: Real = f32> {
    source: Source<'t, T>,
    rate: f64,
}

/// A draw of [`Noise`].
#[derive(Clone, Copy, Debug)]
pub struct NoiseDraw<'t, T: Real = f32> {
    source: Source<'t, T>,
}

impl<'t, T: Real> DropoutDraw<'t, T> {
    /// The layer's output, of the shape of `x`, (examples, ..).
    #[track_caller]
    pub fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.rate == 0.0 {
            return x;
        }
        let Some(noise) = self.source.normal(x.shape()) else {
            return x;
        };
        // Normal noise is below this with probability `rate`.
        let limit = SQRT_2 * erf_inv(2.0 * self.rate - 1.0);
        x * (noise.ge(limit) * (1.0 / (1.0 - self.rate)))
    }
}

impl<'t, T: Real> Forward<'t, Var<'t, T>> for DropoutDraw<'t, T> {
    type Out = Var<'t, T>;

    fn forward(&self, x: Var<'t, T>) -> Var<'t, T> {
        DropoutDraw::forward(self, x)
    }
}

impl<'t, T: Real> NoiseDraw<'t, T> {
    /// Standard normal noise of the shape of `like`, (examples, ..); zeros if the layer is off.
    #[track_caller]
    pub fn normal(&self, like: Var<'t, T>) -> Var<'t, T> {
        let zeros = || like.tape().constant(like.shape(), |_| T::ZERO);
        let noise = self.source.normal(like.shape());
        noise.map_or_else(zeros, |noise| noise.broadcast_to(like.shape()))
    }
}

macro_rules! without_weights {
    ($($name:ident, $draw:ident: |$layer:ident, $cx:ident| $drawn:expr;)+) => {$(
        impl<T: Real> Parameters for $name<T> {
            type Scalar = T;

            fn visit<'a>(&'a self, _: &Path<'_>, _: &mut Visitor<'_, 'a, T>) {}

            fn visit_mut(&mut self, _: &Path<'_>, _: &mut VisitorMut<'_, T>) {}
        }

        impl<T: Real> Bayesian for $name<T> {
            type Draw<'t> = $draw<'t, T>;
            type Batch = Yes;
            type Exact = Yes;
            type Allows = Yes;

            fn draw_in<'t>(&'t self, $cx: Cx<'t, T>) -> $draw<'t, T> {
                let $layer = self;
                $drawn
            }

            fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
        }

        impl<'t, T: Real> Drawn<'t, T> for $draw<'t, T> {
            fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
        }
    )+};
}

without_weights! {
    Dropout, DropoutDraw: |layer, cx| DropoutDraw { source: Source::new(cx, layer.in_predictions), rate: layer.rate };
    Noise, NoiseDraw: |layer, cx| NoiseDraw { source: Source::new(cx, layer.in_predictions) };
}
