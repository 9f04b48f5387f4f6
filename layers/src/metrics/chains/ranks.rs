//! Rank normalisation, and the median.

use std::f64::consts::SQRT_2;

use statrs::function::erf::erfc_inv;

/// The values by the normal quantiles of their ranks r among all S: Φ⁻¹((r − 3/8) / (S + 1/4)), where equal values
/// have their mean rank. Vehtari et al. 2021, section 4.1, with the constants of Blom 1958.
pub(super) fn normal_scores(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut scores = vec![0.0; values.len()];
    let mut below = 0;
    // `==`, because −0 equals 0.
    for equal in order.chunk_by(|(a, _), (b, _)| a == b) {
        let rank = below as f64 + 0.5 * (equal.len() + 1) as f64;
        let score = normal_quantile((rank - 0.375) / (values.len() as f64 + 0.25));
        equal.iter().for_each(|&(_, i)| scores[i] = score);
        below += equal.len();
    }
    scores
}

/// The values' distances from their median.
pub(super) fn folded(values: &[f64]) -> Vec<f64> {
    let median = median(values);
    values.iter().map(|x| (x - median).abs()).collect()
}

/// The quantile of the standard normal distribution, for probabilities that are not tiny.
fn normal_quantile(probability: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * probability)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    let (below, &mut upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    if values.len().is_multiple_of(2) {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return lower.midpoint(upper);
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        let scores = normal_scores(&[3.0, -1.0, 3.0, 9.0]);
        let of = |rank: f64| normal_quantile((rank - 0.375) / 4.25);
        assert_eq!(scores, [of(2.5), of(1.0), of(2.5), of(4.0)]);
        assert_eq!(scores[0], 0.0);
        assert_eq!(normal_scores(&[-0.0, 0.0, -0.0, 0.0]), [0.0; 4]);
    }

    #[test]
    fn normal_quantiles_invert_the_distribution_function() {
        for exponent in 1..=10 {
            for p in
                [0.05, 0.3, 0.5, 0.9, 1.0].map(|p| p * 10f64.powi(-exponent)).into_iter().flat_map(|p| [p, 1.0 - p])
            {
                let z = normal_quantile(p);
                let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                let off = (0.5 * libm::erfc(-z / SQRT_2) - p) / density;
                // 1 − p is known to half a unit in its last place.
                assert!(off.abs() < 1e-12 + f64::EPSILON * p / density, "{p}: {z} is off by {off:e}");
            }
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_in_the_middle() {
        assert_eq!((median(&[4.0, 1.0, 3.0, 2.0]), median(&[9.0, 1.0, 2.0])), (2.5, 2.0));
        assert_eq!(folded(&[4.0, 1.0, 3.0, 2.0]), [1.5, 1.5, 0.5, 0.5]);
    }
}
