//! Options of the draws in training: estimators, number of draws, antithetic pairs, path derivative.

use crate::engine::{Key, Real, Tape};
use crate::model::Bayesian;
use crate::sampling::{Cx, Drawing, Estimators, Mode, StepRows};

/// How every training step draws the weights.
#[derive(Clone, Debug)]
pub(in crate::infer) struct DrawOptions {
    /// `None` if the user has not set them.
    pub(super) estimators: Option<Estimators>,
    pub(super) draws: usize,
    pub(super) antithetic: bool,
    pub(super) path_derivative: bool,
    /// Whether the posterior's means are learned as a point estimate.
    pub(super) at_point: bool,
}

impl DrawOptions {
    pub(super) fn new() -> Self {
        DrawOptions { estimators: None, draws: 1, antithetic: false, path_derivative: false, at_point: false }
    }

    /// Those of a point estimate.
    pub(in crate::infer) fn of_point_estimate() -> Self {
        DrawOptions { at_point: true, ..DrawOptions::new() }
    }

    /// The draw of a step for these of its examples, with noise from `key`.
    pub(in crate::infer) fn draw<'t, M: Bayesian>(
        &'t self,
        model: &'t M,
        tape: &'t Tape<M::Scalar>,
        key: Key,
        rows: StepRows,
    ) -> M::Draw<'t> {
        if self.at_point {
            tape.note_order(model);
            return model.draw_in(Cx::new(tape, key, Mode::PointEstimate { rows }));
        }
        model.draw(tape, self.drawing(key).for_rows(rows))
    }

    /// The [`Drawing`] of a step, with noise from `key`.
    fn drawing<T: Real>(&self, key: Key) -> Drawing<'_, T> {
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
