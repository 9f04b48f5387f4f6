//! `State`: what a training carries from step to step.

use crate::engine::Real;
use crate::infer::vi::Report;
use crate::infer::vi::clip::RunningNorm;
use crate::infer::vi::early_stopping::{Best, EarlyStopping};
use crate::infer::vi::plan::Plan;
use crate::infer::vi::snapshot::Snapshot;
use crate::infer::vi::step::StepTerms;
use crate::infer::vi::trace::Trace;

/// What a training carries from step to step, beside the model, the optimiser, and the counts of steps and epochs of `Elbo`.
pub(super) struct State<'a, T: Real> {
    pub(super) plan: Plan<'a>,
    /// The epoch so far.
    pub(super) epoch: CurrentEpoch,
    pub(super) norm: RunningNorm,
    pub(super) trace: Trace,
    /// The epochs that have ended.
    pub(super) report: Report,
    /// The parameters to which the plan may return.
    pub(super) kept: Snapshot<T>,
    pub(super) best: Option<Best<T>>,
    /// Whether early stopping or the callback has ended the training.
    pub(super) is_ended: bool,
}

/// What an epoch has measured so far.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct CurrentEpoch {
    /// The steps taken.
    pub(super) steps: usize,
    /// The sum of the NLL of each step times its share of the examples.
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(super) nll: f64,
    /// The terms of the last step.
    pub(super) last: Option<StepTerms>,
    /// The last factor of the learning rate.
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(super) rate_factor: f64,
    /// The duration so far, without that since the last start.
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    pub(super) seconds: f64,
}

impl CurrentEpoch {
    /// Before its first step.
    pub(super) const NEW: CurrentEpoch =
        CurrentEpoch { steps: 0, nll: 0.0, last: None, rate_factor: 1.0, seconds: 0.0 };
}

impl<'a, T: Real> State<'a, T> {
    /// Before the first step.
    pub(super) fn new(plan: Plan<'a>, early_stopping: Option<EarlyStopping>) -> Self {
        State {
            plan,
            epoch: CurrentEpoch::NEW,
            norm: RunningNorm::default(),
            trace: Trace::default(),
            report: Report::default(),
            kept: Snapshot::default(),
            best: early_stopping.map(Best::new),
            is_ended: false,
        }
    }

    /// Counts a step on `rows` of `examples` examples.
    pub(super) fn after_step(&mut self, terms: &StepTerms, rows: usize, examples: usize) {
        self.epoch.steps += 1;
        self.epoch.nll += terms.nll * rows as f64 / examples as f64;
        self.epoch.last = Some(*terms);
        self.trace.push(-(examples as f64 * terms.nll + terms.kl));
    }

    /// Whether no step is left.
    pub(super) fn is_over(&self) -> bool {
        self.is_ended || self.plan.is_over()
    }
}
