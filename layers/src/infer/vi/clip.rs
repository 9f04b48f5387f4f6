//! Gradients that are too long.

use crate::engine::{Gradients, Real};

/// How a step's gradient is cut before the optimiser sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::infer::vi::saved::Clip", into = "crate::infer::vi::saved::Clip")
)]
pub enum Clip {
    /// Every element into `-limit..=limit`: [`Gradients::clip_value`].
    Value(f64),
    /// The gradient of all parameters together to a Euclidean norm of at most this (Pascanu, Mikolov and Bengio 2013):
    /// [`Gradients::clip_norm`].
    Norm(f64),
    /// The gradient of each parameter on its own to a Euclidean norm of at most this: [`Gradients::clip_each_norm`].
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
        // A NaN fails too.
        Err(format!("Elbo: gradients can only be cut to a positive length, got {self:?}"))
    }

    /// Whether the limit is more than zero in `T` too. One that is infinite there cuts nothing.
    ///
    /// # Errors
    /// If it is zero.
    pub(super) fn check_in<T: Real>(self) -> Result<(), String> {
        let (Clip::Value(limit) | Clip::Norm(limit) | Clip::EachNorm(limit)) = self;
        if T::from_f64(limit) > T::ZERO {
            return Ok(());
        }
        Err(format!("Elbo: {self:?} cuts every gradient to zero in {}; take a larger limit", T::NAME))
    }

    pub(super) fn apply<T: Real>(self, gradients: &mut Gradients<T>) {
        match self {
            Clip::Value(limit) => gradients.clip_value(limit),
            Clip::Norm(limit) => gradients.clip_norm(limit),
            Clip::EachNorm(limit) => gradients.clip_each_norm(limit),
        };
    }
}
