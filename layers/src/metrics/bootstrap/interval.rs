//! `Interval`: a metric with its confidence interval, by percentiles or BCa.

use std::fmt;

use super::BootstrapError;
use crate::metrics::normal_mixture::standard_quantile;

/// A metric with a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The metric of all rows.
    pub estimate: f64,
    /// The lower end of the interval.
    pub lower: f64,
    /// The upper end of the interval.
    pub upper: f64,
    /// The standard deviation of the metric over resamples.
    pub standard_error: f64,
    /// The probability with which such intervals contain the metric of all rows there could be.
    pub level: f64,
}

impl Interval {
    /// Whether the interval contains this value: for a difference and 0, whether the models may be equally good.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.lower && value <= self.upper
    }

    /// The quantiles of the resamples' metrics.
    pub(super) fn percentile(estimate: f64, mut drawn: Vec<f64>, level: f64) -> Self {
        drawn.sort_unstable_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - level);
        Interval::between(estimate, &drawn, [tail, 1.0 - tail], level)
    }

    /// The quantiles, moved for the bias of the resamples' metrics and for their skewness.
    pub(super) fn bca(
        estimate: f64,
        mut drawn: Vec<f64>,
        acceleration: f64,
        level: f64,
    ) -> Result<Self, BootstrapError> {
        drawn.sort_unstable_by(f64::total_cmp);
        let less = drawn.iter().filter(|value| **value < estimate).count() as f64;
        let equal = drawn.iter().filter(|value| **value == estimate).count() as f64;
        let below = (less + 0.5 * equal) / drawn.len() as f64;
        if below <= 0.0 || below >= 1.0 {
            return Err(BootstrapError::OneSided { estimate });
        }
        let bias = standard_quantile(below);
        let tail = 0.5 * (1.0 - level);
        let moved = [tail, 1.0 - tail].map(|probability| {
            let z = bias + standard_quantile(probability);
            let moved = bias + z / (1.0 - acceleration * z);
            0.5 * libm::erfc(-moved * std::f64::consts::FRAC_1_SQRT_2)
        });
        Ok(Interval::between(estimate, &drawn, moved, level))
    }

    fn between(estimate: f64, sorted: &[f64], probabilities: [f64; 2], level: f64) -> Self {
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let [lower, upper] = probabilities.map(|probability| quantile(sorted, probability));
        Interval { estimate, lower, upper, standard_error: variance.sqrt(), level }
    }
}

/// The quantile of sorted numbers, linear between them (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let place = probability * (sorted.len() - 1) as f64;
    let (before, share) = (place.floor() as usize, place.fract());
    let next = sorted[(before + 1).min(sorted.len() - 1)];
    sorted[before] + share * (next - sorted[before])
}

/// `0.912 (95 %: 0.894 to 0.928)`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { estimate, lower, upper, level, .. } = self;
        let digits = f.precision().unwrap_or(3);
        write!(f, "{estimate:.digits$} ({:.0} %: {lower:.digits$} to {upper:.digits$})", 100.0 * level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_quantiles() {
        let drawn: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let percentile = Interval::percentile(50.0, drawn.clone(), 0.9);
        assert!((percentile.lower - 5.0).abs() < 1e-12 && (percentile.upper - 95.0).abs() < 1e-12);
        // Without bias and skewness, BCa is the same.
        let bca = Interval::bca(50.0, drawn.clone(), 0.0, 0.9).unwrap();
        assert!((bca.lower - 5.0).abs() < 1e-10 && (bca.upper - 95.0).abs() < 1e-10);
        assert!(bca.contains(5.1) && !bca.contains(4.9));
        assert_eq!(Interval::bca(101.0, drawn, 0.0, 0.9), Err(BootstrapError::OneSided { estimate: 101.0 }));
        assert_eq!(format!("{percentile:.1}"), "50.0 (90 %: 5.0 to 95.0)");
    }

    /// Against `scipy.stats.bootstrap` for the same resamples: `tests/reference/scores.py`.
    #[test]
    fn intervals_of_given_resamples_agree_with_scipy() {
        let data: Vec<f64> = (0..20u32).map(|i| f64::from(i * i % 11) / 4.0).collect();
        let mean = data.iter().sum::<f64>() / 20.0;
        let power = |power| data.iter().map(|x| (x - mean).powi(power)).sum::<f64>();
        let acceleration = power(3) / (6.0 * power(2).powf(1.5));
        let drawn: Vec<f64> = (0..200).map(|i| (1.0 + (0.7 * f64::from(i)).sin()).powi(2)).collect();
        let percentile = Interval::percentile(mean, drawn.clone(), 0.9);
        let bca = Interval::bca(mean, drawn, acceleration, 0.9).unwrap();
        let found = [percentile.lower, percentile.upper, bca.lower, bca.upper];
        let expected = [
            0.001_034_771_360_971_508_2,
            3.985_070_673_415_963_8,
            0.000_682_856_328_311_287_6,
            3.971_897_358_915_515_8,
        ];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    }
}
