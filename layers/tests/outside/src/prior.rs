//! A user-defined prior: the Gumbel distribution.

use bayes::{Prior, Real, Var};

/// The Gumbel distribution of scale β about zero for every element: its density is e^(−z − e^(−z))/β at z = w/β.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gumbel {
    scale: f64,
}

/// The Gumbel prior with this scale.
///
/// # Panics
/// If `scale` is not positive and finite.
#[allow(non_snake_case, reason = "it reads as a constructor")]
#[must_use]
#[track_caller]
pub fn Gumbel(scale: f64) -> Gumbel {
    assert!(scale > 0.0 && scale.is_finite(), "Gumbel: the scale must be positive and finite, got {scale}");
    Gumbel { scale }
}

impl Gumbel {
    /// β.
    #[must_use]
    pub fn scale(self) -> f64 {
        self.scale
    }
}

impl Prior for Gumbel {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        let z = w / self.scale;
        -(z + (-z).exp()).sum() - self.scale.ln() * count(w.len())
    }
}

/// The number of elements as a factor.
#[allow(clippy::cast_precision_loss, reason = "a weight has fewer elements than 2^52")]
pub(crate) fn count(elements: usize) -> f64 {
    elements as f64
}
