//! The plan of a training: the factors of learning rate and divergence at each step, and the end.

mod outlook;
mod stage;
#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use crate::infer::vi::plan::outlook::Outlook;
pub(in crate::infer) use crate::infer::vi::plan::outlook::Yardstick;
pub(super) use crate::infer::vi::plan::stage::Stage;
use crate::infer::vi::plan::stage::{Excess, Phase};
use crate::infer::vi::trace::Trace;
use crate::infer::vi::{Budget, Schedule};

/// The share of a training of given length in which the rate rises from 0, for at most as many steps as otherwise.
const RISE: f64 = 0.05;

/// Steps in which the rate rises from 0, if the length of the training is not known.
const RISE_STEPS: usize = 400;

/// Steps for which the rate is held at least.
const HELD: usize = 4000;

/// How many times as long as it was held the rate falls.
const FALL: usize = 2;

/// How many times the divergence counts for a sixth of the steps, once, after the bound has settled below guessing: weights that
/// cost more than they explain are given up. If that does not pay, the training returns to where it was.
const EXCESS: f64 = 2.0;

pub(in crate::infer) struct Plan<'a> {
    schedule: Option<&'a Schedule>,
    /// Whether the rate rises at first.
    rises: bool,
    /// The first step of this training, by the schedule's count.
    first: usize,
    stage: Stage,
}

/// What is to be done with the model's parameters after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::infer) enum Action {
    None,
    /// Keep a copy of them.
    Keep,
    /// Return to the copy.
    Restore,
}

impl<'a> Plan<'a> {
    /// For a training from step `first` on, in epochs of `batches` steps, with a warm-up of the divergence that ends after
    /// `warm_up` steps. With `automatic`, the rate rises and falls by itself unless there is a schedule.
    pub(in crate::infer) fn new(
        budget: Budget,
        schedule: Option<&'a Schedule>,
        automatic: bool,
        [first, batches]: [usize; 2],
        warm_up: usize,
    ) -> Self {
        let chosen = schedule.is_none();
        let most = budget.most_epochs(batches).saturating_mul(batches);
        let phase = match budget {
            Budget::Epochs(_) => Phase::Fixed { steps: most, falls: chosen && automatic },
            Budget::UntilConverged(_) if chosen => {
                // In whole epochs, so that the limit holds.
                let limit = most / batches.max(1) / (1 + FALL) * batches;
                Phase::Held { limit, next: HELD.max(warm_up).min(limit), most }
            }
            Budget::UntilConverged(_) => {
                // It ends with the schedule, too.
                let end = schedule.and_then(Schedule::end).map_or(most, |end| end.saturating_sub(first));
                let limit = most.min(end / batches.max(1) * batches);
                Phase::Held { limit, next: HELD.max(warm_up).min(limit), most: limit }
            }
        };
        // Too short to hold the rate.
        let phase = match phase {
            Phase::Held { limit: 0, most, .. } => Phase::Fixed { steps: most, falls: chosen && automatic },
            phase => phase,
        };
        let phase = if most == 0 { Phase::Ended { steps: 0 } } else { phase };
        let settled = matches!(budget, Budget::Epochs(_));
        // Only where everything is chosen.
        let excess = if chosen && automatic { Excess::NotYet } else { Excess::Over };
        Plan { schedule, rises: chosen && automatic, first, stage: Stage { phase, settled, excess } }
    }

    #[cfg(feature = "files")]
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// # Errors
    /// If the same plan cannot have reached this stage after `done` steps.
    #[cfg(feature = "files")]
    pub(super) fn can_go_on_from(&self, stage: Stage, done: usize) -> Result<(), String> {
        let fits = match (self.stage.phase, stage.phase) {
            (Phase::Fixed { .. }, Phase::Fixed { .. }) => self.stage.phase == stage.phase,
            (Phase::Held { limit, most, .. }, Phase::Held { limit: its_limit, next, most: its_most }) => {
                (its_limit, its_most) == (limit, most) && next <= limit && done < limit
            }
            (Phase::Held { limit, most, .. }, Phase::Falling { held, steps }) => {
                held <= done && held <= limit && steps <= most - held && done - held < steps
            }
            (_, Phase::Ended { steps }) => steps == done,
            _ => false,
        };
        let since = if let Excess::Settling { since, .. } = stage.excess { since } else { 0 };
        if fits && since <= done {
            return Ok(());
        }
        Err(format!("the plan of the training cannot be at {stage:?} after {done} steps"))
    }

    /// Goes on from a stage that it [can](Plan::can_go_on_from) have reached.
    #[cfg(feature = "files")]
    pub(super) fn go_on_from(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// The steps of the training, as far as is known.
    pub(in crate::infer) fn steps(&self) -> usize {
        match self.stage.phase {
            Phase::Fixed { steps, .. } => steps,
            Phase::Held { next, .. } if self.schedule.is_some() => next,
            Phase::Held { next, .. } => next * (1 + FALL),
            Phase::Falling { held, steps } => held + steps,
            Phase::Ended { steps } => steps,
        }
    }

    pub(in crate::infer) fn is_over(&self) -> bool {
        matches!(self.stage.phase, Phase::Ended { .. })
    }

    /// Whether the rate was held until the bound no longer rose; true if the number of epochs is given.
    pub(in crate::infer) fn is_settled(&self) -> bool {
        self.stage.settled
    }

    /// The factor of the learning rate at a step; `None` if nothing asks for one.
    ///
    /// # Errors
    /// If the schedule has none.
    pub(in crate::infer) fn factor(&self, step: usize) -> Result<Option<f64>, String> {
        if let Some(schedule) = self.schedule {
            return schedule.try_factor(step).map(Some);
        }
        let step = step - self.first;
        let rise = |steps: usize| if self.rises { ((step + 1) as f64 / steps.max(1) as f64).min(1.0) } else { 1.0 };
        let fall = |step: usize, steps: usize| (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0;
        Ok(match self.stage.phase {
            Phase::Fixed { falls: false, .. } | Phase::Ended { .. } => None,
            Phase::Fixed { steps, .. } => {
                Some(rise(((RISE * steps as f64) as usize).min(RISE_STEPS)) * fall(step, steps))
            }
            Phase::Held { limit, .. } => Some(rise(RISE_STEPS.min(limit / 4))),
            Phase::Falling { held, steps } => Some(fall(step - held, steps)),
        })
    }

    /// The factor of the divergence.
    pub(super) fn divergence_factor(&self) -> f64 {
        if matches!(self.stage.excess, Excess::Now(_)) { EXCESS } else { 1.0 }
    }

    /// If the training ends now: whether to return to the kept parameters, because what has been tried since has not paid.
    pub(super) fn at_stop(&self, step: usize, trace: &Trace) -> Action {
        let pays = match self.stage.excess {
            Excess::Now(_) => false,
            Excess::Settling { before, since } => bound(trace, since, step - self.first) > before,
            Excess::NotYet | Excess::Over => true,
        };
        if pays { Action::None } else { Action::Restore }
    }

    /// After the epoch that ends before `step`, of a training with this trace.
    pub(in crate::infer) fn after_epoch(&mut self, step: usize, trace: &Trace, yardstick: Yardstick) -> Action {
        let done = step - self.first;
        let mut action = Action::None;
        self.stage.phase = match self.stage.phase {
            Phase::Fixed { steps, .. } if done >= steps => Phase::Ended { steps: done },
            Phase::Falling { held, steps } if done >= held + steps => Phase::Ended { steps: done },
            Phase::Held { limit, next, most } if done >= next || done >= limit => {
                let outlook = Outlook::after(done, trace, yardstick);
                self.stage.settled = outlook != Outlook::Rising;
                self.stage.excess = match self.stage.excess {
                    Excess::NotYet if outlook == Outlook::SettledBelowGuessing && done < limit => {
                        (self.stage.settled, action) = (false, Action::Keep);
                        Excess::Now(bound(trace, 0, done))
                    }
                    Excess::Now(before) if done < limit => {
                        self.stage.settled = false;
                        Excess::Settling { before, since: done }
                    }
                    Excess::Now(_) => {
                        action = Action::Restore;
                        Excess::Over
                    }
                    Excess::Settling { before, since } if self.stage.settled || done >= limit => {
                        let pays = bound(trace, since, done) > before;
                        action = if pays { Action::None } else { Action::Restore };
                        Excess::Over
                    }
                    excess => excess,
                };
                if !self.stage.settled && done < limit {
                    // A sixth at a time: the decision is never much too late, and not made too often.
                    Phase::Held { limit, next: (done + done / 6).min(limit), most }
                } else if self.schedule.is_some() || done >= most {
                    Phase::Ended { steps: done }
                } else {
                    Phase::Falling { held: done, steps: (FALL * done).min(most - done) }
                }
            }
            Phase::Fixed { .. } | Phase::Falling { .. } | Phase::Held { .. } | Phase::Ended { .. } => return action,
        };
        action
    }
}

/// The mean of the bound over the last sixth of `done` steps, not before step `since`; NaN if they are too few.
fn bound(trace: &Trace, since: usize, done: usize) -> f64 {
    trace.slope(since.max(done - done / 6)..done).map_or(f64::NAN, |slope| slope.mean)
}
