//! The distance of means from a normal prior's: on the tape, and in double precision.

use crate::distribution::exact::sum;
use crate::engine::{Real, Tensor, Var};
use crate::prior::Normal;

/// Σ ((μ − m)/s)².
pub(crate) fn away<T: Real>(mean: &Tensor<T>, prior: Normal) -> f64 {
    sum(mean.len(), |i| ((mean.data()[i].to_f64() - prior.mean()) / prior.sd()).powi(2))
}

/// The same on the tape.
pub(crate) fn away_on<T: Real>(mean: Var<'_, T>, prior: Normal) -> Var<'_, T> {
    // The difference first: μ/s − m/s would lose digits where both are large.
    ((mean - prior.mean()) * prior.inverse_sd::<T>()).square().sum()
}
