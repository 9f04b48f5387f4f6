//! How long a training lasts: a number of epochs, or until the bound has converged.

/// The number of passes over the training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Epochs(
    /// The number of epochs.
    pub usize,
);

/// Trains until the bound has converged, within a limit.
///
/// The learning rate is held for at least 4,000 steps, and until the bound no longer rises: its slope over the second half of the
/// steps so far is within two standard errors of zero, or predicts a small gain for as many steps again: less than 25 % of the
/// bound, and less than 0.011 nats for each learned parameter. From then on the rate falls to 0 by a cosine, in twice the steps
/// that it was held, and training ends: it is held for at most a third of the limit. With a [`schedule`](crate::Elbo::schedule) of
/// your own, training ends where the rate would begin to fall, or where the schedule ends.
///
/// While the bound is below that of guessing ([`Report::guessing`](crate::Report::guessing)), the rate is held until the slope and
/// two standard errors together predict less than 5 %: weights that explain nothing are given up slowly. If the bound then is
/// still so far below that this gain would not bring it there, and the optimiser is [automatic](crate::Adam::automatic), the
/// divergence counts twice for a sixth of the steps so far, once, so that more of them are. When the bound has settled again, the
/// training goes on from the better of both, and the rate falls.
///
/// ```
/// # use elbo::prelude::*;
/// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
/// # let mut model = Dense::new(2, 2);
/// let report = Elbo::new(Categorical).quiet().fit(&mut model, &train, UntilConverged::within(Epochs(300)))?;
/// println!("{} epochs; converged: {}", report.epochs.len(), report.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UntilConverged {
    pub(super) limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Limit {
    Steps(usize),
    Epochs(usize),
}

/// Steps that a training takes at most by default.
const MOST_STEPS: usize = 60_000;

impl UntilConverged {
    /// At most 60,000 steps, in whole epochs, and at least one epoch.
    pub const fn new() -> Self {
        UntilConverged { limit: Limit::Steps(MOST_STEPS) }
    }

    /// At most this many epochs.
    pub const fn within(Epochs(epochs): Epochs) -> Self {
        UntilConverged { limit: Limit::Epochs(epochs) }
    }
}

impl Default for UntilConverged {
    fn default() -> Self {
        UntilConverged::new()
    }
}

/// How long a training lasts: [`Epochs`] or [`UntilConverged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Budget {
    /// This many epochs.
    Epochs(Epochs),
    /// Until the bound has converged.
    UntilConverged(UntilConverged),
}

impl Budget {
    /// The most epochs of `batches` steps.
    pub(super) fn most_epochs(self, batches: usize) -> usize {
        match self {
            Budget::Epochs(Epochs(epochs)) => epochs,
            Budget::UntilConverged(UntilConverged { limit }) => match limit {
                Limit::Epochs(epochs) => epochs,
                Limit::Steps(steps) => (steps / batches.max(1)).max(1),
            },
        }
    }
}

impl From<Epochs> for Budget {
    fn from(epochs: Epochs) -> Self {
        Budget::Epochs(epochs)
    }
}

impl From<UntilConverged> for Budget {
    fn from(until: UntilConverged) -> Self {
        Budget::UntilConverged(until)
    }
}
