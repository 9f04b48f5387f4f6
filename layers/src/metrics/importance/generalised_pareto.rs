//! The generalised Pareto distribution, fitted to the tail of importance weights.

/// The prior of k has the weight of this many observations at 1/2 (Vehtari et al. 2024).
const PRIOR_WEIGHT: f64 = 10.0;

/// The scale of the prior of the candidates.
const PRIOR_SCALE: f64 = 3.0;

/// Candidates with a smaller share of the posterior are left out.
const NEGLIGIBLE: f64 = 10.0 * f64::EPSILON;

/// A generalised Pareto distribution of exceedances x ≥ 0: P(X > x) = (1 + k x / σ)^(−1/k).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GeneralisedPareto {
    /// The shape k: moments of order 1/k and above are infinite.
    pub(super) shape: f64,
    /// The scale σ > 0.
    pub(super) scale: f64,
}

impl GeneralisedPareto {
    /// The distribution of these exceedances, positive and ascending, or nothing if they do not determine it.
    ///
    /// Zhang and Stephens 2009, "A New and Efficient Estimation Method for the Generalized Pareto Distribution": the
    /// posterior mean of b = −k / σ under a data-dependent prior, by a sum over a grid of candidates; then the k that
    /// is most likely given b. Their k has the opposite sign. The shape is then drawn towards 1/2 by a weak prior,
    /// which matters for few exceedances.
    pub(super) fn fit(exceedances: &[f64]) -> Option<GeneralisedPareto> {
        let (Some(largest), n) = (exceedances.last(), exceedances.len() as f64) else {
            return None;
        };
        let quartile = exceedances[((n / 4.0 + 0.5) as usize).max(1) - 1];
        let count = 30 + n.sqrt() as usize;
        let candidate =
            |i: usize| 1.0 / largest + (1.0 - (count as f64 / (i as f64 + 0.5)).sqrt()) / (PRIOR_SCALE * quartile);
        // The most likely k for each b.
        let shape = |b: f64| exceedances.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / n;
        let log_likelihood = |b: f64| {
            let k = shape(b);
            n * ((-b / k).ln() - k - 1.0)
        };
        let mut candidates: Vec<[f64; 2]> = (0..count).map(candidate).map(|b| [b, log_likelihood(b)]).collect();
        let most = candidates.iter().map(|[_, of]| *of).fold(f64::NEG_INFINITY, f64::max);
        candidates.iter_mut().for_each(|[_, of]| *of = (*of - most).exp());
        let total: f64 = candidates.iter().map(|[_, weight]| weight).sum();
        candidates.retain(|[_, weight]| *weight >= NEGLIGIBLE * total);
        let total: f64 = candidates.iter().map(|[_, weight]| weight).sum();
        let b = candidates.iter().map(|[b, weight]| b * weight / total).sum();
        let k = shape(b);
        let fitted = GeneralisedPareto { shape: (n * k + PRIOR_WEIGHT * 0.5) / (n + PRIOR_WEIGHT), scale: -k / b };
        (fitted.shape.is_finite() && fitted.scale > 0.0 && fitted.scale.is_finite()).then_some(fitted)
    }

    /// The quantile of a probability below 1.
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        let exponential = -(-probability).ln_1p();
        if self.shape.abs() < f64::EPSILON {
            return self.scale * exponential;
        }
        self.scale * (self.shape * exponential).exp_m1() / self.shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_invert_the_distribution_function() {
        for shape in [-0.4, 0.0, 1e-9, 0.5, 1.2] {
            let of = GeneralisedPareto { shape, scale: 2.0 };
            for probability in [0.01, 0.5, 0.99] {
                let x = of.quantile(probability);
                let above = if shape == 0.0 { (-x / 2.0).exp() } else { (1.0 + shape * x / 2.0).powf(-1.0 / shape) };
                assert!((above - (1.0 - probability)).abs() < 1e-7, "{shape}, {probability}: {x}");
            }
        }
    }

    #[test]
    fn a_fit_recovers_shape_and_scale_but_for_the_prior() {
        for shape in [-0.3, 0.0, 0.3, 0.7, 1.1] {
            let of = GeneralisedPareto { shape, scale: 3.0 };
            let n = 2000;
            let exceedances: Vec<f64> = (0..n).map(|i| of.quantile((f64::from(i) + 0.5) / f64::from(n))).collect();
            let fitted = GeneralisedPareto::fit(&exceedances).unwrap();
            let drawn_to_half = (2000.0 * shape + 5.0) / 2010.0;
            assert!((fitted.shape - drawn_to_half).abs() < 0.02, "{shape}: {fitted:?}");
            assert!((fitted.scale / 3.0 - 1.0).abs() < 0.03, "{shape}: {fitted:?}");
        }
    }

    #[test]
    fn what_determines_no_distribution_has_no_fit() {
        assert_eq!(GeneralisedPareto::fit(&[]), None);
        assert_eq!(GeneralisedPareto::fit(&[0.0; 8]), None);
        assert_eq!(GeneralisedPareto::fit(&[f64::INFINITY; 8]), None);
    }
}
