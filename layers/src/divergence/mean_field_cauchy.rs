//! KL divergence of the mean-field Cauchy from a Cauchy prior.

use super::mean_field;
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::distribution::log_scale::log_slope;
use crate::divergence::Divergence;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::posterior::MeanFieldCauchy;
use crate::prior::Cauchy;
use crate::properties::Yes;
use crate::sampling::Cx;

/// ln(((γ + s)² + (m − l)²)/4γs) for every element, where γ is the posterior's scale and m its median, s and l the prior's
/// (Chyzak and Nielsen 2019).
impl<T: Real> Divergence<Cauchy> for MeanFieldCauchy<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Cauchy) -> f64 {
        mean_field::kl(&self.parameters, FromCauchy(*prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t Cauchy, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(&self.parameters, FromCauchy(*prior), None, cx)
    }
}

#[derive(Clone, Copy)]
struct FromCauchy(Cauchy);

impl FromCauchy {
    /// The distance of the medians and the posterior's scale, both in the prior's scale.
    #[inline(always)]
    fn relative<S: Simd>(self, median: f64, rho: f64) -> [f64; 2] {
        [(median - self.0.median()) / self.0.scale(), Math::softplus::<S>(rho) / self.0.scale()]
    }
}

impl ElementwiseTerm<2> for FromCauchy {
    const NAME: &'static str = "divergence of a Cauchy from Cauchy";

    #[inline(always)]
    fn value<S: Simd>(self, [median, rho]: [f64; 2], _: At) -> f64 {
        let [away, scale] = self.relative::<S>(median, rho);
        // For close distributions 1 + x would lose digits of x; for distant ones x may overflow.
        let x = ((scale - 1.0) * (scale - 1.0) + away * away) / (4.0 * scale);
        let close = Math::ln_1p::<S>(x);
        let sum = (scale + 1.0) * (scale + 1.0) + away * away;
        let apart = Math::ln::<S>(0.25 * sum) - Math::log_softplus::<S>(rho) + self.0.scale().ln();
        if x < 1.0 { close } else { apart }
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [median, rho]: [f64; 2], _: At) -> f64 {
        let [away, scale] = self.relative::<S>(median, rho);
        let sum = (scale + 1.0) * (scale + 1.0) + away * away;
        if K == 0 {
            2.0 * away / sum / self.0.scale()
        } else {
            ((scale - 1.0) * (scale + 1.0) - away * away) / sum * log_slope::<S>(rho)
        }
    }
}
