//! The plan of a training: the learning rate's factor at each step, and the end.

use std::f64::consts::PI;

use crate::infer::vi::trace::Trace;
use crate::infer::vi::{Budget, Schedule};

/// The share of a training of given length in which the rate rises from 0.
const RISE: f64 = 0.05;

/// Steps in which the rate rises from 0, if the length of the training is not known.
const RISE_STEPS: usize = 400;

/// Steps for which the rate is held at least.
const HELD: usize = 4000;

/// How many times as long as it was held the rate falls.
const FALL: usize = 2;

/// The gain, relative to the bound, below which it is not worth to hold the rate for longer.
const TOLERANCE: f64 = 0.03;

pub(super) struct Plan<'a> {
    schedule: Option<&'a Schedule>,
    /// Whether the rate rises at first.
    rises: bool,
    /// The first step of this training, by the schedule's count.
    first: usize,
    phase: Phase,
    /// Whether the rate fell because the bound no longer rose.
    settled: bool,
}

enum Phase {
    /// As many steps as are asked for, with a rate that falls by itself or only by the schedule.
    Fixed {
        steps: usize,
        falls: bool,
    },
    /// The rate is held until the bound no longer rises, for at most `limit` of at most `most` steps; it is looked at again
    /// after `next`.
    Held {
        limit: usize,
        next: usize,
        most: usize,
    },
    /// The rate falls, in `steps` steps after `held`.
    Falling {
        held: usize,
        steps: usize,
    },
    Ended {
        steps: usize,
    },
}

impl<'a> Plan<'a> {
    /// For a training from step `first` on, in epochs of `batches` steps. With `automatic`, the rate rises and falls by
    /// itself unless there is a schedule.
    pub(super) fn new(
        budget: Budget,
        schedule: Option<&'a Schedule>,
        automatic: bool,
        [first, batches]: [usize; 2],
    ) -> Self {
        let chosen = schedule.is_none();
        let most = budget.most_epochs(batches).saturating_mul(batches);
        let phase = match budget {
            Budget::Epochs(_) => Phase::Fixed { steps: most, falls: chosen && automatic },
            Budget::UntilConverged(_) if chosen => {
                // In whole epochs, so that the limit holds.
                let limit = most / batches.max(1) / (1 + FALL) * batches;
                Phase::Held { limit, next: HELD.min(limit), most }
            }
            Budget::UntilConverged(_) => Phase::Held { limit: most, next: HELD.min(most), most },
        };
        let phase = if most == 0 { Phase::Ended { steps: 0 } } else { phase };
        Plan { schedule, rises: chosen && automatic, first, phase, settled: matches!(budget, Budget::Epochs(_)) }
    }

    /// The steps of the training, as far as is known.
    pub(super) fn steps(&self) -> usize {
        match self.phase {
            Phase::Fixed { steps, .. } => steps,
            Phase::Held { next, .. } if self.schedule.is_some() => next,
            Phase::Held { next, .. } => next * (1 + FALL),
            Phase::Falling { held, steps } => held + steps,
            Phase::Ended { steps } => steps,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether the rate was held until the bound no longer rose; true if the number of epochs is given.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The factor of the learning rate at a step; `None` if nothing asks for one.
    ///
    /// # Errors
    /// If the schedule has none.
    pub(super) fn factor(&self, step: usize) -> Result<Option<f64>, String> {
        if let Some(schedule) = self.schedule {
            return schedule.try_factor(step).map(Some);
        }
        let step = step - self.first;
        let rise = |steps: usize| if self.rises { ((step + 1) as f64 / steps.max(1) as f64).min(1.0) } else { 1.0 };
        let fall = |step: usize, steps: usize| (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0;
        Ok(match self.phase {
            Phase::Fixed { falls: false, .. } | Phase::Ended { .. } => None,
            Phase::Fixed { steps, .. } => Some(rise((RISE * steps as f64) as usize) * fall(step, steps)),
            Phase::Held { limit, .. } => Some(rise(RISE_STEPS.min(limit / 4))),
            Phase::Falling { held, steps } => Some(fall(step - held, steps)),
        })
    }

    /// After the epoch that ends before `step`, of a training with this trace.
    pub(super) fn after_epoch(&mut self, step: usize, trace: &Trace) {
        let done = step - self.first;
        self.phase = match self.phase {
            Phase::Fixed { steps, .. } if done >= steps => Phase::Ended { steps: done },
            Phase::Falling { held, steps } if done >= held + steps => Phase::Ended { steps: done },
            Phase::Held { limit, next, most } if done >= next || done >= limit => {
                self.settled = is_settled(done, trace);
                if !self.settled && done < limit {
                    // A sixth at a time: the decision is never much too late, and not made too often.
                    Phase::Held { limit, next: (done + done / 6).min(limit), most }
                } else if self.schedule.is_some() || done >= most {
                    Phase::Ended { steps: done }
                } else {
                    Phase::Falling { held: done, steps: (FALL * done).min(most - done) }
                }
            }
            Phase::Fixed { .. } | Phase::Falling { .. } | Phase::Held { .. } | Phase::Ended { .. } => return,
        };
    }
}

/// Whether the bound no longer rises after `done` steps: [`UntilConverged`](crate::UntilConverged).
fn is_settled(done: usize, trace: &Trace) -> bool {
    trace.slope(done / 2..done).is_some_and(|slope| {
        let gain = slope.per_step * done as f64;
        slope.per_step < 2.0 * slope.standard_error || gain < TOLERANCE * slope.mean.abs()
    })
}
