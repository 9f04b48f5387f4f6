//! A normal prior whose standard deviation is learned with the model.

use std::f64::consts::TAU;

use crate::distribution::elementwise::{At, ElementwiseTerm, sum};
use crate::distribution::log_scale::inverse_softplus;
use crate::distribution::log_scale::log_slope;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Key, Path, Real, Role, Tensor, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::prior::{DrawnPrior, PriorFor, sample};
use crate::sampling::Cx;
use crate::scalar::to_scalar;

/// N(0, s²) for every element, with a shared deterministic s = softplus(ρ) that is learned: empirical Bayes, which maximises
/// the evidence lower bound in place of the evidence. Its parameter is `rho`, below the name of the field that holds it.
///
/// Keep it in a field, without `#[skip]`; all weights that name the field share the scale, as weight and
/// bias of [`Dense`](crate::Dense) do. A draw holds ln s, which is finite for every ρ.
///
/// Make one with `LearnedNormal::new(1.0)`, or with the function of the same name: `LearnedNormal(1.0)`.
#[derive(Clone, Debug)]
pub struct LearnedNormal<T: Real = f32> {
    /// ρ = softplus⁻¹(s), one element.
    pub rho: Tensor<T>,
}

/// Short for [`LearnedNormal::new`](LearnedNormal::new()).
///
/// # Panics
/// Where [`LearnedNormal::new`](LearnedNormal::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `LearnedNormal(1.0)`")]
#[track_caller]
pub fn LearnedNormal<T: Real>(sd: f64) -> LearnedNormal<T> {
    LearnedNormal::new(sd)
}

impl<T: Real> LearnedNormal<T> {
    /// The normal prior about zero whose learned standard deviation starts at `sd`.
    ///
    /// # Panics
    /// If `sd` is not positive and finite, also as a `T`.
    #[track_caller]
    pub fn new(sd: f64) -> Self {
        assert!(
            sd > 0.0 && sd.is_finite(),
            "LearnedNormal: the standard deviation must be positive and finite, got {sd}"
        );
        to_scalar::<T>("LearnedNormal: the standard deviation", sd);
        LearnedNormal { rho: Tensor::full([], inverse_softplus(sd)) }
    }

    /// # Panics
    /// If ρ does not have exactly one element.
    #[track_caller]
    fn check(&self) {
        let shape = self.rho.shape();
        assert!(self.rho.len() == 1, "LearnedNormal: `rho` must have one element, got the shape {shape:?}");
    }

    /// The current standard deviation s = softplus(ρ).
    ///
    /// # Panics
    /// If ρ does not have exactly one element.
    #[track_caller]
    pub fn sd(&self) -> f64 {
        self.check();
        let rho = self.rho.data()[0].to_f64();
        rho.max(0.0) + (-rho.abs()).exp().ln_1p()
    }

    /// The same prior in double precision.
    pub(crate) fn double(&self) -> LearnedNormal<f64> {
        LearnedNormal { rho: self.rho.cast() }
    }

    /// ln s.
    #[track_caller]
    pub(crate) fn ln_sd(&self) -> f64 {
        self.check();
        let rho = self.rho.data()[0].to_f64();
        // Far below zero s is e^ρ, and may have underflowed.
        if rho < -30.0 { rho - 0.5 * rho.exp() } else { self.sd().ln() }
    }
}

impl<T: Real> PriorFor<T> for LearnedNormal<T> {
    type Drawn<'t> = LearnedNormalDraw<'t, T>;

    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> LearnedNormalDraw<'t, T> {
        self.check();
        LearnedNormalDraw { ln_sd: sum(LnSoftplus, [cx.hyperparameter(&self.rho)], None) }
    }

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("rho"), Role::Point, &self.rho);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("rho"), Role::Point, &mut self.rho);
    }
}

/// A [`LearnedNormal`](struct@LearnedNormal) in a draw: N(0, s²) for every element, with ln s on the tape.
#[derive(Clone, Copy, Debug)]
pub struct LearnedNormalDraw<'t, T: Real = f32> {
    /// ln s, one element.
    pub ln_sd: Var<'t, T>,
}

impl<'t, T: Real> DrawnPrior<'t, T> for LearnedNormalDraw<'t, T> {
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
        sum(Scaled, [w], Some(self.ln_sd))
    }

    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        let sd = self.ln_sd.item().exp();
        Some(sample::each(shape, key, |_, z, _| sd * z))
    }

    fn description(self) -> String {
        format!("LearnedNormal({:.3})", self.ln_sd.item().exp())
    }

    fn log_densities(self, _: &[usize], _: usize, values: &[f64]) -> Option<Vec<f64>> {
        let ln_sd = self.ln_sd.item();
        Some(values.iter().map(|w| -0.5 * ((w / ln_sd.exp()).powi(2) + TAU.ln()) - ln_sd).collect())
    }
}

/// ln N(w; 0, s²), with ln s shared by all elements.
#[derive(Clone, Copy)]
struct Scaled;

impl ElementwiseTerm<1> for Scaled {
    const NAME: &'static str = "log-density of a normal of learned scale";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], at: At) -> f64 {
        let z = w * Math::exp::<S>(-at.shared);
        let z = if w == 0.0 { 0.0 } else { z };
        -0.5 * (z * z + TAU.ln()) - at.shared
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], at: At) -> f64 {
        let inverse_sd = Math::exp::<S>(-at.shared);
        // A weight of zero is at its mean, even if 1/s has overflowed.
        let z = if w == 0.0 { 0.0 } else { w * inverse_sd };
        if K == 1 {
            z * z - 1.0
        } else if w == 0.0 {
            0.0
        } else {
            -z * inverse_sd
        }
    }
}

/// ln softplus(ρ).
#[derive(Clone, Copy)]
struct LnSoftplus;

impl ElementwiseTerm<1> for LnSoftplus {
    const NAME: &'static str = "ln softplus";

    #[inline(always)]
    fn value<S: Simd>(self, [rho]: [f64; 1], _: At) -> f64 {
        Math::log_softplus::<S>(rho)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [rho]: [f64; 1], _: At) -> f64 {
        log_slope::<S>(rho)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;
    use crate::engine::Key;
    use crate::sampling::Mode;

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(LearnedNormal::<f32>(0.7).rho.data(), LearnedNormal::<f32>::new(0.7).rho.data());
    }

    #[test]
    #[should_panic(expected = "LearnedNormal: the standard deviation must be positive and finite, got 0")]
    fn a_standard_deviation_of_zero_is_refused() {
        LearnedNormal::<f32>(0.0);
    }

    #[test]
    fn the_constructor_sets_the_standard_deviation() {
        for sd in [1e-30, 0.05, 1.0, 1e4] {
            let prior = LearnedNormal::<f64>(sd);
            assert!((prior.sd() / sd - 1.0).abs() < 1e-12 && (prior.ln_sd() - sd.ln()).abs() < 1e-12, "{sd}");
            let tape = Tape::<f64>::inference();
            let w = tape.constant([2], |i| i as f64 * sd);
            let exact = 2.0 * (-sd.ln() - 0.5 * TAU.ln()) - 0.5;
            let drawn = prior.draw_in(Cx::new(&tape, Key::new(0), Mode::Mean));
            assert!((drawn.log_density_of(w).item() - exact).abs() < 1e-12, "{sd}");
        }
    }
}
