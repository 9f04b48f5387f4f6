//! The NLL of logits that are divided by a temperature, averaged over draws, with its slope.

use super::CalibrationError;
use crate::engine::threads::map_tasks;

/// Rows in a task, whatever the number of threads.
const ROWS: usize = 256;

/// Logits of all draws, (draws, examples, classes), with the examples' labels.
pub(super) struct Labelled<'a> {
    logits: Vec<f64>,
    draws: usize,
    classes: usize,
    labels: &'a [usize],
}

/// The mean NLL in nats, and its derivative with respect to ln T.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nll {
    pub(super) nats: f64,
    pub(super) slope: f64,
}

impl<'a> Labelled<'a> {
    /// # Errors
    /// If logits are NaN or +∞, or a label's are −∞ in all draws; if labels do not fit.
    pub(super) fn new(
        logits: Vec<f64>,
        draws: usize,
        classes: usize,
        labels: &'a [usize],
    ) -> Result<Self, CalibrationError> {
        super::check_labels(labels, logits.len() / (draws * classes), classes)?;
        let examples = labels.len();
        let is_wrong = |x: &f64| x.is_nan() || *x == f64::INFINITY;
        if let Some(at) = logits.iter().position(is_wrong) {
            let row = at / classes % examples;
            return Err(CalibrationError::NotFinite { what: "a logit", row, value: logits[at] });
        }
        let of_label = |draw: usize, row: usize| logits[(draw * examples + row) * classes + labels[row]];
        let is_impossible = |row: &usize| (0..draws).all(|draw| of_label(draw, *row) == f64::NEG_INFINITY);
        match (0..examples).find(is_impossible) {
            Some(row) => Err(CalibrationError::Impossible { row }),
            None => Ok(Labelled { logits, draws, classes, labels }),
        }
    }

    /// The number of examples.
    pub(super) fn examples(&self) -> usize {
        self.labels.len()
    }

    /// The mean NLL at T = e^`ln_t`.
    pub(super) fn at(&self, ln_t: f64) -> Nll {
        let (examples, beta) = (self.examples(), (-ln_t).exp());
        let sums = map_tasks(
            examples.div_ceil(ROWS),
            || vec![[0.0; 2]; self.draws],
            |of_draws, task| {
                let rows = task * ROWS..examples.min((task + 1) * ROWS);
                rows.map(|row| self.of_row(row, beta, of_draws)).fold([0.0; 2], add)
            },
        );
        let [log_likelihood, slope] = sums.into_iter().fold([0.0; 2], add);
        let n = examples as f64;
        // d/d ln T = −β d/dβ.
        Nll { nats: -log_likelihood / n, slope: beta * slope / n }
    }

    /// ln of the mean over draws of the label's probability, and its derivative with respect to β = 1/T.
    fn of_row(&self, row: usize, beta: f64, of_draws: &mut [[f64; 2]]) -> [f64; 2] {
        let (label, size) = (self.labels[row], self.examples() * self.classes);
        for (draw, of_draw) in of_draws.iter_mut().enumerate() {
            let logits = &self.logits[draw * size + row * self.classes..][..self.classes];
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mut total, mut weighted) = (0.0, 0.0);
            // An excluded class has probability 0 at every temperature.
            for away in logits.iter().map(|logit| logit - largest).filter(|away| away.is_finite()) {
                let e = (beta * away).exp();
                total += e;
                weighted += e * away;
            }
            let away = logits[label] - largest;
            *of_draw = if away.is_finite() {
                [beta * away - total.ln(), away - weighted / total]
            } else {
                [f64::NEG_INFINITY, 0.0]
            };
        }
        let largest = of_draws.iter().map(|[log, _]| *log).fold(f64::NEG_INFINITY, f64::max);
        let (mut total, mut slope) = (0.0, 0.0);
        for [log, of_draw] in &*of_draws {
            let weight = (log - largest).exp();
            total += weight;
            slope += weight * of_draw;
        }
        [largest + (total / self.draws as f64).ln(), slope / total]
    }
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// The largest |ln T| that is looked at.
const RANGE: f64 = 7.0;

/// Grid points on either side of T = 1.
const POINTS: i32 = 28;

/// The most steps to a zero of the slope; about ten are needed.
const STEPS: usize = 200;

/// Where in ln T the function with these values and slopes is least: the best point of a grid, and from there the zero of the
/// slope, by the secant method with the Illinois modification, which stays within its bracket. The ends of the range if the
/// function is least there.
pub(super) fn minimise(f: impl Fn(f64) -> Nll) -> f64 {
    let ln_t = |point: i32| RANGE * f64::from(point) / f64::from(POINTS);
    let values: Vec<Nll> = (-POINTS..=POINTS).map(|point| f(ln_t(point))).collect();
    let least = values.iter().enumerate().min_by(|(_, a), (_, b)| a.nats.total_cmp(&b.nats));
    let best = least.map_or(0, |(index, _)| index as i32) - POINTS;
    let other = if values[(best + POINTS) as usize].slope > 0.0 { best - 1 } else { best + 1 };
    if other.abs() > POINTS {
        return ln_t(best);
    }
    let [low, high] = [best.min(other), best.max(other)];
    let [mut a, mut b] = [ln_t(low), ln_t(high)];
    let [mut slope_a, mut slope_b] = [low, high].map(|point| values[(point + POINTS) as usize].slope);
    if slope_a > 0.0 || slope_b < 0.0 {
        // Several minima between two points of the grid.
        return ln_t(best);
    }
    let mut kept = 0;
    for _ in 0..STEPS {
        if slope_a == slope_b || b - a <= 1e-15 * (1.0 + a.abs()) {
            break;
        }
        let secant = (a * slope_b - b * slope_a) / (slope_b - slope_a);
        let middle = if secant > a && secant < b { secant } else { 0.5 * (a + b) };
        if !(middle > a && middle < b) {
            break;
        }
        let slope = f(middle).slope;
        if slope == 0.0 {
            return middle;
        }
        // If an end is kept twice, its slope is halved, so that the next secant falls beyond the zero.
        if slope < 0.0 {
            (a, slope_a) = (middle, slope);
            slope_b *= if kept == 1 { 0.5 } else { 1.0 };
            kept = 1;
        } else {
            (b, slope_b) = (middle, slope);
            slope_a *= if kept == -1 { 0.5 } else { 1.0 };
            kept = -1;
        }
    }
    // The end of the smaller slope; halved slopes keep their sign only.
    if f(a).slope.abs() <= f(b).slope.abs() { a } else { b }
}

/// Whether this is an end of the range of [`minimise`].
pub(super) fn is_end(ln_t: f64) -> bool {
    ln_t.abs() >= RANGE
}
