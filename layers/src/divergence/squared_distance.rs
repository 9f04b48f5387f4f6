//! The distance of means from a normal prior's.

use crate::engine::{Real, Var};
use crate::prior::Normal;

/// Σ ((μ − m)/s)².
pub(crate) fn squared_distance<T: Real>(mean: Var<'_, T>, prior: Normal) -> Var<'_, T> {
    // The difference first: μ/s − m/s would lose digits where both are large.
    ((mean - prior.mean()) * prior.inverse_sd::<T>()).square().sum()
}
