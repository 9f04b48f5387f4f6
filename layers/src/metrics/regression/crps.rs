//! The continuous ranked probability score of a normal distribution and of samples.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// The continuous ranked probability score of N(mean, sd²) for the target `y`, in its unit; lower is better, and |y − mean| for
/// sd = 0.
///
/// CRPS(F, y) = ∫ (F(x) − 1\[x ≥ y\])² dx = E|X − y| − ½ E|X − X′| (Gneiting and Raftery 2007, eqs. 20 and 21), here
/// sd (z (2Φ(z) − 1) + 2φ(z) − 1/√π) with z = (y − mean)/sd.
///
/// # Panics
/// If the standard deviation is negative or NaN.
#[track_caller]
pub fn crps_normal(mean: f64, sd: f64, y: f64) -> f64 {
    assert!(sd >= 0.0, "crps_normal: the standard deviation must not be negative, got {sd}");
    mean_distance(y - mean, sd) - sd / PI.sqrt()
}

/// E|X| of X ~ N(mean, sd²).
pub(super) fn mean_distance(mean: f64, sd: f64) -> f64 {
    if sd == 0.0 {
        return mean.abs();
    }
    let z = mean / sd;
    mean * libm::erf(z * FRAC_1_SQRT_2) + 2.0 * sd * (-0.5 * z * z).exp() / TAU.sqrt()
}

/// The continuous ranked probability score of equally weighted samples for the target `y`, in its unit: that of their
/// empirical distribution, E|X − y| − ½ E|X − X′| with both expectations over all S or S² (pairs of) samples. For samples of a
/// prediction it is biased upwards, and unbiased as [`crps_samples_fair`].
///
/// # Panics
/// If there are no samples, or one is NaN.
#[track_caller]
pub fn crps_samples(samples: &[f64], y: f64) -> f64 {
    let s = samples.len() as f64;
    let [to_target, pairs] = distances("crps_samples", samples, y);
    to_target / s - pairs / (s * s)
}

/// The unbiased estimate of a distribution's [CRPS](crps_samples) from independent samples of it: the second expectation is
/// over the S (S − 1) pairs of different samples (Ferro 2014, "Fair scores for ensemble forecasts").
///
/// # Panics
/// If there are fewer than two samples, or one is NaN.
#[track_caller]
pub fn crps_samples_fair(samples: &[f64], y: f64) -> f64 {
    assert!(samples.len() != 1, "crps_samples_fair: at least two samples are needed, got 1");
    let s = samples.len() as f64;
    let [to_target, pairs] = distances("crps_samples_fair", samples, y);
    to_target / s - pairs / (s * (s - 1.0))
}

/// Σ |x − y| over samples, and Σ |x − x′| over unordered pairs of them.
#[track_caller]
fn distances(metric: &str, samples: &[f64], y: f64) -> [f64; 2] {
    assert!(!samples.is_empty(), "{metric}: no samples");
    if let Some(at) = samples.iter().position(|x| x.is_nan()) {
        panic!("{metric}: sample {at} (from 0) is NaN");
    }
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // The i-th smallest of S is the larger one of i pairs, and the smaller one of S − 1 − i.
    let last = sorted.len() as f64 - 1.0;
    let pairs = sorted.iter().enumerate().map(|(i, x)| (2.0 * i as f64 - last) * x).sum();
    [samples.iter().map(|x| (x - y).abs()).sum(), pairs]
}
