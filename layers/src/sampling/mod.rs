//! Sampling a model's weights: `Drawing` (the options of a draw), `Estimator`, `Cx` and noise.

mod cx;
mod estimator;
mod noise;
#[cfg(feature = "serde")]
mod saved;

pub use cx::Cx;
pub(crate) use cx::{Mode, Random, StepRows};
pub(crate) use estimator::key_at;
pub use estimator::{Estimator, Estimators};
pub use noise::{DrawNoise, FixedNoise, Noise};

use std::marker::PhantomData;

use crate::engine::{Key, Real, Var};
use crate::weights::Moments;

/// A sampled weight or its variance, with its divergence in nats.
pub type Sampled<'t, T> = (Var<'t, T>, Var<'t, T>);

/// The options of a draw: the noise key, the number of draws, the estimator and others. A plain [`Key`] uses the
/// defaults.
///
/// ```
/// # use elbo::prelude::*;
/// # let model = Dense::new(3, 2);
/// # let x = Tensor::full([5, 3], 1.0);
/// let tape = Tape::new();
/// let net = model.draw(&tape, Drawing::new(Key::new(1)).draws(8).estimator(Flipout));
/// let y = net.forward(tape.input(&x)); // shape (5, 2) for each draw
/// assert_eq!(y.to_tensor().shape(), [8, 5, 2]);
/// ```
///
/// `E` is the estimator's type: [`Local`](crate::Local), [`Flipout`](crate::Flipout) or [`Sample`](crate::Sample),
/// whose compatibility with a model the compiler checks ([`CompatibleWith`](crate::CompatibleWith)), or a value of [`Estimator`], which
/// is checked at run time as each weight is used.
#[derive(Debug)]
#[must_use]
pub struct Drawing<'n, T: Real = f32, E = Estimator> {
    key: Key,
    how: Random<'n, T>,
    estimator: PhantomData<E>,
}

impl<T: Real, E> Clone for Drawing<'_, T, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, E> Copy for Drawing<'_, T, E> {}

impl<'n, T: Real> Drawing<'n, T> {
    /// The defaults, with noise from `key`.
    pub fn new(key: Key) -> Self {
        let how = Random {
            estimator: Estimator::default(),
            estimators: None,
            noise: None,
            moments: None,
            draws: 1,
            antithetic: false,
            path_derivative: false,
            with_kl: true,
            rows: StepRows::ALL,
            samples_all: false,
        };
        Drawing { key, how, estimator: PhantomData }
    }
}

impl<'n, T: Real, E> Drawing<'n, T, E> {
    /// Sets the noise key, for the next step for instance.
    pub fn key(self, key: Key) -> Self {
        Drawing { key, ..self }
    }

    /// Sets the estimator of all weights: a type such as `Flipout`, or a value such as `Estimator::Flipout`.
    pub fn estimator<F: Into<Estimator>>(self, estimator: F) -> Drawing<'n, T, F> {
        let how = Random { estimator: estimator.into(), estimators: None, ..self.how };
        Drawing { key: self.key, how, estimator: PhantomData }
    }

    /// Sets estimators by the weights' names.
    pub fn estimators(self, estimators: &'n Estimators) -> Drawing<'n, T> {
        let how = Random { estimator: estimators.others(), estimators: Some(estimators), ..self.how };
        Drawing { key: self.key, how, estimator: PhantomData }
    }

    /// Makes `draws` draws of every weight at once. The forward is written as for one draw, with every value computed
    /// for all draws; a loss is their mean. Draw i has the noise of `key.draw(i)`, counted from the key's own draw.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("Drawing", draws);
        Drawing { how: Random { draws, antithetic: false, ..self.how }, ..self }
    }

    /// Makes `pairs` antithetic pairs of draws: the second of a pair has the negated noise of the first, so that odd
    /// functions of the noise cancel in their mean.
    ///
    /// # Panics
    /// If it is 0, or 2³¹ or more.
    #[track_caller]
    pub fn antithetic_pairs(self, pairs: usize) -> Self {
        check_pairs("Drawing", pairs);
        let paired = self.draws(2 * pairs);
        Drawing { how: Random { antithetic: true, ..paired.how }, ..paired }
    }

    /// Uses the path derivative of Monte Carlo divergences: gradients flow only through the weights drawn, with the
    /// parameters of ln q held constant. The expectation is unchanged, and the variance vanishes as q approaches the
    /// true posterior ("sticking the landing": Roeder, Wu and Duvenaud 2017). Closed forms are not affected.
    pub fn path_derivative(self) -> Self {
        Drawing { how: Random { path_derivative: true, ..self.how }, ..self }
    }

    /// Uses given noise instead of the key's, in forward and backward pass, for tests and replay.
    pub fn noise(self, noise: &'n FixedNoise<T>) -> Self {
        Drawing { how: Random { noise: Some(noise), ..self.how }, ..self }
    }

    /// Samples weights without their divergence.
    pub(crate) fn without_kl(self) -> Self {
        Drawing { how: Random { with_kl: false, ..self.how }, ..self }
    }

    /// Samples every weight, also of layers that would give the moments of their outputs.
    pub(crate) fn sampling_all(self) -> Self {
        Drawing { how: Random { samples_all: true, ..self.how }, ..self }
    }

    /// The draw for these examples of a step, of several parts that share the weights and their divergence.
    pub(crate) fn for_rows(self, rows: StepRows) -> Self {
        Drawing { how: Random { rows, with_kl: self.how.with_kl && rows.are_first(), ..self.how }, ..self }
    }

    /// Uses precomputed means and variances of the weights.
    pub(crate) fn moments(self, moments: &'n Moments<T>) -> Self {
        Drawing { how: Random { moments: Some(moments), ..self.how }, ..self }
    }

    pub(crate) fn estimators_by_name(self) -> Option<&'n Estimators> {
        self.how.estimators
    }

    pub(crate) fn mode(self) -> (Key, Mode<'n, T>) {
        (self.key, Mode::Random(self.how))
    }
}

/// The most draws at once: their indices have 32 bits.
const MOST_DRAWS: usize = u32::MAX as usize;

/// # Panics
/// If the number of draws is 0 or too large.
#[track_caller]
pub(crate) fn check_draws(what: &str, draws: usize) {
    assert!(draws > 0, "{what}: at least one draw is needed, got 0");
    assert!(draws <= MOST_DRAWS, "{what}: at most {MOST_DRAWS} draws are possible at once, got {draws}");
}

/// # Panics
/// If the number of pairs is 0 or too large.
#[track_caller]
pub(crate) fn check_pairs(what: &str, pairs: usize) {
    let most = MOST_DRAWS / 2;
    assert!(pairs > 0, "{what}: at least one pair of draws is needed, got 0");
    assert!(pairs <= most, "{what}: at most {most} pairs of draws are possible at once, got {pairs}");
}

impl<T: Real> From<Key> for Drawing<'_, T> {
    fn from(key: Key) -> Self {
        Drawing::new(key)
    }
}
