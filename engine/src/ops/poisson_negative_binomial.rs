//! Negative log-likelihoods of counts: Poisson and negative binomial.

use std::f64::consts::TAU;

use crate::kernels::dispatch::Simd;
use crate::kernels::math::Math;
use crate::kernels::math::stirling::{digamma_rest, minus_ln_1p, stirling_error};
use crate::ops::pointwise_loss::{Pointwise, Reduction, record};
use crate::{Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// −ln p(y) of `counts` y under Poisson distributions with this as the logarithm of their means, in nats: eˣ − yx +
    /// ln y!. The logarithm may be −∞: a count of 0 is then certain (0 nats), and any other is impossible (∞).
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
    /// r/μ). Its limit for large r is [`poisson_nll`](Var::poisson_nll), to all digits; x = −∞ is as there.
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
        let dispersion = capped(dispersion);
        let ln_dispersion = dispersion.ln();
        let rule = NegativeBinomial { dispersion, ln_dispersion };
        record(rule, [("predictions", self), ("counts", counts)], reduction)
    }

    /// [`negative_binomial_nll`](Var::negative_binomial_nll) with a dispersion r > 0 per count, which may be learned, and
    /// may be infinite: the derivative has the digamma functions ψ(r) − ψ(y + r), and is accurate however large r is.
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
        // A count of 0 is certain at the mean 0, and none is possible at an infinite one.
        let none = y == T::ZERO || x == T::from_f64(f64::INFINITY);
        let of_count = if none { T::ZERO } else { y * x };
        let small = (x.exp::<S>() - of_count) + T::from_f64(Math::ln_gamma::<S>(y.to_f64() + 1.0));
        let (x, y) = (x.to_f64(), y.to_f64());
        let large = T::from_f64(poisson_of_large::<S>(x, y));
        if y >= MANY { large } else { small }
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y]: [T; 2]) -> [T; 2] {
        [x.exp::<S>() - y, T::ZERO]
    }
}

/// From this count on, the terms of the definition, of which y ln y is the largest, lose too many digits.
const MANY: f64 = 256.0;

/// −ln of the Poisson distribution with log-mean x as the deviance and Stirling's formula (C. Loader, "Fast and accurate
/// computation of binomial probabilities", 2000): y (v − ln(1 + v)) with the mean (1 + v) y, plus ½ ln 2πy and its error.
#[inline(always)]
fn poisson_of_large<S: Simd>(x: f64, y: f64) -> f64 {
    let ln_ratio = x - Math::ln::<S>(y);
    let deviance = y * minus_ln_1p::<S>(Math::exp_m1::<S>(ln_ratio), ln_ratio);
    deviance + 0.5 * Math::ln::<S>(TAU * y) + stirling_error::<S>(y)
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
        let NegativeBinomial { dispersion, ln_dispersion } = self;
        T::from_f64(Terms::of::<S>(x.to_f64(), y.to_f64(), dispersion, ln_dispersion).value::<S>())
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y]: [T; 2]) -> [T; 2] {
        let NegativeBinomial { dispersion, ln_dispersion } = self;
        [T::from_f64(Terms::of::<S>(x.to_f64(), y.to_f64(), dispersion, ln_dispersion).slope()), T::ZERO]
    }
}

#[derive(Clone, Copy)]
struct NegativeBinomialOf;

impl<T: Real> Pointwise<T, 3> for NegativeBinomialOf {
    const NAME: &'static str = "negative_binomial_nll_with_dispersion";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y, r]: [T; 3]) -> T {
        let r = capped(r.to_f64());
        T::from_f64(Terms::of::<S>(x.to_f64(), y.to_f64(), r, Math::ln::<S>(r)).value::<S>())
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y, r]: [T; 3]) -> [T; 3] {
        let r = capped(r.to_f64());
        let terms = Terms::of::<S>(x.to_f64(), y.to_f64(), r, Math::ln::<S>(r));
        [T::from_f64(terms.slope()), T::ZERO, T::from_f64(terms.slope_of_dispersion::<S>())]
    }
}

/// A dispersion; an infinite one as a number whose distribution is the same, the Poisson distribution.
#[inline(always)]
fn capped(r: f64) -> f64 {
    // The comparison is false for NaN, which passes through.
    if r > LARGEST { LARGEST } else { r }
}

/// The largest dispersion that is computed with.
const LARGEST: f64 = 1e30;

/// The terms of −ln p(y) under a negative binomial distribution with the mean μ = eˣ. In double precision, because some
/// nearly cancel.
#[derive(Clone, Copy)]
struct Terms {
    y: f64,
    r: f64,
    /// μ/(r + μ).
    share: f64,
    /// r/(r + μ).
    other_share: f64,
    /// ln(1 + μ/r).
    above: f64,
    /// ln(1 + r/μ).
    below: f64,
}

impl Terms {
    #[inline(always)]
    fn of<S: Simd>(x: f64, y: f64, r: f64, ln_r: f64) -> Self {
        let logit = x - ln_r;
        Terms {
            y,
            r,
            share: logit.sigmoid::<S>(),
            other_share: (-logit).sigmoid::<S>(),
            above: logit.softplus::<S>(),
            below: (-logit).softplus::<S>(),
        }
    }

    /// −ln p(y). ln Γ(y + r) − ln Γ(r) and y ln(1 + r/μ) grow with r, and their difference does not: so Γ is taken by
    /// Stirling's formula with its error, and the rest is the deviances of y and r from their parts of y + r (C. Loader,
    /// "Fast and accurate computation of binomial probabilities", 2000).
    #[inline(always)]
    fn value<S: Simd>(self) -> f64 {
        let Terms { y, r, share, other_share, above, below } = self;
        let (ratio, inverse) = (y / r, r / y);
        let ln_ratio = Math::ln_1p::<S>(ratio);
        let of_r = r * minus_ln_1p::<S>(ratio * other_share - share, ln_ratio - above);
        let of_y = y * minus_ln_1p::<S>(inverse * share - other_share, Math::ln_1p::<S>(inverse) - below);
        let errors = (stirling_error::<S>(y) - stirling_error::<S>(y + r)) + stirling_error::<S>(r);
        let scale = 0.5 * Math::ln::<S>(TAU * y / (1.0 + ratio)) + ln_ratio;
        let some = (of_r + of_y) + (errors + scale);
        if y == 0.0 { r * above } else { some }
    }

    /// The derivative by the logarithm of the mean.
    #[inline(always)]
    fn slope(self) -> f64 {
        self.r * self.share - self.y * self.other_share
    }

    /// The derivative by the dispersion, ψ(r) − ψ(y + r) + ln(1 + μ/r) + (y − μ)/(r + μ). Each term is about 1/r, and for
    /// large r their sum is about 1/r²: then y/r is taken out of both differences.
    #[inline(always)]
    fn slope_of_dispersion<S: Simd>(self) -> f64 {
        let Terms { y, r, share, other_share, above, .. } = self;
        let ratio = y / r;
        let of_mean = minus_ln_1p::<S>(-share, -above);
        let gammas = Math::digamma::<S>(y + r) - Math::digamma::<S>(r);
        let near = of_mean + (ratio * other_share - gammas);
        // y/r − ψ(y + r) + ψ(r), by the asymptotic expansion of ψ.
        let halves = 0.5 * ratio / (r + y);
        let rests = digamma_rest::<S>(r) - digamma_rest::<S>(y + r);
        let gammas = (minus_ln_1p::<S>(ratio, Math::ln_1p::<S>(ratio)) - halves) + rests;
        let far = of_mean + (gammas - ratio * share);
        if r >= MANY_FAILURES && ratio < 1.0 { far } else { near }
    }
}

/// From this dispersion on, ψ is taken by its expansion.
const MANY_FAILURES: f64 = 8.0;
