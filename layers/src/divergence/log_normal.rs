//! KL divergences of the log-normal from log-normal, log-uniform, normal, half-normal and Laplace priors.
//!
//! ln w is N(μ, σ²), so the entropy is μ + ln σ + ½ ln 2πe, and every power of w has the mean E wᵏ = e^(kμ + k²σ²/2).
//! Divergences that contain moments overflow in double precision for σ of about 20.

mod forms;

use std::f64::consts::LN_2;

use super::mean_field;
use crate::divergence::Divergence;
use crate::engine::{Real, Var};
use crate::posterior::LogNormal;
use crate::prior::{HalfNormal, LaplacePrior, LearnedNormal, LearnedNormalDraw, LogNormalPrior};
use crate::prior::{LogUniform, Normal, Normals};
use crate::properties::Yes;
use crate::sampling::Cx;
use crate::sampling::Sampled;
use forms::{Distance, Each, Logarithms, Scaled, Squares};

/// The divergence of the normals of ln w: it is invariant under a change of variables.
impl<T: Real> Divergence<LogNormalPrior> for LogNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LogNormalPrior) -> f64 {
        self.log.kl(&prior.log())
    }

    fn kl_on<'t>(&'t self, prior: &'t LogNormalPrior, cx: Cx<'t, T>, weight: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        Divergence::<Normal>::kl_on(&self.log, cx.tape().alloc(prior.log()), cx, weight)
    }

    fn sample_with_kl<'t>(&'t self, prior: &'t LogNormalPrior, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        let (log, kl) = Divergence::<Normal>::sample_with_kl(&self.log, cx.tape().alloc(prior.log()), cx)?;
        Some((log.exp(), kl))
    }
}

macro_rules! under {
    ($($doc:literal $prior:ident: |$prior_value:ident| $form:expr;)*) => {$(
        #[doc = $doc]
        impl<T: Real> Divergence<$prior> for LogNormal<T> {
            type Exact = Yes;

            fn kl(&self, $prior_value: &$prior) -> f64 {
                mean_field::kl(&self.log, $form, 0.0)
            }

            fn kl_on<'t>(
                &'t self,
                $prior_value: &'t $prior,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                mean_field::kl_on(&self.log, $form, None, cx)
            }
        }
    )*};
}

under! {
    "ln(s/σ) − μ − ½ + E(w − m)²/2s² for every element."
    Normal: |prior| Squares { mean: prior.mean(), sd: prior.sd(), constant: 0.0 };

    "The divergence from a normal prior minus ln 2, because w is positive."
    HalfNormal: |prior| Squares { mean: 0.0, sd: prior.scale(), constant: -LN_2 };

    "−ln σ − ½ ln 2πe for every element, up to the constant that an improper prior lacks: E ln w is μ."
    LogUniform: |_prior| Logarithms;

    "ln 2b − μ − ln σ − ½ ln 2πe + E|w − m|/b for every element, with the partial expectation of a log-normal."
    LaplacePrior: |prior| Distance(*prior);
}

/// As under a [`Normal`](struct@Normal).
impl<T: Real> Divergence<Normals> for LogNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normals) -> f64 {
        prior.check(self.log.mean.shape());
        mean_field::kl(&self.log, Each(prior), 0.0)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normals, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        prior.check(self.log.mean.shape());
        mean_field::kl_on(&self.log, Each(prior), None, cx)
    }
}

/// As under a [`Normal`](struct@Normal) about zero, differentiable with respect to s as well.
impl<T: Real> Divergence<LearnedNormal<T>> for LogNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
        mean_field::kl(&self.log, Scaled, prior.ln_sd())
    }

    fn kl_on<'t>(&'t self, prior: LearnedNormalDraw<'t, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        mean_field::kl_on(&self.log, Scaled, Some(prior.ln_sd), cx)
    }
}
