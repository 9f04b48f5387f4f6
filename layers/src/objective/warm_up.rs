//! The divergence's growth to its full weight.

use std::f64::consts::PI;

use crate::scalar::accepted;

/// A factor of the divergence that grows from 0 to 1 over the first steps and is 1 from then on, so that the data are
/// heard before the prior (Bowman et al. 2016, "Generating Sentences from a Continuous Space"; Sønderby et al. 2016,
/// "Ladder Variational Autoencoders").
///
/// Until it has ended the loss is no bound; ELBO figures are reported with the full divergence all the same.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::objective::saved::WarmUp", into = "crate::objective::saved::WarmUp")
)]
pub struct WarmUp {
    pub(crate) shape: Shape,
    /// Steps of a cycle: its ramp, and what follows it at 1.
    pub(crate) period: usize,
    /// The part of a period in which the factor grows.
    pub(crate) growth: f64,
    pub(crate) cycles: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Shape {
    Linear,
    Cosine,
}

impl WarmUp {
    /// s/`steps` at step s, from 0.
    ///
    /// # Panics
    /// If there are no steps.
    #[track_caller]
    pub fn linear(steps: usize) -> Self {
        WarmUp::ramp("linear", Shape::Linear, steps)
    }

    /// (1 − cos(π s/`steps`))/2 at step s: flat at both ends.
    ///
    /// # Panics
    /// If there are no steps.
    #[track_caller]
    pub fn cosine(steps: usize) -> Self {
        WarmUp::ramp("cosine", Shape::Cosine, steps)
    }

    /// `cycles` times over `period` steps: from 0 to 1 in the first `growth` of the period, linearly, and 1 for the
    /// rest of it (Fu et al. 2019, "Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing", which
    /// takes 4 cycles and a growth of ½).
    ///
    /// # Panics
    /// If a period has no steps, there are no cycles, or `growth` is not above 0 and at most 1.
    #[track_caller]
    pub fn cyclic(period: usize, cycles: usize, growth: f64) -> Self {
        accepted(WarmUp { shape: Shape::Linear, period, growth, cycles }.check())
    }

    /// # Errors
    /// If a period has no steps, there are no cycles, or the growing part is not above 0 and at most 1.
    pub(crate) fn check(self) -> Result<Self, String> {
        let WarmUp { period, growth, cycles, .. } = self;
        if period == 0 {
            return Err("WarmUp::cyclic: a period must have at least one step, got 0".to_owned());
        }
        if cycles == 0 {
            return Err("WarmUp::cyclic: there must be at least one cycle, got 0".to_owned());
        }
        if !(growth > 0.0 && growth <= 1.0) {
            return Err(format!("WarmUp::cyclic: the growing part must be in (0, 1], got {growth}"));
        }
        Ok(self)
    }

    #[track_caller]
    fn ramp(name: &str, shape: Shape, steps: usize) -> Self {
        assert!(steps > 0, "WarmUp::{name}: it must take at least one step, got 0");
        WarmUp { shape, period: steps, growth: 1.0, cycles: 1 }
    }

    /// The factor of the divergence at a step, counted from 0.
    pub fn factor(&self, step: usize) -> f64 {
        if step >= self.period.saturating_mul(self.cycles) {
            return 1.0;
        }
        let place = (step % self.period) as f64 / (self.growth * self.period as f64);
        match self.shape {
            _ if place >= 1.0 => 1.0,
            Shape::Linear => place,
            Shape::Cosine => (1.0 - (PI * place).cos()) / 2.0,
        }
    }
}
