//! Numbers of a model's scalar type: options converted to it, with an error if they overflow or underflow, and tiny numbers
//! taken as 0.

use std::fmt::Display;

use crate::engine::Real;

/// Converts x, which error messages call `what`, to a model's scalar type.
///
/// # Panics
/// If it is infinite or NaN in `T`, or rounds to zero.
#[track_caller]
pub(crate) fn to_scalar<T: Real>(what: impl Display, x: f64) -> T {
    match try_to_scalar(what, x) {
        Ok(scalar) => scalar,
        Err(mistake) => panic!("{mistake}"),
    }
}

/// `x`, or 0 if it is less than `least` in size. The gradients of weights that the data do not need decay without end,
/// and arithmetic with subnormal numbers is slow.
#[inline(always)]
pub(crate) fn flush<T: Real>(x: T, least: T) -> T {
    if x.abs() < least { T::ZERO } else { x }
}

/// [`to_scalar`] without panicking.
///
/// # Errors
/// Where [`to_scalar`] panics.
pub(crate) fn try_to_scalar<T: Real>(what: impl Display, x: f64) -> Result<T, String> {
    let scalar = T::from_f64(x);
    if scalar.is_finite() && (scalar != T::ZERO || x == 0.0) {
        return Ok(scalar);
    }
    let name = T::NAME;
    Err(format!(
        "{what} of {x:e} is {scalar} in {name}; use a value that {name} can represent, or a model in a wider scalar \
         type"
    ))
}

/// 1/sd of the prior called `prior`, for weights in `T`. It may round to zero for a wide prior.
///
/// # Panics
/// If it is not finite in `T`.
#[track_caller]
pub(crate) fn inverse<T: Real>(prior: &str, sd: f64) -> f64 {
    assert!(
        T::from_f64(sd.recip()).is_finite(),
        "{prior}: a standard deviation of {sd:e} is too small for weights in {}, whose range its reciprocal exceeds; \
         use a wider prior, or a model in a wider scalar type",
        T::NAME
    );
    sd.recip()
}

/// The value that a check accepted.
///
/// # Panics
/// With the mistake that the check found.
#[track_caller]
pub(crate) fn accepted<T>(checked: Result<T, String>) -> T {
    match checked {
        Ok(value) => value,
        Err(mistake) => panic!("{mistake}"),
    }
}
