//! `VariationalDropout`: dropout by normal noise whose variances are learned.

use crate::engine::{Real, Var};
use crate::posterior::DropoutNoise;
use crate::prior::LogUniform;
use elbo_macros::bayesian;

/// Variational dropout (Kingma, Salimans and Welling 2015, section 3): each feature is multiplied by noise from N(1, α), (..,
/// features) to (.., features), with a learned α for each feature or, by [`shared`](VariationalDropout::shared), one for the
/// layer. Under the log-uniform prior of the noise the KL divergence depends on the αs only, and each feature has its own
/// summand also if they share α. It has no closed form; [`kl`](crate::Bayesian::kl) is the approximation of Molchanov, Ashukha
/// and Vetrov (2017, eq. 14), whose error is below 0.01 nats for each feature. It tends to 0 as α → ∞, so that a feature that the
/// data do not need is dropped.
///
/// The noise is a random weight like others: it is on in training and in predictions, and 1 at the mean.
/// [`Local`](crate::Local), which [`Elbo::fit`](crate::Elbo::fit) chooses for inputs of one row for each example, gives each
/// row noise of its own; under [`Sample`](crate::Sample), and in predictions, the rows of a draw share it. The weights of the
/// next layer are usually a [`Point`](crate::Point): the noise is then the only uncertainty.
///
/// ```
/// use elbo::nn::VariationalDropout;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     hidden: Dense<Point>,
///     dropout: VariationalDropout,
///     head: Dense<Point>,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.head.forward(self.dropout.forward(self.hidden.forward(x).tanh()))
///     }
/// }
/// let dense = |inputs, outputs| Dense::of(inputs, outputs, Point::new, Normal(0.0, 1.0));
/// let model = Net { hidden: dense(2, 16), dropout: VariationalDropout::new(16), head: dense(16, 1) };
/// assert!(model.kl() > 0.0);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct VariationalDropout<T: Real = f32> {
    /// The noise of each feature.
    #[prior(LogUniform)]
    pub noise: DropoutNoise<T>,
}

/// The rate of the dropout whose variance is the initial α.
const RATE: f64 = 0.2;

impl<T: Real> VariationalDropout<T> {
    /// A layer for this number of features, each with its α, ¼ at the start: the variance of dropout with rate 0.2.
    #[track_caller]
    pub fn new(features: usize) -> Self {
        VariationalDropout { noise: DropoutNoise::new([features], RATE) }
    }

    /// A layer with one α for all features.
    #[track_caller]
    pub fn shared(features: usize) -> Self {
        VariationalDropout { noise: DropoutNoise::shared([features], RATE) }
    }

    /// Sets α to `rate`/(1 − `rate`), the variance of dropout with this rate.
    ///
    /// # Panics
    /// If `rate` is not in (0, 1).
    #[track_caller]
    #[must_use]
    pub fn initial_rate(mut self, rate: f64) -> Self {
        assert!(rate > 0.0 && rate < 1.0, "VariationalDropout: the rate must be in (0, 1), got {rate}");
        let initial = DropoutNoise::<T>::shared([1], rate).rho.data()[0];
        self.noise.rho.data_mut().fill(initial);
        self
    }
}

#[bayesian]
impl<T: Real> VariationalDropout<T> {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's features.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        self.noise.scale_features("VariationalDropout", x, 0.0)
    }
}
