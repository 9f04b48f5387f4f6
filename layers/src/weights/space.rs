//! `Space`: the values a weight may have (reals, positive), and the map to unconstrained space with its Jacobian.

use std::fmt;

use crate::engine::{Real, Var};

/// The support of a weight's elements, defined by its [`Posterior`](crate::Posterior) family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Space {
    /// Real numbers. The unconstrained value is the element itself.
    Reals,
    /// Positive numbers. The unconstrained value is u = ln w, and ln |dw/du| = u.
    Positive,
}

impl Space {
    /// Whether an element may have this value.
    pub fn contains(self, w: f64) -> bool {
        match self {
            Space::Reals => w.is_finite(),
            Space::Positive => w > 0.0 && w.is_finite(),
        }
    }

    /// The unconstrained value of an element.
    pub fn to_unconstrained(self, w: f64) -> f64 {
        match self {
            Space::Reals => w,
            Space::Positive => w.ln(),
        }
    }

    /// The element of an unconstrained value.
    pub fn from_unconstrained(self, u: f64) -> f64 {
        match self {
            Space::Reals => u,
            Space::Positive => u.exp(),
        }
    }

    /// The nearest number of this space that the scalar type has, for an element that overflowed or underflowed.
    #[cfg(feature = "mcmc")]
    pub(crate) fn nearest<T: Real>(self, w: T) -> T {
        let is_single = size_of::<T>() == 4;
        let [least, most] =
            if is_single { [f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)] } else { [f64::MIN_POSITIVE, f64::MAX] };
        let bound = match self {
            Space::Reals => -most,
            Space::Positive => least,
        };
        T::from_f64(w.to_f64().clamp(bound, most))
    }

    /// Maps unconstrained values to the weight on the tape, with ln |det ∂w/∂u| summed over the elements, in nats;
    /// `None` if it is 0 everywhere.
    pub(crate) fn constrain<T: Real>(self, u: Var<'_, T>) -> (Var<'_, T>, Option<Var<'_, T>>) {
        match self {
            Space::Reals => (u, None),
            Space::Positive => (u.exp(), Some(u.sum())),
        }
    }

    /// ln |det ∂w/∂u| at a weight on the tape, summed over the elements, in nats; `None` if it is 0 everywhere.
    pub(crate) fn log_jacobian_at<T: Real>(self, w: Var<'_, T>) -> Option<Var<'_, T>> {
        match self {
            Space::Reals => None,
            Space::Positive => Some(w.ln().sum()),
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Space::Reals => "finite numbers",
            Space::Positive => "positive, finite numbers",
        })
    }
}
