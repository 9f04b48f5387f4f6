//! How a model's weights are drawn.

mod cx;
mod estimator;
mod noise;
#[cfg(feature = "serde")]
mod saved;

pub use cx::Cx;
pub(crate) use cx::{Mode, Random};
pub(crate) use estimator::key_at;
pub use estimator::{Estimator, Estimators};
pub use noise::{DrawNoise, FixedNoise, Noise};

use std::marker::PhantomData;

use crate::engine::{Key, Real, Var};
use crate::weights::Moments;

/// A weight drawn, or its variance, and its divergence in nats.
pub type Sampled<'t, T> = (Var<'t, T>, Var<'t, T>);

/// How to draw: the key of the noise, and what is chosen beside it. A [`Key`] alone will do where nothing is.
///
/// ```
/// # use elbo::prelude::*;
/// # let model = Dense::new(3, 2);
/// # let x = Tensor::full([5, 3], 1.0);
/// let tape = Tape::new();
/// let net = model.draw(&tape, Drawing::new(Key::new(1)).draws(8).estimator(Flipout));
/// let y = net.forward(tape.input(&x)); // as ever: (5, 2)
/// assert_eq!(y.to_tensor().shape(), [8, 5, 2]);
/// ```
///
/// `E` is the type of its estimator: [`Local`], [`Flipout`] or [`Sample`], of which the compiler knows whether it suits a
/// model ([`Suits`]), or [`Estimator`], a value, of which that is found as weights are used.
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
    /// With noise from `key`.
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
        };
        Drawing { key, how, estimator: PhantomData }
    }
}

impl<'n, T: Real, E> Drawing<'n, T, E> {
    /// The same with noise from another key: of the next step, say.
    pub fn key(self, key: Key) -> Self {
        Drawing { key, ..self }
    }

    /// With this estimator for every weight: as a type, `Flipout`, or as a value, `Estimator::Flipout`.
    pub fn estimator<F: Into<Estimator>>(self, estimator: F) -> Drawing<'n, T, F> {
        let how = Random { estimator: estimator.into(), estimators: None, ..self.how };
        Drawing { key: self.key, how, estimator: PhantomData }
    }

    /// With these estimators, by the weights' names.
    pub fn estimators(self, estimators: &'n Estimators) -> Drawing<'n, T> {
        let how = Random { estimator: estimators.others(), estimators: Some(estimators), ..self.how };
        Drawing { key: self.key, how, estimator: PhantomData }
    }

    /// So many draws of every weight at once. The forward is the same, and every value in it stands for all draws; a
    /// loss is their mean. Draw i has the noise of `key.draw(i)`, counted from the key's own draw.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("Drawing", draws);
        Drawing { how: Random { draws, antithetic: false, ..self.how }, ..self }
    }

    /// Two draws for each of `pairs`, the second with the first's noise of the other sign: what is odd in the noise
    /// cancels in their mean.
    ///
    /// # Panics
    /// If it is 0, or 2³¹ or more.
    #[track_caller]
    pub fn antithetic_pairs(self, pairs: usize) -> Self {
        check_pairs("Drawing", pairs);
        let paired = self.draws(2 * pairs);
        Drawing { how: Random { antithetic: true, ..paired.how }, ..paired }
    }

    /// With gradients of a Monte Carlo divergence through the weights drawn alone: the parameters of ln q are held
    /// constant, which leaves the expectation as it is and makes the variance vanish as q approaches the true posterior
    /// ("sticking the landing": Roeder, Wu and Duvenaud 2017). Closed forms are not concerned.
    pub fn path_derivative(self) -> Self {
        Drawing { how: Random { path_derivative: true, ..self.how }, ..self }
    }

    /// With the noise given instead of drawn, for tests and replay; the backward reads the same.
    pub fn noise(self, noise: &'n FixedNoise<T>) -> Self {
        Drawing { how: Random { noise: Some(noise), ..self.how }, ..self }
    }

    /// For the weights alone: samples are drawn without their divergence.
    pub(crate) fn without_kl(self) -> Self {
        Drawing { how: Random { with_kl: false, ..self.how }, ..self }
    }

    /// With means and variances of the weights that are kept, in place of those that their posteriors compute.
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

/// The most draws that can be made at once: their numbers have 32 bits.
const MOST_DRAWS: usize = u32::MAX as usize;

/// # Panics
/// If nobody can make so many draws.
#[track_caller]
pub(crate) fn check_draws(what: &str, draws: usize) {
    assert!(draws > 0, "{what}: at least one draw is needed, got 0");
    assert!(draws <= MOST_DRAWS, "{what}: at most {MOST_DRAWS} draws can be made at once, got {draws}");
}

/// # Panics
/// If nobody can make so many pairs of draws.
#[track_caller]
pub(crate) fn check_pairs(what: &str, pairs: usize) {
    let most = MOST_DRAWS / 2;
    assert!(pairs > 0, "{what}: at least one pair of draws is needed, got 0");
    assert!(pairs <= most, "{what}: at most {most} pairs of draws can be made at once, got {pairs}");
}

impl<T: Real> From<Key> for Drawing<'_, T> {
    fn from(key: Key) -> Self {
        Drawing::new(key)
    }
}
