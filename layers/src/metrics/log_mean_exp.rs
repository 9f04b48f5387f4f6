//! Averages of probabilities, from their logarithms.

/// ln of the mean of e^x, without e^x being computed where it is too small or too large to be a number; −∞ of nothing, and NaN
/// where one is NaN.
pub(crate) fn log_mean_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    // A NaN stays one, which `f64::max` does not.
    let largest = x.clone().fold(f64::NEG_INFINITY, |a, b| if a > b || a.is_nan() { a } else { b });
    if !largest.is_finite() {
        return largest;
    }
    let (mut count, mut sum) = (0usize, 0.0);
    for x in x {
        count += 1;
        sum += (x - largest).exp();
    }
    largest + (sum / count as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_by_itself_has_a_mean() {
        let of = |x: &[f64]| log_mean_exp(x.iter().copied());
        assert_eq!(of(&[-800.0, -800.0]), -800.0);
        assert_eq!(of(&[-800.0, f64::NEG_INFINITY]), -800.0 - 2f64.ln());
        assert_eq!(of(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
        assert!((of(&[1f64.ln(), 3f64.ln()]) - 2f64.ln()).abs() < 1e-15);
        assert_eq!((of(&[]), of(&[f64::INFINITY, 0.0])), (f64::NEG_INFINITY, f64::INFINITY));
        for other in [0.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
            assert!(of(&[f64::NAN, other]).is_nan() && of(&[other, f64::NAN]).is_nan(), "{other}");
        }
    }
}
