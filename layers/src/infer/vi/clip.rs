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
    /// Scales the whole gradient to a Euclidean norm of at most this many times the running mean of its norm, which is an
    /// exponential average of rate 0.01 over the clipped norms of a training. Gradients of usual size keep theirs, so that
    /// unlike with a constant limit the mean is hardly biased; single extreme draws, as of a scale that is an exponential of
    /// the outputs, do not.
    Outliers(f64),
}

/// The running mean of the gradient's norm.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct RunningNorm {
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    sum: f64,
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    weight: f64,
}

impl RunningNorm {
    /// Takes the norm of a step, clipped to `factor` times the mean so far, and returns that limit if it is larger.
    fn limit(&mut self, norm: f64, factor: f64) -> Option<f64> {
        const RATE: f64 = 0.01;
        // Gradients of zero say nothing about the usual size.
        if norm == 0.0 {
            return None;
        }
        let limit = if self.weight > 0.0 { factor * self.sum / self.weight } else { f64::INFINITY };
        self.sum += RATE * (norm.min(limit) - self.sum);
        self.weight += RATE * (1.0 - self.weight);
        (norm > limit).then_some(limit)
    }
}

impl Clip {
    /// # Errors
    /// If the limit is not positive.
    pub(crate) fn check(self) -> Result<Self, String> {
        let (Clip::Value(limit) | Clip::Norm(limit) | Clip::EachNorm(limit) | Clip::Outliers(limit)) = self;
        if matches!(self, Clip::Outliers(factor) if factor <= 1.0) {
            // The mean itself would shrink.
            return Err(format!("Elbo: the factor of clipping outliers must be above 1, got {self:?}"));
        }
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
        let (Clip::Value(limit) | Clip::Norm(limit) | Clip::EachNorm(limit) | Clip::Outliers(limit)) = self;
        if T::from_f64(limit) > T::ZERO {
            return Ok(());
        }
        Err(format!(
            "Elbo: the limit of {self:?} is 0 in {}, so every gradient would be clipped to zero; take a larger limit",
            T::NAME
        ))
    }

    pub(super) fn apply<T: Real>(self, gradients: &mut Gradients<T>, running: &mut RunningNorm) {
        match self {
            Clip::Value(limit) => gradients.clip_value(limit),
            Clip::Norm(limit) => gradients.clip_norm(limit),
            Clip::EachNorm(limit) => gradients.clip_each_norm(limit),
            Clip::Outliers(factor) => {
                let norm = gradients.norm();
                if let Some(limit) = running.limit(norm, factor) {
                    gradients.scale(limit / norm);
                }
                norm
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outliers_are_clipped() {
        let mut running = RunningNorm::default();
        assert!((0..200).all(|i| running.limit(1.0 + (i % 3) as f64, 3.0).is_none()));
        let limit = running.limit(1e9, 3.0).unwrap();
        assert!((limit / 6.0 - 1.0).abs() < 0.05, "{limit}");
        assert_eq!(running.limit(3.0, 3.0), None);

        let mut silent = RunningNorm::default();
        assert_eq!([0.0, 5.0].map(|norm| silent.limit(norm, 3.0)), [None, None]);
        assert!(silent.limit(1e9, 3.0).is_some());
        assert!(Clip::Outliers(1.0).check().unwrap_err().contains("must be above 1"));
    }
}
