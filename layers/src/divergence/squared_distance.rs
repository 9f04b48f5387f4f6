//! The squared distance of posterior means from a normal prior's mean, in prior standard deviations.

use crate::engine::{Real, Var};
use crate::prior::Normal;

/// Σ ((μ − m)/s)².
pub(crate) fn squared_distance<T: Real>(mean: Var<'_, T>, prior: Normal) -> Var<'_, T> {
    // The difference first: μ/s − m/s would lose digits if both are large.
    ((mean - prior.mean()) * prior.inverse_sd::<T>()).square().sum()
}
