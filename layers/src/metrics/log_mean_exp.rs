//! log-mean-exp: the logarithm of a mean of probabilities, from their logarithms.

/// ln of the mean of e^x, without overflow or underflow of e^x. −∞ for an empty iterator; NaN if any x is NaN.
pub(crate) fn log_mean_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    // Keeps NaN, unlike `f64::max`.
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
    fn exponentials_that_underflow_or_overflow_have_a_mean() {
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
