//! KL divergence of the mean-field normal from a normal prior, by the fused kernels.
//!
//! KL(N(μ, σ²) ‖ N(m, s²)) = ln(s/σ) + (σ² + (μ − m)²)/(2s²) − ½ for every element.

#[cfg(test)]
mod tests;

use crate::divergence::Divergence;
use crate::engine::{Real, Var};
use crate::fused::{self, Made, Scaled};
use crate::posterior::{MeanField, check};
use crate::prior::Normal;
use crate::properties::Yes;
use crate::sampling::{Cx, Sampled};

fn scaled<T: Real>(prior: Normal) -> Scaled<T> {
    Scaled::new(prior.mean(), prior.inverse_sd::<T>(), prior.sd().ln())
}

impl<T: Real> Divergence<Normal> for MeanField<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        check(self);
        fused::kl(self.parameters(), scaled(*prior))
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        check(self);
        fused::kl_on(self.parameters(), scaled(*prior), cx)
    }

    fn sample_with_kl<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        check(self);
        Some(fused::with_kl(self.parameters(), scaled(*prior), Made::Sample, cx))
    }

    fn variance_with_kl<'t>(&'t self, prior: &'t Normal, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        check(self);
        Some(fused::with_kl(self.parameters(), scaled(*prior), Made::Variance, cx))
    }
}
