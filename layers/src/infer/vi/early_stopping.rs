//! Early stopping: the monitored quantity, the best epoch so far, and its parameters.

use crate::engine::Real;
use crate::infer::vi::Epoch;
use crate::infer::vi::snapshot::Snapshot;
use crate::model::Bayesian;

/// The quantity that early stopping monitors: [`Training::early_stopping`](crate::Training::early_stopping).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Monitor {
    /// [`Epoch::validation_nll`]; lower is better.
    ValidationNll,
    /// [`Epoch::elbo`]; higher is better.
    Elbo,
}

impl Monitor {
    /// The quantity, with its sign such that lower is better. NaN counts as infinite.
    fn loss(self, epoch: &Epoch) -> f64 {
        let value = match self {
            Monitor::ValidationNll => epoch.validation_nll.unwrap_or(f64::NAN),
            Monitor::Elbo => -epoch.elbo,
        };
        if value.is_nan() { f64::INFINITY } else { value }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct EarlyStopping {
    pub(super) monitor: Monitor,
    pub(super) patience: usize,
}

/// The best epoch so far, with a copy of its parameters.
pub(super) struct Best<T: Real> {
    rule: EarlyStopping,
    value: f64,
    epoch: usize,
    parameters: Snapshot<T>,
}

impl<T: Real> Best<T> {
    pub(super) fn new(rule: EarlyStopping) -> Self {
        Best { rule, value: f64::INFINITY, epoch: 0, parameters: Snapshot::default() }
    }

    /// The number of the best epoch, from 1.
    pub(super) fn epoch(&self) -> usize {
        self.epoch
    }

    /// The best value and its epoch.
    #[cfg(feature = "files")]
    pub(super) fn value(&self) -> (f64, usize) {
        (self.value, self.epoch)
    }

    /// The parameters of the best epoch.
    #[cfg(feature = "files")]
    pub(super) fn parameters(&self) -> &Snapshot<T> {
        &self.parameters
    }

    /// With this best epoch.
    #[cfg(feature = "files")]
    pub(super) fn set(&mut self, (value, epoch): (f64, usize), parameters: Snapshot<T>) {
        (self.value, self.epoch, self.parameters) = (value, epoch, parameters);
    }

    /// Records epoch `number` (from 1), and returns whether the patience is exhausted.
    pub(super) fn is_exhausted<M: Bayesian<Scalar = T>>(&mut self, number: usize, epoch: &Epoch, model: &M) -> bool {
        let value = self.rule.monitor.loss(epoch);
        if value < self.value || self.epoch == 0 {
            (self.value, self.epoch) = (value, number);
            self.parameters.take(model);
        }
        number - self.epoch >= self.rule.patience
    }

    /// Restores the parameters of the best epoch.
    ///
    /// # Panics
    /// If the model's `visit` and `visit_mut` differ.
    #[track_caller]
    pub(super) fn restore<M: Bayesian<Scalar = T>>(self, model: &mut M) {
        self.parameters.restore(model);
    }
}
