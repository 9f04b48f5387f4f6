//! Precomputed means and variances of a model's weights, by name, for sampling outputs.

use crate::engine::{Name, Path, Real, Tensor};

/// Means and variances of a model's weights; a deterministic weight has no variance.
#[derive(Clone, Debug)]
pub(crate) struct Moments<T: Real> {
    entries: Vec<(Name, Tensor<T>, Option<Tensor<T>>)>,
}

impl<T: Real> Moments<T> {
    pub(crate) fn new(entries: Vec<(Name, Tensor<T>, Option<Tensor<T>>)>) -> Self {
        Moments { entries }
    }

    /// Mean and variance of the weight at `path`.
    pub(crate) fn at(&self, path: &Path<'_>) -> Option<(&Tensor<T>, Option<&Tensor<T>>)> {
        let (_, mean, variance) = self.entries.iter().find(|(name, ..)| name.is(path))?;
        Some((mean, variance.as_ref()))
    }
}
