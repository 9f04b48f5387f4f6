//! A model has one number type: how a part of another is told.

use std::fmt::Display;

use crate::{Cx, Given, Real, Weight};

/// x, the number called `what`, in the number type of a model.
///
/// # Panics
/// If it is not finite there, or has become zero.
#[track_caller]
pub(crate) fn held<T: Real>(what: impl Display, x: f64) -> T {
    match try_held(what, x) {
        Ok(held) => held,
        Err(mistake) => panic!("{mistake}"),
    }
}

/// The same.
///
/// # Errors
/// What is wrong.
pub(crate) fn try_held<T: Real>(what: impl Display, x: f64) -> Result<T, String> {
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

/// Implemented for every number type and itself. In the bound of a method that takes the number type of the model from
/// its arguments, `T: SameAs<Self::Scalar>`, it says what is wrong with a part of another, where an equality would have
/// rustc say that the arguments are.
#[diagnostic::on_unimplemented(
    message = "a model has one number type: here is a part in `{S}`, of a model in `{Self}`",
    label = "this is in `{S}`",
    note = "the number type of a model is that of its first random weight, or of its first layer where there is none: write it for every part, as in `MeanField<{Self}>` and `Dense<MeanField<{Self}>>`"
)]
pub trait SameAs<S: Real>: Real {
    /// What a part is drawn with.
    fn cx<'t>(cx: Cx<'t, Self>) -> Cx<'t, S>;

    /// The prior of a weight.
    fn given<'t, P>(prior: Given<'t, P, Self>) -> Given<'t, P, S>;

    /// A weight, drawn.
    fn weight(weight: Weight<'_, S>) -> Weight<'_, Self>;
}

impl<T: Real> SameAs<T> for T {
    fn cx<'t>(cx: Cx<'t, Self>) -> Cx<'t, T> {
        cx
    }

    fn given<'t, P>(prior: Given<'t, P, Self>) -> Given<'t, P, T> {
        prior
    }

    fn weight(weight: Weight<'_, T>) -> Weight<'_, Self> {
        weight
    }
}

/// What a check lets through.
///
/// # Panics
/// With what it found wrong.
#[track_caller]
pub(crate) fn accepted<T>(checked: Result<T, String>) -> T {
    match checked {
        Ok(value) => value,
        Err(mistake) => panic!("{mistake}"),
    }
}
