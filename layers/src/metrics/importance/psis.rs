//! Pareto-smoothed importance sampling.

use super::generalised_pareto::GeneralisedPareto;

/// Fewer weights in the tail determine no distribution.
const SHORTEST_TAIL: usize = 5;

/// With a larger k̂, no number of draws that one can take makes an estimate reliable.
pub(super) const LARGEST_GOOD: f64 = 0.7;

/// Pareto-smoothed importance weights of S draws, from [`psis`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Psis {
    /// The logarithms of the weights, in the order of the draws. The weights sum to 1.
    pub log_weights: Vec<f64>,
    /// The estimated shape k̂ of the distribution of large ratios: its moments of order 1/k and above are infinite.
    /// Infinite if fewer than 5 large ratios differ from the others, which is too few to tell, NaN if a ratio is.
    pub k_hat: f64,
    /// The relative efficiency of the draws, 1 if they are independent.
    pub r_eff: f64,
}

/// Pareto-smoothed importance weights from the log ratios ln p(θ) − ln q(θ), in nats, of S independent draws θ from q;
/// p and q need no normalising constants.
///
/// The largest ratios, ⌈min(S/5, 3√S)⌉ of them, are replaced by quantiles of a generalised Pareto distribution that is
/// fitted to them (Zhang and Stephens 2009), and none exceeds the largest ratio. Vehtari, Simpson, Gelman, Yao and
/// Gabry 2024, "Pareto Smoothed Importance Sampling". The shape k̂ of that distribution says how reliable estimates
/// with the weights are: [`Psis::verdict`]. For q a variational posterior and p the joint density it diagnoses the
/// approximation (Yao, Vehtari, Simpson and Gelman 2018, "Yes, but Did It Work?: Evaluating Variational Inference").
///
/// A ratio may be −∞: its weight is 0. If some are +∞, they share all weight. If one is NaN, or all are −∞, all
/// weights are NaN.
///
/// ```
/// # use elbo::metrics;
/// // From q, an exponential distribution with mean 1, to p with mean 1.2: the ratios have k = 1 − 1/1.2 = 0.17.
/// let draws: Vec<f64> = (0..1000).map(|i| -((i as f64 + 0.5) / 1000.0).ln()).collect();
/// let log_ratios: Vec<f64> = draws.iter().map(|x| x - x / 1.2).collect();
/// let psis = metrics::psis(&log_ratios);
/// assert!((psis.k_hat - 0.17).abs() < 0.1 && psis.is_good());
/// let mean: f64 = draws.iter().zip(&psis.log_weights).map(|(x, log_weight)| x * log_weight.exp()).sum();
/// assert!((mean - 1.2).abs() < 0.01, "{mean}");
/// ```
///
/// # Panics
/// If there are no ratios.
#[track_caller]
pub fn psis(log_ratios: &[f64]) -> Psis {
    psis_with_r_eff(log_ratios, 1.0)
}

/// [`psis`] for draws of Markov chains, whose relative efficiency `r_eff` is the effective sample size of a mean per
/// draw, [`ess_mean`](crate::metrics::ess_mean) / S: the tail has ⌈min(S/5, 3√(S/r_eff))⌉ ratios.
///
/// # Panics
/// If there are no ratios, or `r_eff` is not positive and finite.
#[track_caller]
pub fn psis_with_r_eff(log_ratios: &[f64], r_eff: f64) -> Psis {
    assert!(!log_ratios.is_empty(), "psis: no log ratios; pass one for each draw");
    check_r_eff("psis_with_r_eff", r_eff);
    let mut log_weights = log_ratios.to_vec();
    let k_hat = smooth(&mut log_weights, r_eff);
    Psis { log_weights, k_hat, r_eff }
}

#[track_caller]
pub(super) fn check_r_eff(what: &str, r_eff: f64) {
    assert!(
        r_eff > 0.0 && r_eff.is_finite(),
        "{what}: the relative efficiency must be positive and finite, got {r_eff}; it is an effective sample size \
         divided by the number of draws"
    );
}

/// Replaces log ratios by smoothed and normalised log weights, and returns k̂.
pub(super) fn smooth(log_ratios: &mut [f64], r_eff: f64) -> f64 {
    if log_ratios.iter().any(|x| x.is_nan()) {
        log_ratios.fill(f64::NAN);
        return f64::NAN;
    }
    let largest = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::INFINITY {
        log_ratios.iter_mut().for_each(|x| *x = if *x == largest { 0.0 } else { f64::NEG_INFINITY });
        normalise(log_ratios);
        return f64::INFINITY;
    }
    // NaN if all are −∞.
    log_ratios.iter_mut().for_each(|x| *x -= largest);
    let k_hat = if largest.is_finite() { smooth_tail(log_ratios, r_eff) } else { f64::NAN };
    normalise(log_ratios);
    k_hat
}

/// Replaces the largest of some log ratios, none above 0, by quantiles of the distribution fitted to them, and returns
/// its shape.
fn smooth_tail(log_ratios: &mut [f64], r_eff: f64) -> f64 {
    let draws = log_ratios.len() as f64;
    let tail = (draws / 5.0).min(3.0 * (draws / r_eff).sqrt()).ceil() as usize;
    if tail < SHORTEST_TAIL {
        return f64::INFINITY;
    }
    let mut order: Vec<usize> = (0..log_ratios.len()).collect();
    order.sort_by(|&i, &j| log_ratios[i].total_cmp(&log_ratios[j]));
    // Exceedances relative to a ratio that underflows are not numbers.
    let cutoff = log_ratios[order[order.len() - tail - 1]].max(f64::MIN_POSITIVE.ln());
    let tail = &order[order.partition_point(|&i| log_ratios[i] <= cutoff)..];
    if tail.len() < SHORTEST_TAIL {
        return f64::INFINITY;
    }
    let exceedances: Vec<f64> = tail.iter().map(|&i| cutoff.exp() * (log_ratios[i] - cutoff).exp_m1()).collect();
    let Some(fitted) = GeneralisedPareto::fit(&exceedances) else {
        return f64::INFINITY;
    };
    for (rank, &i) in tail.iter().enumerate() {
        let quantile = fitted.quantile((rank as f64 + 0.5) / tail.len() as f64);
        log_ratios[i] = (quantile + cutoff.exp()).ln().min(0.0);
    }
    fitted.shape
}

/// Subtracts the logarithm of the sum of the exponentials, whose largest is about 1.
fn normalise(log_weights: &mut [f64]) {
    let log_sum = log_weights.iter().map(|x| x.exp()).sum::<f64>().ln();
    log_weights.iter_mut().for_each(|x| *x -= log_sum);
}

/// Below this, estimates from so many draws are reliable.
pub(super) fn threshold(draws: usize) -> f64 {
    (1.0 - 1.0 / (draws as f64).log10()).clamp(0.0, LARGEST_GOOD)
}

impl Psis {
    /// The effective sample size of the weights, `r_eff` / Σ w²: how many independent draws from p would estimate a
    /// mean as well. It is too optimistic where k̂ is not good.
    pub fn effective_sample_size(&self) -> f64 {
        self.r_eff / self.log_weights.iter().map(|x| (2.0 * x).exp()).sum::<f64>()
    }

    /// Below this, k̂ is good: min(1 − 1/log₁₀ S, 0.7), and 0 for up to 10 draws. Vehtari et al. 2024, section 3.2.4,
    /// eq. 13.
    pub fn threshold(&self) -> f64 {
        threshold(self.log_weights.len())
    }

    /// Whether estimates with the weights are reliable: k̂ is below [`threshold`](Psis::threshold).
    pub fn is_good(&self) -> bool {
        self.k_hat < self.threshold()
    }

    /// In words: whether estimates with the weights are reliable, and what to do if they are not.
    pub fn verdict(&self) -> String {
        let (k, threshold, draws) = (self.k_hat, self.threshold(), self.log_weights.len());
        if k.is_nan() {
            return "no k_hat: a log ratio is NaN, or all are -inf".to_owned();
        }
        if k == f64::INFINITY {
            return format!("no k_hat: too few of {draws} ratios are large and differ; take more draws");
        }
        if k < threshold {
            return format!("good: k_hat {k:.2} is below {threshold:.2}, so estimates with these weights are reliable");
        }
        let found = format!("k_hat {k:.2} is not below {threshold:.2}");
        if k < LARGEST_GOOD {
            // The threshold of so many draws is k̂ (section 3.2.3).
            let enough = 10f64.powf(1.0 / (1.0 - k.max(0.0))).ceil();
            return format!("not yet good: {found}, the limit for {draws} draws; take at least {enough:.0}");
        }
        if k < 1.0 {
            return format!(
                "bad: {found}; estimates are biased and converge too slowly for more draws to help, so draw from a \
                 distribution that is closer to the target"
            );
        }
        format!(
            "very bad: {found}, and from 1 on the ratios have no finite mean; draw from a distribution that is closer \
             to the target"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, normals};

    /// Log ratios with exponential tails of this mean, so that the ratios are Pareto distributed with this shape.
    fn pareto(draws: usize, shape: f64) -> Vec<f64> {
        let mut noise = vec![0.0; 2 * draws];
        normals(Key::new(29), 0, &mut noise);
        noise.chunks_exact(2).map(|pair| shape * 0.5 * (pair[0] * pair[0] + pair[1] * pair[1])).collect()
    }

    #[test]
    fn the_shape_of_pareto_distributed_ratios_is_found() {
        for shape in [0.2, 0.5, 0.8, 1.3] {
            let found = psis(&pareto(100_000, shape));
            assert!((found.k_hat - shape).abs() < 0.1, "{shape}: {}", found.k_hat);
            assert_eq!(found.is_good(), shape < 0.7);
        }
    }

    #[test]
    fn only_the_tail_is_changed_and_weights_sum_to_one() {
        let log_ratios = pareto(400, 0.5);
        let found = psis(&log_ratios);
        assert!((found.log_weights.iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-14);
        let shift = |i: usize| found.log_weights[i] - log_ratios[i];
        let smallest = (0..400).min_by(|&i, &j| log_ratios[i].total_cmp(&log_ratios[j])).unwrap();
        let changed = (0..400).filter(|&i| (shift(i) - shift(smallest)).abs() > 1e-12).count();
        assert!((50..=60).contains(&changed), "{changed} of ⌈3√400⌉ = 60 in the tail");
        let mut order: Vec<usize> = (0..400).collect();
        order.sort_by(|&i, &j| log_ratios[i].total_cmp(&log_ratios[j]));
        assert!(order.is_sorted_by(|&i, &j| found.log_weights[i] <= found.log_weights[j]));
        // Draws that are worth less have a longer tail.
        assert_ne!(psis_with_r_eff(&log_ratios, 0.7).k_hat, found.k_hat);
        let of_chains = psis_with_r_eff(&log_ratios, 4.0).effective_sample_size();
        assert!(of_chains > 3.0 * found.effective_sample_size());
    }

    #[test]
    fn large_constants_do_not_matter() {
        let log_ratios = pareto(200, 0.4);
        let far: Vec<f64> = log_ratios.iter().map(|x| x - 1e5).collect();
        assert!((psis(&far).k_hat - psis(&log_ratios).k_hat).abs() < 1e-6);
    }

    #[test]
    fn infinite_ratios_take_or_lose_all_weight() {
        let mut log_ratios = pareto(200, 0.4);
        log_ratios[3] = f64::NEG_INFINITY;
        let found = psis(&log_ratios);
        assert!(found.k_hat.is_finite() && found.log_weights[3] == f64::NEG_INFINITY);
        log_ratios[5] = f64::INFINITY;
        let found = psis(&log_ratios);
        assert_eq!((found.k_hat, found.log_weights[5], found.log_weights[6]), (f64::INFINITY, 0.0, f64::NEG_INFINITY));
        for bad in [vec![f64::NEG_INFINITY; 30], vec![f64::NAN, 1.0]] {
            let found = psis(&bad);
            assert!(found.k_hat.is_nan() && found.log_weights.iter().all(|x| x.is_nan()) && !found.is_good());
            assert!(found.verdict().contains("NaN"));
        }
    }

    #[test]
    fn equal_or_few_ratios_have_no_shape_and_keep_their_weights() {
        for draws in [1, 20, 500] {
            let found = psis(&vec![-3.0; draws]);
            assert_eq!(found.k_hat, f64::INFINITY);
            assert!((found.effective_sample_size() / draws as f64 - 1.0).abs() < 1e-12);
            assert!(found.verdict().contains("too few"));
        }
    }

    #[test]
    fn the_verdict_says_what_to_do() {
        let of = |k_hat, draws| Psis { log_weights: vec![0.0; draws], k_hat, r_eff: 1.0 }.verdict();
        assert!(of(0.3, 4000).starts_with("good: k_hat 0.30 is below 0.70"));
        assert_eq!(
            of(0.6, 100),
            "not yet good: k_hat 0.60 is not below 0.50, the limit for 100 draws; take at least 317"
        );
        assert!(of(0.8, 4000).starts_with("bad: k_hat 0.80 is not below 0.70"));
        assert!(of(1.4, 4000).starts_with("very bad"));
        assert!((threshold(100) - 0.5).abs() < 1e-15);
        assert_eq!((threshold(1), threshold(10_000)), (0.0, 0.7));
    }

    #[test]
    #[should_panic(expected = "psis: no log ratios; pass one for each draw")]
    fn no_ratios_are_refused() {
        psis(&[]);
    }

    #[test]
    #[should_panic(expected = "psis_with_r_eff: the relative efficiency must be positive and finite, got 0")]
    fn draws_without_efficiency_are_refused() {
        psis_with_r_eff(&[1.0], 0.0);
    }
}
