//! Derivatives of many independent functions at once, by Richardson's extrapolation of central differences.

/// The first step, relative to the scale that the caller chose.
const STEP: f64 = 0.25;

/// The steps are STEP / 2⁰ to STEP / 2^HALVINGS, so that functions that vary over very different lengths have a good one.
const HALVINGS: usize = 13;

/// After this number of halvings, derivatives with errors below this share of them are good enough.
const LEAST: usize = 3;
const SETTLED: f64 = 1e-13;

/// A derivative, with an estimate of its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derivative {
    pub(super) value: f64,
    pub(super) error: f64,
}

/// The derivatives from `quotients`, which returns the central difference quotient of each function for a step. Each function
/// has the order and the step of its smallest error (Ridders 1982, "Accurate computation of F'(x) and F'(x)F''(x)").
pub(super) fn derivatives(mut quotients: impl FnMut(f64) -> Vec<f64>) -> Vec<Derivative> {
    let mut best: Vec<Derivative> = Vec::new();
    let mut coarser: Vec<Vec<f64>> = Vec::new();
    for halving in 0..=HALVINGS {
        let mut row = vec![quotients(STEP / f64::from(1 << halving))];
        best.resize(row[0].len(), Derivative { value: f64::NAN, error: f64::INFINITY });
        // The error of a central difference is even in the step, and each order removes the next power of four.
        let mut power = 1.0;
        for (order, coarse) in coarser.iter().enumerate() {
            power *= 4.0;
            let fine = &row[order];
            let next: Vec<f64> = fine.iter().zip(coarse).map(|(f, c)| f + (f - c) / (power - 1.0)).collect();
            for (i, best) in best.iter_mut().enumerate() {
                let error = (next[i] - fine[i]).abs().max((next[i] - coarse[i]).abs());
                if error < best.error {
                    *best = Derivative { value: next[i], error };
                }
            }
            row.push(next);
        }
        if halving >= LEAST && best.iter().all(|best| best.error <= SETTLED * best.value.abs()) {
            break;
        }
        coarser = row;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_functions_of_different_scales_are_exact_to_rounding() {
        let values = |x: f64| [3.0 * x - 1.0, (1.0 + x).exp(), (100.0 * x).tanh(), x * (1.0 + x)];
        let exact = [3.0, std::f64::consts::E, 100.0, 1.0];
        let found = derivatives(|h| values(h).iter().zip(values(-h)).map(|(r, l)| (r - l) / (2.0 * h)).collect());
        for (found, exact) in found.iter().zip(exact) {
            assert!((found.value - exact).abs() < 1e-10 * exact, "{found:?} {exact}");
        }
    }

    #[test]
    fn a_kink_has_a_large_error() {
        let found = derivatives(|h| vec![(h.signum() - (-h).signum()) / (2.0 * h)]);
        assert!(found[0].error > 0.1 * found[0].value.abs(), "{found:?}");
    }
}
