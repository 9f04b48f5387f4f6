//! The maximum of a function of one number: a grid, and golden sections around its best point.

/// The distance of grid points.
const STEP: f64 = 1.0;

/// Golden sections stop at this length.
const LENGTH: f64 = 1e-9;

/// The place of the largest finite value of f in an interval; `None` if no value on the grid is finite.
pub(super) fn maximum([low, high]: [f64; 2], mut f: impl FnMut(f64) -> f64) -> Option<f64> {
    let points = ((high - low) / STEP).ceil() as usize;
    let grid = (0..=points).map(|i| low + (high - low) * i as f64 / points as f64);
    let values = grid.map(|x| (x, f(x))).filter(|(_, value)| value.is_finite());
    let (best, _) = values.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let step = (high - low) / points as f64;
    let (mut left, mut right) = ((best - step).max(low), (best + step).min(high));
    // Kiefer 1953, "Sequential minimax search for a maximum".
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let inner = |left: f64, right: f64| [right - ratio * (right - left), left + ratio * (right - left)];
    let [mut a, mut b] = inner(left, right);
    let (mut at_a, mut at_b) = (f(a), f(b));
    while right - left > LENGTH {
        if at_a >= at_b {
            (right, b, at_b) = (b, a, at_a);
            a = inner(left, right)[0];
            at_a = f(a);
        } else {
            (left, a, at_a) = (a, b, at_b);
            b = inner(left, right)[1];
            at_b = f(b);
        }
    }
    Some(0.5 * (left + right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_several_peaks_is_found() {
        let f = |x: f64| (-(x - 3.3).powi(2)).exp() + 0.5 * (-(x + 5.0).powi(2)).exp();
        assert!((maximum([-10.0, 10.0], f).unwrap() - 3.3).abs() < 1e-6);
        assert!((maximum([-10.0, 2.0], |x| x).unwrap() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn points_that_are_not_finite_do_not_count() {
        let f = |x: f64| if x < 1.0 { f64::INFINITY } else { -(x - 2.5).powi(2) };
        assert!((maximum([-10.0, 10.0], f).unwrap() - 2.5).abs() < 1e-6);
        assert_eq!(maximum([0.0, 1.0], |_| f64::NAN), None);
    }
}
