//! `WarmUp`: KL annealing, a factor of the divergence that grows from 0 to 1 (linear, cosine, cyclic).

use std::f64::consts::PI;

use crate::scalar::accepted;

/// KL annealing: a factor of the divergence that grows from 0 to 1 over the first steps and is 1 afterwards, so that
/// the likelihood dominates at first (Bowman et al. 2016, "Generating Sentences from a Continuous Space"; Sønderby et
/// al. 2016, "Ladder Variational Autoencoders").
///
/// Until it ends, the loss is not a bound; reported ELBO figures always use the full divergence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::objective::saved::WarmUp", into = "crate::objective::saved::WarmUp")
)]
pub struct WarmUp {
    pub(crate) shape: Shape,
    /// Steps of a cycle: the ramp and the plateau at 1.
    pub(crate) period: usize,
    /// The fraction of a period in which the factor grows.
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
    /// If `steps` is 0.
    #[track_caller]
    pub fn linear(steps: usize) -> Self {
        WarmUp::ramp("linear", Shape::Linear, steps)
    }

    /// (1 − cos(π s/`steps`))/2 at step s, with slope 0 at both ends.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn cosine(steps: usize) -> Self {
        WarmUp::ramp("cosine", Shape::Cosine, steps)
    }

    /// `cycles` cycles of `period` steps each: linearly from 0 to 1 in the first fraction `growth` of the period, then
    /// 1 (Fu et al. 2019, "Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing", who use 4 cycles
    /// and a growth of ½).
    ///
    /// # Panics
    /// If `period` or `cycles` is 0, or `growth` is not in (0, 1].
    #[track_caller]
    pub fn cyclic(period: usize, cycles: usize, growth: f64) -> Self {
        accepted(WarmUp { shape: Shape::Linear, period, growth, cycles }.check())
    }

    /// # Errors
    /// If `period` or `cycles` is 0, or `growth` is not in (0, 1].
    pub(crate) fn check(self) -> Result<Self, String> {
        let WarmUp { period, growth, cycles, .. } = self;
        if period == 0 {
            return Err("WarmUp::cyclic: a period must have at least one step, got 0".to_owned());
        }
        if cycles == 0 {
            return Err("WarmUp::cyclic: there must be at least one cycle, got 0".to_owned());
        }
        if !(growth > 0.0 && growth <= 1.0) {
            return Err(format!("WarmUp::cyclic: `growth` must be in (0, 1], got {growth}"));
        }
        Ok(self)
    }

    #[track_caller]
    fn ramp(name: &str, shape: Shape, steps: usize) -> Self {
        assert!(steps > 0, "WarmUp::{name}: at least one step is needed, got 0");
        WarmUp { shape, period: steps, growth: 1.0, cycles: 1 }
    }

    /// The step from which on the factor is 1.
    pub(crate) fn end(&self) -> usize {
        self.period.saturating_mul(self.cycles)
    }

    /// The factor of the divergence at a step, counted from 0.
    pub fn factor(&self, step: usize) -> f64 {
        if step >= self.end() {
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
