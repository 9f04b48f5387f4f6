//! Options of the draws in training: estimators, number of draws, antithetic pairs, path derivative.

use crate::engine::{Key, Real};
use crate::sampling::{Drawing, Estimators};

/// How every training step draws the weights.
#[derive(Clone, Debug)]
pub(super) struct DrawOptions {
    /// `None` if the user has not set them.
    pub(super) estimators: Option<Estimators>,
    pub(super) draws: usize,
    pub(super) antithetic: bool,
    pub(super) path_derivative: bool,
}

impl DrawOptions {
    pub(super) fn new() -> Self {
        DrawOptions { estimators: None, draws: 1, antithetic: false, path_derivative: false }
    }

    /// The [`Drawing`] of a step, with noise from `key`.
    pub(super) fn drawing<T: Real>(&self, key: Key) -> Drawing<'_, T> {
        let drawing = match &self.estimators {
            Some(estimators) if estimators.has_names() => Drawing::new(key).estimators(estimators),
            Some(estimators) => Drawing::new(key).estimator(estimators.others()),
            None => Drawing::new(key),
        };
        let drawing =
            if self.antithetic { drawing.antithetic_pairs(self.draws / 2) } else { drawing.draws(self.draws) };
        if self.path_derivative { drawing.path_derivative() } else { drawing }
    }
}
