//! Coverage, width and the interval score of prediction intervals.

/// The share of targets within their intervals, bounds included.
///
/// # Panics
/// If there are no targets, one is NaN, or there is not one interval for each.
#[track_caller]
pub fn coverage(lower: &[f64], upper: &[f64], targets: &[f64]) -> f64 {
    check("coverage", [lower.len(), upper.len(), targets.len()]);
    check_targets("coverage", targets);
    let within = lower.iter().zip(upper).zip(targets).filter(|((low, high), y)| y >= low && y <= high);
    within.count() as f64 / targets.len() as f64
}

/// The mean width of intervals, in the targets' unit.
///
/// # Panics
/// If there are none, or not as many upper as lower bounds.
#[track_caller]
pub fn mean_width(lower: &[f64], upper: &[f64]) -> f64 {
    check("mean_width", [lower.len(), upper.len(), upper.len()]);
    lower.iter().zip(upper).map(|(low, high)| high - low).sum::<f64>() / lower.len() as f64
}

/// The mean interval score of central prediction intervals of probability `level` = 1 − α, in the targets' unit; lower is
/// better: the width, plus 2/α times the distance of a target that is outside (Winkler 1972; Gneiting and Raftery 2007,
/// eq. 43).
///
/// # Panics
/// If there are no targets, one is NaN, there is not one interval for each, or `level` is not between 0 and 1.
#[track_caller]
pub fn interval_score(lower: &[f64], upper: &[f64], targets: &[f64], level: f64) -> f64 {
    check("interval_score", [lower.len(), upper.len(), targets.len()]);
    check_targets("interval_score", targets);
    check_level("interval_score", level);
    let each = lower.iter().zip(upper).zip(targets).map(|((low, high), y)| score([*low, *high], *y, level));
    each.sum::<f64>() / targets.len() as f64
}

/// The interval score of one target.
pub(super) fn score([low, high]: [f64; 2], y: f64, level: f64) -> f64 {
    high - low + 2.0 / (1.0 - level) * ((low - y).max(0.0) + (y - high).max(0.0))
}

#[track_caller]
pub(super) fn check_level(metric: &str, level: f64) {
    assert!(level > 0.0 && level < 1.0, "{metric}: the level must be between 0 and 1, got {level}");
}

#[track_caller]
fn check_targets(metric: &str, targets: &[f64]) {
    if let Some(row) = targets.iter().position(|y| y.is_nan()) {
        panic!("{metric}: the target of row {row} (from 0) is NaN");
    }
}

#[track_caller]
fn check(metric: &str, [lower, upper, targets]: [usize; 3]) {
    assert!(targets > 0, "{metric}: no targets");
    assert!(
        lower == targets && upper == targets,
        "{metric}: {lower} lower and {upper} upper bounds for {targets} targets"
    );
}
