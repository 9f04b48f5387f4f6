//! Effective sample sizes of chains.

use super::autocovariance::Autocovariance;
use super::ranks::normal_scores;
use super::table::{Table, are_finite, variance};

/// The bulk effective sample size of one scalar: how many independent draws would estimate the middle of its
/// distribution, such as its mean or median, as well. Have at least 100 for each chain, so that
/// [`r_hat`](super::r_hat) and this estimate are themselves reliable (Vehtari et al. 2021, section 4).
///
/// It is [`ess_mean`] of the draws' normal scores, so it exists without a mean or a variance. Vehtari et al. 2021,
/// sections 3.2 and 4.1.
///
/// NaN if all draws are equal or one is not finite. Chains that are stuck apart give about their number; a chain that
/// is stuck in the middle of others may go unnoticed, so look at [`r_hat`](super::r_hat) first.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn ess_bulk(chains: &[&[f64]]) -> f64 {
    let halves = Table::halves("ess_bulk", chains);
    if !are_finite(chains) || !halves.varies() {
        return f64::NAN;
    }
    effective(&halves.map(normal_scores))
}

/// The tail effective sample size of one scalar: the smaller one of those for the shares of draws at or below the 5 %
/// and the 95 % quantile. Credible intervals need it. Have at least 100 for each chain. Vehtari et al. 2021, section
/// 4.3.
///
/// A quantile that is also the largest draw, as of a discrete scalar, says nothing and does not count; NaN if neither
/// does, all draws are equal or one is not finite.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn ess_tail(chains: &[&[f64]]) -> f64 {
    let halves = Table::halves("ess_tail", chains);
    if !are_finite(chains) {
        return f64::NAN;
    }
    let mut all = chains.concat();
    let last = all.len() - 1;
    // Quantiles interpolate between two draws, and then the draws up to the lower one are below.
    let of_quantile = |twentieths: usize| {
        let (_, &mut quantile, _) = all.select_nth_unstable_by(last * twentieths / 20, f64::total_cmp);
        ess_of(&halves.map(|values| values.iter().map(|x| f64::from(u8::from(*x <= quantile))).collect()))
    };
    [1, 19].map(of_quantile).into_iter().fold(f64::NAN, f64::min)
}

/// The effective sample size of one scalar's mean: how many independent draws would estimate it as well.
/// [`mcse_mean`](super::mcse_mean) turns it into an error. Vehtari et al. 2021, section 3.2.
///
/// S / τ for S draws and the integrated autocorrelation time τ = 1 + 2 Σ_t ρ_t, where ρ_t compares the autocovariance
/// of half chains with the variance over all of them. The sum stops before the first pair of successive ρ_t whose sum is
/// not positive, and the sums of pairs may not increase (Geyer 1992, "Practical Markov Chain Monte Carlo", section 3.3:
/// initial positive and monotone sequences). It is at most S log₁₀ S: chains whose draws alternate about the mean can beat
/// independent ones.
///
/// NaN if all draws are equal or one is not finite.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// ```
/// # use elbo::metrics;
/// // Each draw is half the previous one and half new: ρ_t = 2⁻ᵗ, so τ is 3.
/// let mut state = 1u32;
/// let mut x = 0.0;
/// let chain: Vec<f64> = (0..30_000)
///     .map(|_| {
///         state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
///         x = 0.5 * x + f64::from(state) / f64::from(u32::MAX) - 0.5;
///         x
///     })
///     .collect();
/// let ess = metrics::ess_mean(&[&chain]);
/// assert!((ess / 10_000.0 - 1.0).abs() < 0.1, "{ess}");
/// ```
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn ess_mean(chains: &[&[f64]]) -> f64 {
    let halves = Table::halves("ess_mean", chains);
    if are_finite(chains) { ess_of(&halves) } else { f64::NAN }
}

fn ess_of(chains: &Table) -> f64 {
    if chains.varies() { effective(chains) } else { f64::NAN }
}

/// The effective sample size of these chains, without splitting them again.
fn effective(chains: &Table) -> f64 {
    let (draws, all) = (chains.draws(), chains.values().len() as f64);
    let mut autocovariance = Autocovariance::new(chains);
    let biased = autocovariance.at(0);
    let within = biased * draws as f64 / (draws - 1) as f64;
    // Too large, rather than too small, while the chains have not met.
    let total = biased + variance(&chains.means());
    if !(total > 0.0 && total.is_finite()) {
        // The squares overflow or underflow.
        return f64::NAN;
    }
    let mut correlation = |lag: usize| 1.0 - (within - autocovariance.at(lag)) / total;
    // The correlations at an even lag and at the next one.
    let (mut even, mut odd) = (1.0, correlation(1));
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    let mut lag = 0;
    // The last lags have too few products for an estimate.
    while lag + 4 < draws && even + odd > 0.0 {
        least = f64::min(least, even + odd);
        sum += least;
        lag += 2;
        (even, odd) = (correlation(lag), correlation(lag + 1));
    }
    // The first even lag that is left out reduces the variance of chains that alternate.
    let rest = if even > 0.0 || even + odd >= 0.0 { even } else { 0.0 };
    let time = -1.0 + 2.0 * sum + rest;
    all / time.max(1.0 / all.log10())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, normals};

    /// Stationary chains x_t = φ x_{t−1} + noise, with ρ_t = φᵗ and τ = (1 + φ) / (1 − φ).
    fn autoregressive(chains: usize, draws: usize, coefficient: f64) -> Vec<Vec<f64>> {
        let of_chain = |chain| {
            let mut x = vec![0.0; draws];
            normals(Key::new(17).step(chain), 0, &mut x);
            x[0] /= (1.0 - coefficient * coefficient).sqrt();
            for i in 1..draws {
                x[i] += coefficient * x[i - 1];
            }
            x
        };
        (0..chains).map(of_chain).collect()
    }

    fn of(measure: fn(&[&[f64]]) -> f64, chains: &[Vec<f64>]) -> f64 {
        measure(&chains.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn an_autoregressive_process_has_its_autocorrelation_time() {
        for coefficient in [-0.6, -0.3, 0.0, 0.5, 0.9, 0.99f64] {
            let chains = autoregressive(4, 40_000, coefficient);
            let expected = 160_000.0 * (1.0 - coefficient) / (1.0 + coefficient);
            for measure in [ess_mean, ess_bulk] {
                let ratio = of(measure, &chains) / expected;
                assert!((ratio - 1.0).abs() < 0.1, "{coefficient}: {ratio}");
            }
        }
    }

    #[test]
    fn tails_of_independent_draws_are_all_effective() {
        let chains = autoregressive(4, 10_000, 0.0);
        let ratio = of(ess_tail, &chains) / 40_000.0;
        assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn chains_that_alternate_are_bounded() {
        let alternate: Vec<f64> =
            (0..1000).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 } + 1e-3 * f64::from(i).sin()).collect();
        assert_eq!(ess_mean(&[&alternate]), 3000.0);
    }

    #[test]
    fn chains_that_are_stuck_apart_count_for_little() {
        let stuck: Vec<Vec<f64>> = (0..4).map(|chain| vec![f64::from(chain); 1000]).collect();
        for measure in [ess_bulk, ess_mean, ess_tail] {
            assert!(of(measure, &stuck) < 4.1, "{}", of(measure, &stuck));
        }
    }

    #[test]
    fn there_is_none_for_draws_that_are_equal_or_not_finite() {
        for chain in [[0.1; 9], [0.1, 0.2, 0.3, 0.4, f64::NAN, 0.6, 0.7, 0.8, 0.9], [f64::INFINITY; 9]] {
            for measure in [ess_bulk, ess_mean, ess_tail] {
                assert!(measure(&[&chain]).is_nan(), "{chain:?}");
            }
        }
    }

    #[test]
    fn a_rare_event_has_one_tail_that_counts() {
        let rare: Vec<f64> = autoregressive(1, 1000, 0.0)[0].iter().map(|x| f64::from(u8::from(*x > 1.0))).collect();
        // The 95 % quantile is 1, the largest draw.
        assert!((ess_tail(&[&rare]) / 1000.0 - 1.0).abs() < 0.2, "{}", ess_tail(&[&rare]));
    }

    #[test]
    fn the_shortest_chains_have_one() {
        assert!(ess_mean(&[&[0.0, 2.0, 1.0, 5.0]]).is_finite());
    }
}
