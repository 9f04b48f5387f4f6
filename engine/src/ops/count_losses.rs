//! Negative log-likelihoods of counts.

use crate::kernels::dispatch::Simd;
use crate::kernels::math::Math;
use crate::ops::loss::{Pointwise, Reduction, record};
use crate::{Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// −ln of the chance of `counts` y under Poisson distributions with this as the logarithm of their means, in nats:
    /// eˣ − yx + ln y!.
    ///
    /// Counts are data: they get no gradient.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn poisson_nll(self, counts: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Poisson, self, [("counts", counts)], reduction)
    }

    /// −ln of the chance of `counts` y under negative binomial distributions with this as the logarithm of their means μ,
    /// and variances μ + μ²/r with r = `dispersion`, in nats:
    /// ln Γ(r) + ln y! − ln Γ(y + r) + r ln(1 + μ/r) + y ln(1 + r/μ). As r grows it tends to
    /// [`poisson_nll`](Var::poisson_nll).
    ///
    /// In terms of a number of failures r and logits ℓ it is x = ℓ + ln r. Counts are data: they get no gradient.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or the dispersion is not positive and finite.
    #[track_caller]
    pub fn negative_binomial_nll(self, counts: Var<'t, T>, dispersion: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(
            dispersion > 0.0 && dispersion.is_finite(),
            "negative_binomial_nll: the dispersion must be positive and finite, got {dispersion}"
        );
        record(NegativeBinomial { dispersion, ln_dispersion: dispersion.ln() }, self, [("counts", counts)], reduction)
    }
}

#[derive(Clone, Copy)]
struct Poisson;

impl<T: Real> Pointwise<T> for Poisson {
    const NAME: &'static str = "poisson_nll";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y, _]: [T; 3]) -> T {
        (x.exp::<S>() - y * x) + T::from_f64(ln_gamma::<S>(y.to_f64() + 1.0))
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y, _]: [T; 3]) -> [T; 3] {
        [x.exp::<S>() - y, T::ZERO, T::ZERO]
    }
}

#[derive(Clone, Copy)]
struct NegativeBinomial {
    dispersion: f64,
    ln_dispersion: f64,
}

impl<T: Real> Pointwise<T> for NegativeBinomial {
    const NAME: &'static str = "negative_binomial_nll";

    #[inline(always)]
    fn value<S: Simd>(self, [x, y, _]: [T; 3]) -> T {
        let (r, y) = (self.dispersion, y.to_f64());
        let logit = x.to_f64() - self.ln_dispersion;
        let chances = r * logit.softplus::<S>() + y * (-logit).softplus::<S>();
        // The large terms first: they nearly cancel.
        let gammas = (ln_gamma::<S>(r) - ln_gamma::<S>(y + r)) + ln_gamma::<S>(y + 1.0);
        T::from_f64(chances + gammas)
    }

    #[inline(always)]
    fn slopes<S: Simd>(self, [x, y, _]: [T; 3]) -> [T; 3] {
        let r = T::from_f64(self.dispersion);
        let logit = x - T::from_f64(self.ln_dispersion);
        [r * logit.sigmoid::<S>() - y * (-logit).sigmoid::<S>(), T::ZERO, T::ZERO]
    }
}

/// ½ ln 2π.
pub(crate) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// ln Γ(x) for x > 0, to 1e-14 of itself, or absolutely where it is below 1: Stirling's series, of x + 10 where x is
/// below 10. Branch-free.
#[inline(always)]
pub(crate) fn ln_gamma<S: Simd>(x: f64) -> f64 {
    let is_small = x < 10.0;
    let mut product = 1.0;
    for i in 0..10 {
        product *= x + f64::from(i);
    }
    let (x, product) = if is_small { (x + 10.0, product) } else { (x, 1.0) };
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    // B₂ₖ/(2k(2k−1)), k = 1 to 7; the eighth term is below 1e-16 here.
    let coefficients =
        [1.0 / 156.0, -691.0 / 360_360.0, 1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    let mut series = 0.0;
    for coefficient in coefficients {
        series = series * square + coefficient;
    }
    ((x - 0.5) * Math::ln::<S>(x) - x) + (HALF_LN_TAU + (series * inverse - Math::ln::<S>(product)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::Portable;

    #[test]
    fn factorials_are_right() {
        // Summed with the rounding errors carried along, so that the sum is as good as its terms.
        let (mut ln_factorial, mut lost) = (0.0, 0.0);
        for n in 0..2000 {
            let term = f64::from(n.max(1)).ln() - lost;
            let sum = ln_factorial + term;
            (ln_factorial, lost) = (sum, (sum - ln_factorial) - term);
            let ours = ln_gamma::<Portable>(f64::from(n) + 1.0);
            assert!(
                (ours - ln_factorial).abs() < 1e-14 * ln_factorial.max(1.0),
                "ln {n}! is {ln_factorial}, not {ours}"
            );
        }
    }

    #[test]
    fn half_integers_and_the_recurrence_are_right() {
        assert!((ln_gamma::<Portable>(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-14);
        for i in 1..4000 {
            let x = f64::from(i) * 0.0173;
            let step = ln_gamma::<Portable>(x + 1.0) - ln_gamma::<Portable>(x);
            assert!((step - x.ln()).abs() < 2e-14 * ln_gamma::<Portable>(x + 1.0).abs().max(1.0), "at {x}");
        }
    }
}
