//! Gradient clipping: by value, by global norm, or by each parameter's norm.

use crate::engine::{Gradients, Real};

/// Gradient clipping, applied to a step's gradient before the optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::infer::vi::saved::Clip", into = "crate::infer::vi::saved::Clip")
)]
pub enum Clip {
    /// Clips each element to `-limit..=limit`: [`Gradients::clip_value`].
    Value(f64),
    /// Scales the whole gradient to a Euclidean norm of at most this (Pascanu, Mikolov and Bengio 2013):
    /// [`Gradients::clip_norm`].
    Norm(f64),
    /// Scales each parameter's gradient to a Euclidean norm of at most this: [`Gradients::clip_each_norm`].
    EachNorm(f64),
}

impl Clip {
    /// # Errors
    /// If the limit is not positive.
    pub(crate) fn check(self) -> Result<Self, String> {
        let (Clip::Value(limit) | Clip::Norm(limit) | Clip::EachNorm(limit)) = self;
        if limit > 0.0 {
            return Ok(self);
        }
        // A NaN fails, too.
        Err(format!("Elbo: the limit of gradient clipping must be positive, got {self:?}"))
    }

    /// Checks that the limit is positive in `T` too. A limit that is infinite there clips nothing.
    ///
    /// # Errors
    /// If it rounds to zero.
    pub(super) fn check_in<T: Real>(self) -> Result<(), String> {
        let (Clip::Value(limit) | Clip::Norm(limit) | Clip::EachNorm(limit)) = self;
        if T::from_f64(limit) > T::ZERO {
            return Ok(());
        }
        Err(format!(
            "Elbo: the limit of {self:?} is 0 in {}, so every gradient would be clipped to zero; take a larger limit",
            T::NAME
        ))
    }

    pub(super) fn apply<T: Real>(self, gradients: &mut Gradients<T>) {
        match self {
            Clip::Value(limit) => gradients.clip_value(limit),
            Clip::Norm(limit) => gradients.clip_norm(limit),
            Clip::EachNorm(limit) => gradients.clip_each_norm(limit),
        };
    }
}
