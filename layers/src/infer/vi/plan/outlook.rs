//! What the bound's slope says of going on.

use crate::infer::vi::trace::Trace;

/// The gain in as many steps again, relative to the bound, below which the rate is not held for longer: what is left is mostly
/// gained while it falls.
const TOLERANCE: f64 = 0.25;

/// The same in nats for each learned parameter, whichever is less: steps of a small model are cheap, and this part does not
/// depend on the targets' unit.
const TOLERANCE_BY_PARAMETER: f64 = 0.011;

/// As [`TOLERANCE`], for the largest gain that is plausible below the bound of guessing: two standard errors above the measured
/// one. A network that costs more than it explains loses weights one by one, slowly and noisily.
const TOLERANCE_BELOW_GUESSING: f64 = 0.05;

/// What the bound and its gains are compared with.
#[derive(Clone, Copy, Debug)]
pub(in crate::infer) struct Yardstick {
    /// The number of learned parameters.
    pub(in crate::infer) parameters: usize,
    /// The bound of guessing, if it is known and the loss is the bound.
    pub(in crate::infer) guessing: Option<f64>,
}

/// What the bound's slope says of going on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    Rising,
    /// [`UntilConverged`](crate::UntilConverged) says when.
    Settled,
    /// Settled, and as many steps again would not bring it to the bound of guessing.
    SettledBelowGuessing,
}

impl Outlook {
    /// After `done` steps.
    pub(super) fn after(done: usize, trace: &Trace, yardstick: Yardstick) -> Self {
        let Some(slope) = trace.slope(done / 2..done) else { return Outlook::Rising };
        let [gain, error] = [slope.per_step, 2.0 * slope.standard_error].map(|slope| slope * done as f64);
        let (bound, size) = (slope.mean, slope.mean.abs());
        let settled = match yardstick.guessing {
            Some(guessing) if bound < guessing => gain + error < TOLERANCE_BELOW_GUESSING * size,
            _ => gain < error.max((TOLERANCE * size).min(TOLERANCE_BY_PARAMETER * yardstick.parameters as f64)),
        };
        match yardstick.guessing {
            _ if !settled => Outlook::Rising,
            Some(guessing) if bound + gain.max(0.0) + error < guessing => Outlook::SettledBelowGuessing,
            _ => Outlook::Settled,
        }
    }
}
