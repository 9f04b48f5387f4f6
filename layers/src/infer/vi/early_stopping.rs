//! Stopping where training no longer helps.

use crate::engine::Order;
use crate::engine::{Path, Real, Tensor};
use crate::infer::vi::Epoch;
use crate::model::Bayesian;

/// A quantity that is watched from epoch to epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Monitor {
    /// [`Epoch::validation_nll`], which should fall.
    ValidationNll,
    /// [`Epoch::elbo`], which should rise.
    Elbo,
}

impl Monitor {
    /// The quantity, turned so that less is better. A NaN is worse than anything.
    fn of(self, epoch: &Epoch) -> f64 {
        let value = match self {
            Monitor::ValidationNll => epoch.validation_nll.unwrap_or(f64::NAN),
            Monitor::Elbo => -epoch.elbo,
        };
        if value.is_nan() { f64::INFINITY } else { value }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct EarlyStopping {
    pub(super) watch: Monitor,
    pub(super) patience: usize,
}

/// The best epoch so far, and the parameters after it.
pub(super) struct Best<T: Real> {
    rule: EarlyStopping,
    value: f64,
    epoch: usize,
    parameters: Vec<Tensor<T>>,
}

impl<T: Real> Best<T> {
    pub(super) fn new(rule: EarlyStopping) -> Self {
        Best { rule, value: f64::INFINITY, epoch: 0, parameters: Vec::new() }
    }

    /// The best epoch's number, from 1.
    pub(super) fn epoch(&self) -> usize {
        self.epoch
    }

    /// Looks at the epoch of this number, from 1; says whether patience is at its end.
    pub(super) fn is_over<M: Bayesian<Scalar = T>>(&mut self, number: usize, epoch: &Epoch, model: &M) -> bool {
        let value = self.rule.watch.of(epoch);
        if value < self.value || self.epoch == 0 {
            (self.value, self.epoch) = (value, number);
            let mut kept = self.parameters.iter_mut();
            let mut new = Vec::new();
            model.visit(&Path::ROOT, &mut |_, _, tensor| match kept.next() {
                Some(kept) => kept.data_mut().copy_from_slice(tensor.data()),
                None => new.push(tensor.clone()),
            });
            self.parameters.extend(new);
        }
        number - self.epoch >= self.rule.patience
    }

    /// Gives `model` the parameters after its best epoch.
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    pub(super) fn restore<M: Bayesian<Scalar = T>>(self, model: &mut M) {
        Order::of(model).each_mut(model, |index, _, tensor| {
            tensor.data_mut().copy_from_slice(self.parameters[index].data());
        });
    }
}
