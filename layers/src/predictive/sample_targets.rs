//! `SampleTargets`: draws targets from a predictive distribution, in the type of a likelihood's targets.

use crate::engine::Key;
use crate::predictive::Predictive;

/// A predictive distribution from which targets of the type `Y` can be drawn: simulated data, for
/// [`checks`](crate::checks).
///
/// It is implemented for the predictions of all likelihoods here, with targets as tensors (examples, elements..) or as labels.
/// For a predictive distribution of your own, implement it for the targets of its likelihood.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::SampleTargets;
/// # let (model, x) = (Dense::new(2, 1), Tensor::from_fn([16, 2], |i| (i as f64).sin()));
/// let predicted = model.predict(&Gaussian::new(0.3), &x, Draws(1));
/// let simulated: Tensor = predicted.sample_targets(Key::new(1));
/// assert_eq!(simulated.shape(), [16, 1]);
/// ```
pub trait SampleTargets<Y>: Predictive {
    /// Targets of all examples under the first draw of the weights, with the noise of `key`.
    fn sample_targets(&self, key: Key) -> Y;
}

/// The targets of several heads.
macro_rules! tuples {
    ($(($($part:ident $targets:ident $index:tt),+);)+) => {$(
        impl<$($targets, $part: SampleTargets<$targets>),+> SampleTargets<($($targets,)+)> for ($($part,)+) {
            fn sample_targets(&self, key: Key) -> ($($targets,)+) {
                ($(self.$index.sample_targets(key.index($index)),)+)
            }
        }
    )+};
}

tuples! {
    (A X 0);
    (A X 0, B Y 1);
    (A X 0, B Y 1, C Z 2);
    (A X 0, B Y 1, C Z 2, D W 3);
}
