//! Numerical derivatives by extrapolated finite differences.

/// The first, largest step along a direction.
const STEP: f64 = 1e-2;

/// How often the step is halved.
const HALVINGS: usize = 6;

/// By how much the derivatives from the left and from the right differ at a kink, relative to the larger one and
/// relative to their uncertainty.
const KINK: (f64, f64) = (1e-3, 100.0);

/// The values of a function at 0 and at ±step, for a series of halved steps.
pub(super) struct Quotients {
    here: Vec<f64>,
    /// The step, and the values at +step and −step.
    rows: Vec<(f64, [Vec<f64>; 2])>,
}

impl Quotients {
    pub(super) fn of(value: &mut dyn FnMut(f64) -> Vec<f64>) -> Self {
        let steps = (0..=HALVINGS).map(|row| STEP / f64::from(1 << row));
        let here = value(0.0);
        Quotients { here, rows: steps.map(|step| (step, [value(step), value(-step)])).collect() }
    }

    /// d/dt Σ weights · value(t) at 0 by central differences, and a bound on its rounding error.
    pub(super) fn derivative(&self, weights: &[f64]) -> (f64, f64) {
        let (mut limit, mut bound) = (Limit::new(4.0), f64::NAN);
        for (step, [ahead, behind]) in &self.rows {
            let terms = || weights.iter().zip(ahead.iter().zip(behind));
            // Differences first: the common part of the values cancels before the sum.
            let difference: f64 = terms().map(|(w, (a, b))| w * (a - b)).sum();
            let size: f64 = terms().map(|(w, (a, b))| w.abs() * (a.abs() + b.abs())).sum();
            if limit.refine(difference / (2.0 * step)) {
                bound = size * f64::EPSILON / step;
            }
        }
        (limit.value, bound)
    }

    /// The range of the derivative when each element's derivative is taken from the left or from the right; `None` if
    /// these agree for all elements.
    pub(super) fn sides(&self, weights: &[f64]) -> Option<[f64; 2]> {
        let (mut sides, mut is_kink) = ([0.0; 2], false);
        for (element, weight) in weights.iter().enumerate() {
            // The error of a central difference is even in the step, so halving divides its leading term by four; a
            // one-sided difference has errors of every order.
            let [mut central, mut left, mut right] = [4.0, 2.0, 2.0].map(Limit::new);
            for (step, [ahead, behind]) in &self.rows {
                let [here, ahead, behind] = [&self.here, ahead, behind].map(|values| values[element]);
                central.refine((ahead - behind) / (2.0 * step));
                right.refine((ahead - here) / step);
                left.refine((here - behind) / step);
            }
            let gap = (left.value - right.value).abs();
            let size = left.value.abs().max(right.value.abs());
            let on_kink = gap > KINK.0 * size && gap > KINK.1 * (left.error + right.error);
            let [a, b] = if on_kink { [left.value, right.value] } else { [central.value; 2] }.map(|x| weight * x);
            sides = [sides[0] + a.min(b), sides[1] + a.max(b)];
            is_kink |= on_kink;
        }
        (is_kink && sides.iter().all(|side| side.is_finite())).then_some(sides)
    }
}

/// The limit of a quotient as its step is repeatedly halved, by Richardson's extrapolation.
struct Limit {
    /// By how much halving divides the error's first order, and each next order relative to the one before.
    ratio: f64,
    row: Vec<f64>,
    value: f64,
    /// How far apart estimates of `value` are.
    error: f64,
}

impl Limit {
    fn new(ratio: f64) -> Self {
        Limit { ratio, row: Vec::new(), value: f64::NAN, error: f64::INFINITY }
    }

    /// Takes the quotient of the next step; returns whether it improved the estimate.
    fn refine(&mut self, quotient: f64) -> bool {
        let before = std::mem::replace(&mut self.row, vec![quotient]);
        let (mut power, mut is_better) = (1.0, false);
        for (order, &coarser) in before.iter().enumerate() {
            power *= self.ratio;
            let finer = self.row[order];
            let next = finer + (finer - coarser) / (power - 1.0);
            let error = (next - finer).abs().max((next - coarser).abs());
            if error < self.error {
                (self.error, self.value, is_better) = (error, next, true);
            }
            self.row.push(next);
        }
        is_better
    }
}
