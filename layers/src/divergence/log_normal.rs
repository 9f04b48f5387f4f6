//! The log-normal under a log-normal and under a normal prior.

use crate::divergence::Sampled;
use crate::divergence::exact::{away_on, sum};
use crate::posterior::{log_scales, log_softplus, softplus};
use crate::prior::LogNormalPrior;
use crate::{Cx, Divergence, Given, LogNormal, Normal, Posterior, Real, Var, Yes};

/// The divergence of the logarithms' normals: a change of variables leaves it as it is.
impl<T: Real> Divergence<LogNormalPrior> for LogNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &LogNormalPrior) -> f64 {
        self.log.kl(&prior.log())
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, LogNormalPrior, T>,
        cx: Cx<'t, T>,
        weight: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        self.log.kl_on(Given::fixed(cx.tape().alloc(prior.log())), cx, weight)
    }

    fn sample_with_kl<'t>(&'t self, prior: Given<'t, LogNormalPrior, T>, cx: Cx<'t, T>) -> Option<Sampled<'t, T>> {
        let (log, kl) = self.log.sample_with_kl(Given::fixed(cx.tape().alloc(prior.log())), cx)?;
        Some((log.exp(), kl))
    }
}

/// The entropy of a log-normal is μ + ln σ + ½ ln 2πe, and under N(m, s²) only the mean and the variance of w count:
/// KL = ln(s/σ) − μ − ½ + (Var w + (E w − m)²)/(2s²). It grows as e^(2σ²), beyond any number where σ is about 20.
impl<T: Real> Divergence<Normal> for LogNormal<T> {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        let (mean, rho) = (self.log.mean.data(), self.log.rho.data());
        sum(mean.len(), |i| {
            let (mu, rho) = (mean[i].to_f64(), rho[i].to_f64());
            let square = softplus(rho).powi(2);
            let variance = (2.0 * mu + square).exp() * square.exp_m1();
            let away = (mu + 0.5 * square).exp() - prior.mean();
            prior.sd().ln() - log_softplus(rho) - mu - 0.5 + 0.5 * (variance + away * away) / prior.sd().powi(2)
        })
    }

    fn kl_on<'t>(&'t self, prior: Given<'t, Normal, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        let tape = cx.tape();
        let [mean, rho] = [&self.log.mean, &self.log.rho].map(|parameter| tape.param(parameter));
        let variance = self.variance_on(tape).sum() * prior.sd().recip() * prior.sd().recip();
        let constant = (prior.sd().ln() - 0.5) * mean.len() as f64;
        (variance + away_on(self.mean(tape), *prior)) * 0.5 + constant - (log_scales(rho) + mean.sum())
    }
}
