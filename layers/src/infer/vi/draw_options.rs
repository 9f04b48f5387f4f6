//! Options of the draws in training: estimators, number of draws, antithetic pairs, path derivative.

use crate::engine::{Key, Real};
use crate::sampling::{Drawing, Estimators};

/// How every training step draws the weights.
#[derive(Clone, Debug)]
pub(super) struct DrawOptions {
    pub(super) estimators: Estimators,
    pub(super) draws: usize,
    pub(super) antithetic: bool,
    pub(super) path_derivative: bool,
}

impl DrawOptions {
    pub(super) fn new() -> Self {
        DrawOptions { estimators: Estimators::default(), draws: 1, antithetic: false, path_derivative: false }
    }

    /// The [`Drawing`] of a step, with noise from `key`.
    pub(super) fn drawing<T: Real>(&self, key: Key) -> Drawing<'_, T> {
        let drawing = if self.estimators.has_names() {
            Drawing::new(key).estimators(&self.estimators)
        } else {
            Drawing::new(key).estimator(self.estimators.others())
        };
        let drawing =
            if self.antithetic { drawing.antithetic_pairs(self.draws / 2) } else { drawing.draws(self.draws) };
        if self.path_derivative { drawing.path_derivative() } else { drawing }
    }
}
