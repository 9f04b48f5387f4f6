//! The outcome of a gradient check.

use std::fmt;

/// The outcome of a [`gradcheck`](crate::gradcheck()).
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) comparisons: Vec<Comparison>,
}

/// A derivative along one direction, computed twice.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The parameter's name.
    pub parameter: String,
    /// The number of the direction.
    pub direction: usize,
    /// The derivative from the tape.
    pub tape: f64,
    /// The derivative from differences of values.
    pub differences: f64,
    /// On a kink, the least and the largest that the derivative may be, taking each element of the value from the left or
    /// from the right; `differences` is their mean.
    pub sides: Option<[f64; 2]>,
    /// The difference of `tape` and `differences` or, on a kink, of `tape` and what lies between the sides, beyond what
    /// rounding of the values explains, in units of the largest of both and of the gradient's length; infinite if one of
    /// them is no finite number.
    pub error: f64,
}

impl Report {
    /// All comparisons, in the order of the model's walk.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// The comparison with the largest error, if anything was compared: empty parameters have no derivative.
    pub fn worst(&self) -> Option<&Comparison> {
        self.comparisons.iter().max_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// # Panics
    /// If a relative error is larger than `tolerance`; the message lists every comparison.
    #[track_caller]
    pub fn assert_within(&self, tolerance: f64) {
        assert!(
            self.comparisons.iter().all(|comparison| comparison.error <= tolerance),
            "the tape's gradient differs from differences of values by more than {tolerance:e}:\n{self}"
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
