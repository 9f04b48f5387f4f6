//! Numbers converted to a model's scalar type, and what does not fit there.

use std::fmt::Display;

use crate::engine::Real;

/// x, the number called `what`, in the number type of a model.
///
/// # Panics
/// If it is not finite there, or has become zero.
#[track_caller]
pub(crate) fn to_scalar<T: Real>(what: impl Display, x: f64) -> T {
    match try_to_scalar(what, x) {
        Ok(held) => held,
        Err(mistake) => panic!("{mistake}"),
    }
}

/// The same.
///
/// # Errors
/// What is wrong.
pub(crate) fn try_to_scalar<T: Real>(what: impl Display, x: f64) -> Result<T, String> {
    let held = T::from_f64(x);
    if held.is_finite() && (held != T::ZERO || x == 0.0) {
        return Ok(held);
    }
    let name = T::NAME;
    Err(format!(
        "{what} of {x:e} is {held} in {name}; take one that {name} can hold, or a model in a wider number type"
    ))
}

/// 1/sd of the prior called `prior`, for weights in `T`. Of a wide prior it may be zero.
///
/// # Panics
/// If it is not finite in `T`.
#[track_caller]
pub(crate) fn inverse<T: Real>(prior: &str, sd: f64) -> f64 {
    assert!(
        T::from_f64(sd.recip()).is_finite(),
        "{prior}: a standard deviation of {sd:e} is too small for weights in {}, which cannot hold its reciprocal; take a \
         wider prior, or a model in a wider number type",
        T::NAME
    );
    sd.recip()
}
