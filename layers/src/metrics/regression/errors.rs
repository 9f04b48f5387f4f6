//! Errors of point predictions: RMSE, MAE, R².

/// The root of the mean squared error, in the targets' unit.
///
/// # Panics
/// If there are no targets, or not one prediction for each.
#[track_caller]
pub fn rmse(predicted: &[f64], targets: &[f64]) -> f64 {
    check("rmse", predicted, targets);
    (squares(predicted, targets) / targets.len() as f64).sqrt()
}

/// The mean absolute error, in the targets' unit.
///
/// # Panics
/// If there are no targets, or not one prediction for each.
#[track_caller]
pub fn mae(predicted: &[f64], targets: &[f64]) -> f64 {
    check("mae", predicted, targets);
    predicted.iter().zip(targets).map(|(mean, y)| (mean - y).abs()).sum::<f64>() / targets.len() as f64
}

/// The coefficient of determination R² = 1 − Σ (y − prediction)² / Σ (y − ȳ)²: 1 for exact predictions, 0 for the targets'
/// mean, negative for worse. If all targets are equal it is −∞, or NaN for exact predictions.
///
/// # Panics
/// If there are no targets, or not one prediction for each.
#[track_caller]
pub fn r2(predicted: &[f64], targets: &[f64]) -> f64 {
    check("r2", predicted, targets);
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let total: f64 = targets.iter().map(|y| (y - mean).powi(2)).sum();
    1.0 - squares(predicted, targets) / total
}

fn squares(predicted: &[f64], targets: &[f64]) -> f64 {
    predicted.iter().zip(targets).map(|(mean, y)| (mean - y).powi(2)).sum()
}

#[track_caller]
fn check(metric: &str, predicted: &[f64], targets: &[f64]) {
    assert!(!targets.is_empty(), "{metric}: no targets");
    assert!(
        predicted.len() == targets.len(),
        "{metric}: {} predictions for {} targets",
        predicted.len(),
        targets.len()
    );
}
