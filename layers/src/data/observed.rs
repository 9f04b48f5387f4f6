//! `Observed`: targets with weights and a mask; and `Minibatch`, with the inputs.

use super::targets::check_finite;
use super::{DataError, Targets};
use crate::engine::{Real, Tensor};

/// Targets, with a weight for each example and a mask of what was observed, if there are any.
///
/// A weight multiplies an example's log-likelihood: an example with weight 3 counts as three equal ones, one with weight
/// 0 not at all. A masked term of the log-likelihood is 0. N, the number of examples, stays the number of rows, so that
/// the KL divergence counts once per epoch under any weights and masks.
#[derive(Clone, Debug)]
pub struct Observed<T: Real = f32, Y = Vec<usize>> {
    targets: Y,
    /// (examples).
    weights: Option<Tensor<T>>,
    /// (examples, ..), 1 where a target was observed and 0 where it is masked.
    mask: Option<Tensor<T>>,
}

/// Some examples of a data set: inputs, targets, weights and mask, for a training loop of your own.
#[derive(Clone, Debug)]
pub struct Minibatch<T: Real = f32, Y = Vec<usize>> {
    pub(super) inputs: Tensor<T>,
    pub(super) observed: Observed<T, Y>,
}

impl<T: Real, Y: Targets> Observed<T, Y> {
    pub(super) fn new(targets: Y) -> Self {
        Observed { targets, weights: None, mask: None }
    }

    /// The targets. A masked target has the value of an observed one.
    pub fn targets(&self) -> &Y {
        &self.targets
    }

    /// The examples' weights, (examples); `None` if they are all 1.
    pub fn weights(&self) -> Option<&Tensor<T>> {
        self.weights.as_ref()
    }

    /// The mask, (examples, ..): 1 where a target was observed and 0 where it is masked; `None` if all were observed.
    pub fn mask(&self) -> Option<&Tensor<T>> {
        self.mask.as_ref()
    }

    pub(super) fn with_weights(self, weights: Tensor<T>) -> Result<Self, DataError> {
        let problem = |problem: String| Err(DataError::Weights { problem });
        let rows = self.targets.rows();
        if weights.shape() != [rows] {
            return problem(format!(
                "got shape {:?}, expected one weight for each of {rows} examples",
                weights.shape()
            ));
        }
        check_finite("weights", &weights)?;
        if let Some(row) = weights.data().iter().position(|&weight| weight < T::ZERO) {
            return problem(format!(
                "example {row} (from 0) has the weight {}; weights must not be negative",
                weights.data()[row].to_f64()
            ));
        }
        if weights.data().iter().all(|&weight| weight == T::ZERO) {
            return problem("all weights are 0; at least one example must count".into());
        }
        Ok(Observed { weights: Some(weights), ..self })
    }

    pub(super) fn with_mask(mut self, mask: Tensor<T>) -> Result<Self, DataError> {
        let problem = |problem: String| Err(DataError::Mask { problem });
        let rows = self.targets.rows();
        let Some(elements) = self.targets.elements() else {
            return problem(format!(
                "the number of elements of targets of type `{}` is unknown; implement `Targets::elements` for it",
                std::any::type_name::<Y>()
            ));
        };
        if mask.shape().first() != Some(&rows) || (mask.len() != elements && mask.len() != rows) {
            return problem(format!(
                "got shape {:?} for {rows} examples with {elements} elements of targets; expected the examples along the \
                 first axis, and an entry for each element, or one for each example",
                mask.shape()
            ));
        }
        if let Some(at) = mask.data().iter().position(|&entry| entry != T::ZERO && entry != T::ONE) {
            let width = mask.len() / rows;
            return problem(format!(
                "row {}, element {} (both from 0) is {}; use 1 where a target was observed and 0 where it is missing",
                at / width,
                at % width,
                mask.data()[at].to_f64()
            ));
        }
        if mask.data().iter().all(|&entry| entry == T::ZERO) {
            return problem("all targets are masked; at least one must have been observed".into());
        }
        let repeated = elements / mask.len();
        let observed: Vec<bool> =
            mask.data().iter().flat_map(|&entry| std::iter::repeat_n(entry == T::ONE, repeated)).collect();
        self.targets.fill_masked(&observed)?;
        Ok(Observed { mask: Some(mask), ..self })
    }

    pub(crate) fn empty_like(&self) -> Self {
        let empty = |tensor: &Tensor<T>| tensor.empty_like();
        Observed {
            targets: self.targets.empty_like(),
            weights: self.weights.as_ref().map(empty),
            mask: self.mask.as_ref().map(empty),
        }
    }

    /// Replaces the content of `into` by these rows.
    ///
    /// # Panics
    /// If a [`Targets`] implementation returns another number of rows.
    #[track_caller]
    pub(crate) fn gather(&self, rows: &[usize], into: &mut Self) {
        self.targets.gather(rows, &mut into.targets);
        assert!(
            into.targets.rows() == rows.len(),
            "`Targets::gather` of `{}` is wrong: {} rows were requested, but it returned {} rows",
            std::any::type_name::<Y>(),
            rows.len(),
            into.targets.rows()
        );
        for (from, to) in [(&self.weights, &mut into.weights), (&self.mask, &mut into.mask)] {
            if let (Some(from), Some(to)) = (from, to) {
                from.gather(rows, to);
            }
        }
    }
}

impl<T: Real, Y: Targets> Minibatch<T, Y> {
    /// The inputs, (examples, ..).
    pub fn inputs(&self) -> &Tensor<T> {
        &self.inputs
    }

    /// The targets, with weights and mask.
    pub fn observed(&self) -> &Observed<T, Y> {
        &self.observed
    }

    pub(super) fn into_pair(self) -> (Tensor<T>, Y) {
        (self.inputs, self.observed.targets)
    }

    pub(crate) fn empty_like(&self) -> Self {
        Minibatch { inputs: self.inputs.empty_like(), observed: self.observed.empty_like() }
    }

    /// Replaces the content of `into` by these rows, as [`Observed::gather`].
    #[track_caller]
    pub(crate) fn gather(&self, rows: &[usize], into: &mut Self) {
        self.inputs.gather(rows, &mut into.inputs);
        self.observed.gather(rows, &mut into.observed);
    }
}
