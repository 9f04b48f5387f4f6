//! How far a plan has come, as a checkpoint keeps it.

/// How far a plan has come.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::infer::vi) struct Stage {
    pub(super) phase: Phase,
    /// Whether the rate fell because the bound no longer rose.
    pub(super) settled: bool,
    pub(super) excess: Excess,
}

impl Stage {
    /// Whether the plan may return to the parameters that it has kept.
    #[cfg(feature = "files")]
    pub(in crate::infer::vi) fn needs_kept(&self) -> bool {
        matches!(self.excess, Excess::Now(_) | Excess::Settling { .. })
    }
}

/// Whether the divergence counts `EXCESS` times.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Excess {
    NotYet,
    /// It does; before, the bound was this.
    Now(#[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))] f64),
    /// It did until step `since`; before, the bound was this, and the rate is held until it has settled again.
    Settling {
        #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
        before: f64,
        since: usize,
    },
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Phase {
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
