//! KL divergences of `MeanField` and `Point` from a normal prior whose scale is learned.

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::{Divergence, in_double};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::fused::{self, Learned, Made};
use crate::posterior::{MeanField, Point, check};
use crate::prior::{LearnedNormal, LearnedNormalDraw, log_density};
use crate::properties::Yes;
use crate::sampling::{Cx, Sampled};

/// KL(N(μ, σ²) ‖ N(0, s²)), differentiable with respect to s as well.
///
/// One pass over memory computes it with the sample, or with the variances, as for a prior of constant scale.
impl<T: Real> Divergence<LearnedNormal<T>> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        mean_field::kl(self, Scaled, prior.ln_sd())
    }

    fn kl_on<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        match moderate(prior) {
            Some(prior) => fused::kl_on(self.parameters(), prior, cx),
            None => mean_field::kl_on(self, Scaled, Some(prior.ln_sd), cx),
        }
    }

    fn sample_with_kl<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        check(self);
        Some(fused::with_kl(self.parameters(), moderate(prior)?, Made::Sample, cx))
    }

    fn variance_with_kl<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        check(self);
        // The variances do not depend on a draw, and would be computed for each.
        let prior = moderate(prior).filter(|_| prior.ln_sd.draws() == 1)?;
        Some(fused::with_kl(self.parameters(), prior, Made::Variance, cx))
    }
}

/// The prior for the fused kernels, if 1/s² neither underflows nor overflows in single precision.
fn moderate<'t, T: Real>(prior: LearnedNormalDraw<'t, T>) -> Option<Learned<'t, T>> {
    let mut of_draws = prior.ln_sd.value().iter();
    of_draws.all(|ln_sd| ln_sd.to_f64().abs() < 40.0).then_some(Learned(prior.ln_sd))
}

/// −ln N(w; 0, s²).
impl<T: Real> Divergence<LearnedNormal<T>> for Point<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        in_double(self, &prior.double())
    }

    fn kl_on<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        -log_density(prior, cx.tape().param(&self.0))
    }
}

/// ln(s/σ) + (σ² + μ²)/(2s²) − ½, with ln s shared by all elements. It uses logarithms, because σ and s may both have underflowed.
#[derive(Clone, Copy)]
struct Scaled;

/// σ/s, μ/s and 1/s; the last two are zero for a mean of zero, even if 1/s has overflowed.
#[inline(always)]
fn scaled<S: Simd>(mean: f64, rho: f64, ln_sd: f64) -> [f64; 3] {
    let inverse_sd = if mean == 0.0 { 0.0 } else { Math::exp::<S>(-ln_sd) };
    [Math::exp::<S>(Math::log_softplus::<S>(rho) - ln_sd), mean * inverse_sd, inverse_sd]
}

impl ElementwiseTerm<2> for Scaled {
    const NAME: &'static str = "divergence from a normal of learned scale";

    #[inline(always)]
    fn value<S: Simd>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let [scale, away, _] = scaled::<S>(mean, rho, at.shared);
        at.shared - Math::log_softplus::<S>(rho) + 0.5 * (scale * scale + away * away - 1.0)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [mean, rho]: [f64; 2], at: At) -> f64 {
        let [scale, away, inverse_sd] = scaled::<S>(mean, rho, at.shared);
        match K {
            0 => away * inverse_sd,
            1 => (scale * scale - 1.0) * log_slope::<S>(rho),
            _ => 1.0 - scale * scale - away * away,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Key, with_threads};
    use crate::sampling::Mode;
    use crate::{Gradients, Tape, Tensor};

    /// A way to compute the divergence.
    type Kl<'a, T> = dyn for<'t> Fn(&'t MeanField<T>, LearnedNormalDraw<'t, T>, Cx<'t, T>) -> Var<'t, T> + 'a;

    /// The fused kernels against the sum in double precision: values and gradients, over several blocks and items.
    #[test]
    fn one_pass_agrees_with_the_sum_of_logarithms() {
        fn check<T: Real>(bound: f64) {
            let number = |i: usize| (i as f64 * 0.7).sin();
            let mean = Tensor::<T>::from_fn([9001], |i| 0.5 * number(i));
            let q = MeanField { mean, rho: Tensor::from_fn([9001], |i| 4.0 * number(i + 3) - 2.0) };
            let both = (q, Tensor::<T>::full([1], -0.9));
            let with = |kl: &Kl<'_, T>| {
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&both));
                let cx = Cx::new(&tape, Key::new(1), Mode::Mean);
                let kl = kl(&both.0, LearnedNormalDraw { ln_sd: tape.param(&both.1) }, cx);
                kl.backward(&mut gradients);
                let all = gradients.iter().flat_map(|(_, _, g)| g.iter().map(|g| g.to_f64())).collect::<Vec<_>>();
                (kl.item(), all)
            };
            let by_sum = with(&|q, prior, cx| mean_field::kl_on(q, Scaled, Some(prior.ln_sd), cx));
            let fused =
                || with(&|q, prior, cx| Divergence::<LearnedNormal<T>>::kl_on(q, prior, cx, &|| unreachable!()));
            let (value, gradients) = with_threads(1, fused);
            assert!((value / by_sum.0 - 1.0).abs() < bound, "{value} {}", by_sum.0);
            for (i, (found, exact)) in gradients.iter().zip(&by_sum.1).enumerate() {
                assert!((found - exact).abs() < bound * exact.abs().max(1.0), "{i}: {found} {exact}");
            }
            assert_eq!(with_threads(3, fused), (value, gradients));
        }
        check::<f32>(1e-5);
        check::<f64>(1e-12);
    }
}
