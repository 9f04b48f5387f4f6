//! Negative log-likelihoods of counts: Poisson and negative binomial.

use crate::kernels::dispatch::Simd;
use crate::kernels::math::Math;
use crate::ops::pointwise_loss::{Pointwise, Reduction, record};
use crate::{Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// −ln p(y) of `counts` y under Poisson distributions with this as the logarithm of their means, in nats: eˣ − yx +
    /// ln y!.
    ///
    /// Counts are data: they get no gradient.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn poisson_nll(self, counts: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Poisson, [("predictions", self), ("counts", counts)], reduction)
    }

    /// −ln p(y) of `counts` y under negative binomial distributions with this as the logarithm of their means μ, and
    /// variances μ + μ²/r with r = `dispersion`, in nats: ln Γ(r) + ln y! − ln Γ(y + r) + r ln(1 + μ/r) + y ln(1 +
    /// r/μ). Its limit for large r is [`poisson_nll`](Var::poisson_nll).
    ///
    /// In terms of a number of failures r and logits ℓ, x = ℓ + ln r. Counts are data: they get no gradient.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or the dispersion is not positive and finite.
    #[track_caller]
    pub fn negative_binomial_nll(self, counts: Var<'t, T>, dispersion: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(
            dispersion > 0.0 && dispersion.is_finite(),
            "negative_binomial_nll: the dispersion must be positive and finite, got {dispersion}"
        );
        let ln_dispersion = dispersion.ln();
        let rule = NegativeBinomial { dispersion, ln_dispersion };
        record(rule, [("predictions", self), ("counts", counts)], reduction)
    }

    /// [`negative_binomial_nll`](Var::negative_binomial_nll) with a dispersion r > 0 per count, which may be learned:
    /// the derivative has the digamma functions ψ(r) − ψ(y + r).
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn negative_binomial_nll_with_dispersion(
        self,
        counts: Var<'t, T>,
        dispersion: Var<'t, T>,
        reduction: Reduction,
    ) -> Var<'t, T> {
        let inputs = [("predictions", self), ("counts", counts), ("dispersions", dispersion)];
        record(NegativeBinomialOf, inputs, reduction)
    }
}

#[derive(Clone, Copy)]
struct Poisson;

impl<T: Real> Pointwise<T, 2> for Poisson {
    const NAME: &'static str = "poisson_nll";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y]: [T; 2]) -> T {
        (x.exp::<S>() - y * x) + T::from_f64(Math::ln_gamma::<S>(y.to_f64() + 1.0))
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y]: [T; 2]) -> [T; 2] {
        [x.exp::<S>() - y, T::ZERO]
    }
}

#[derive(Clone, Copy)]
struct NegativeBinomial {
    dispersion: f64,
    ln_dispersion: f64,
}

impl<T: Real> Pointwise<T, 2> for NegativeBinomial {
    const NAME: &'static str = "negative_binomial_nll";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y]: [T; 2]) -> T {
        T::from_f64(negative_binomial::<S>(self.dispersion, x.to_f64() - self.ln_dispersion, y.to_f64()))
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y]: [T; 2]) -> [T; 2] {
        let r = T::from_f64(self.dispersion);
        let logit = x - T::from_f64(self.ln_dispersion);
        [r * logit.sigmoid::<S>() - y * (-logit).sigmoid::<S>(), T::ZERO]
    }
}

#[derive(Clone, Copy)]
struct NegativeBinomialOf;

impl<T: Real> Pointwise<T, 3> for NegativeBinomialOf {
    const NAME: &'static str = "negative_binomial_nll_with_dispersion";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y, r]: [T; 3]) -> T {
        let r = r.to_f64();
        T::from_f64(negative_binomial::<S>(r, x.to_f64() - Math::ln::<S>(r), y.to_f64()))
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y, r]: [T; 3]) -> [T; 3] {
        let (x, y, r) = (x.to_f64(), y.to_f64(), r.to_f64());
        let logit = x - Math::ln::<S>(r);
        let of_logit = r * logit.sigmoid::<S>() - y * (-logit).sigmoid::<S>();
        let gammas = Math::digamma::<S>(r) - Math::digamma::<S>(y + r);
        [T::from_f64(of_logit), T::ZERO, T::from_f64(logit.softplus::<S>() - of_logit / r + gammas)]
    }
}

/// −ln p(y) with the logit ln(μ/r). In double precision, because its terms nearly cancel.
#[inline(always)]
fn negative_binomial<S: Simd>(r: f64, logit: f64, y: f64) -> f64 {
    let chances = r * logit.softplus::<S>() + y * (-logit).softplus::<S>();
    // Add the large terms first.
    let gammas = (Math::ln_gamma::<S>(r) - Math::ln_gamma::<S>(y + r)) + Math::ln_gamma::<S>(y + 1.0);
    chances + gammas
}
