//! The spike-and-slab prior: a point mass at zero and a normal slab.

use std::f64::consts::TAU;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// A weight is exactly zero with probability 1 − inclusion, and else N(0, slab_sd²) (Mitchell and Beauchamp 1988, with a
/// normal slab). The continuous relative is [`ScaleMixture::spike_and_slab`](crate::ScaleMixture::spike_and_slab).
///
/// # The log-density
/// A distribution with a point mass does not have a density with respect to the Lebesgue measure.
/// [`log_density`](Prior::log_density) is with respect to the Lebesgue measure plus a unit mass at zero: ln(1 − inclusion)
/// at zero, and ln inclusion + ln N(w; 0, slab_sd²) elsewhere. Estimated divergences are correct with it, both of a
/// continuous posterior, which is zero with probability zero, and of a posterior with a density of the same kind. The jump
/// at zero does not contribute to the gradient. A [`Point`](crate::Point) under this prior is not supported: it would
/// compare a density with a probability.
///
/// Make one with `SpikeAndSlabPrior::new(0.1, 1.0)`, or with the function of the same name: `SpikeAndSlabPrior(0.1, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeAndSlabPrior {
    inclusion: f64,
    slab_sd: f64,
}

/// Short for [`SpikeAndSlabPrior::new`](SpikeAndSlabPrior::new()).
///
/// # Panics
/// Where [`SpikeAndSlabPrior::new`](SpikeAndSlabPrior::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `SpikeAndSlabPrior(0.1, 1.0)`")]
#[track_caller]
pub fn SpikeAndSlabPrior(inclusion: f64, slab_sd: f64) -> SpikeAndSlabPrior {
    SpikeAndSlabPrior::new(inclusion, slab_sd)
}

impl SpikeAndSlabPrior {
    /// The prior of a weight that is N(0, slab_sd²) with probability `inclusion`, and else zero.
    ///
    /// # Panics
    /// If `inclusion` is not strictly between 0 and 1, or `slab_sd` is not positive and finite.
    #[track_caller]
    pub fn new(inclusion: f64, slab_sd: f64) -> Self {
        assert!(
            inclusion > 0.0 && inclusion < 1.0,
            "SpikeAndSlabPrior: the probability of inclusion must be between 0 and 1, got {inclusion}"
        );
        assert!(
            slab_sd > 0.0 && slab_sd.is_finite(),
            "SpikeAndSlabPrior: the standard deviation of the slab must be positive and finite, got {slab_sd}"
        );
        SpikeAndSlabPrior { inclusion, slab_sd }
    }

    /// The probability that a weight is not zero.
    pub fn inclusion(self) -> f64 {
        self.inclusion
    }

    /// The standard deviation of a weight that is not zero.
    pub fn slab_sd(self) -> f64 {
        self.slab_sd
    }
}

impl Prior for SpikeAndSlabPrior {
    /// With respect to the Lebesgue measure plus a unit mass at zero: see the type.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Some(sample::each(shape, key, |_, z, u| if u < self.inclusion { self.slab_sd * z } else { 0.0 }))
    }

    fn description(&self) -> String {
        format!("SpikeAndSlabPrior({}, {})", self.inclusion, self.slab_sd)
    }
}

impl ElementwiseTerm<1> for SpikeAndSlabPrior {
    const NAME: &'static str = "log-density of SpikeAndSlabPrior";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let z = w / self.slab_sd;
        let slab = self.inclusion.ln() - self.slab_sd.ln() - 0.5 * (z * z + TAU.ln());
        if w == 0.0 { (-self.inclusion).ln_1p() } else { slab }
    }

    /// Zero at zero, as for the slab.
    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        -w / self.slab_sd / self.slab_sd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normal, Tape};

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(SpikeAndSlabPrior(0.1, 2.0), SpikeAndSlabPrior::new(0.1, 2.0));
    }

    #[test]
    fn the_density_is_the_spike_s_at_zero_and_the_slab_s_elsewhere() {
        let tape = Tape::<f64>::inference();
        let at = |w: f64| SpikeAndSlabPrior(0.1, 2.0).log_density(tape.constant([1], |_| w)).item();
        let normal = |w: f64| Normal(0.0, 2.0).log_density(tape.constant([1], |_| w)).item();
        assert!((at(0.0) - 0.9f64.ln()).abs() < 1e-15);
        assert!((at(1e-3) - (0.1f64.ln() + normal(1e-3))).abs() < 1e-14);
    }

    #[test]
    #[should_panic(expected = "the probability of inclusion must be between 0 and 1, got 1")]
    fn an_inclusion_probability_of_one_is_refused() {
        SpikeAndSlabPrior(1.0, 1.0);
    }

    #[test]
    #[should_panic(expected = "the standard deviation of the slab must be positive and finite, got 0")]
    fn a_slab_without_width_is_refused() {
        SpikeAndSlabPrior(0.5, 0.0);
    }
}
