//! The report of a gradient check: one comparison per parameter and direction.

use std::fmt;

/// The result of a [`gradcheck`](crate::gradcheck()).
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) comparisons: Vec<Comparison>,
}

/// A derivative along one direction, computed twice.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The parameter's name.
    pub parameter: String,
    /// The index of the direction.
    pub direction: usize,
    /// The derivative from the tape.
    pub tape: f64,
    /// The derivative from differences of values.
    pub differences: f64,
    /// On a kink, the least and the largest derivative, taking each element of the value from the left or from the
    /// right; `differences` is their mean.
    pub sides: Option<[f64; 2]>,
    /// The difference of `tape` and `differences` (on a kink: of `tape` and the interval of `sides`) beyond the
    /// rounding error of the values, relative to the larger of both and the gradient's length; infinite if one is not
    /// finite.
    pub error: f64,
}

impl Report {
    /// All comparisons, in the order of the model's walk.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// The comparison with the largest error; `None` if all parameters are empty.
    pub fn worst(&self) -> Option<&Comparison> {
        self.comparisons.iter().max_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// # Panics
    /// If a relative error is larger than `tolerance`; the message lists every comparison.
    #[track_caller]
    pub fn assert_within(&self, tolerance: f64) {
        assert!(
            self.comparisons.iter().all(|comparison| comparison.error <= tolerance),
            "the tape's gradient differs from finite differences by more than {tolerance:e}:\n{self}"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.comparisons.iter().try_for_each(|comparison| writeln!(f, "{comparison}"))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { parameter, direction, tape, differences, sides, error } = self;
        write!(f, "`{parameter}`, direction {direction}: tape {tape:.12e}, ")?;
        match sides {
            None => write!(f, "differences {differences:.12e}, ")?,
            Some([least, largest]) => write!(f, "a kink: from {least:.12e} to {largest:.12e}, ")?,
        }
        write!(f, "relative error {error:.1e}")
    }
}
