//! The false positive rate at a true positive rate.

use super::thresholds::ascending;

/// The false positive rate at the highest threshold of the score at which the true positive rate is at least `tpr`: the share
/// of negatives that are taken for positives if that many positives are to be found.
///
/// ```
/// # use elbo::metrics::fpr_at_tpr;
/// let (unknown, known) = ([0.9, 0.8, 0.4], [0.1, 0.5]);
/// assert_eq!(fpr_at_tpr(&unknown, &known, 0.6), 0.0);
/// assert_eq!(fpr_at_tpr(&unknown, &known, 1.0), 0.5);
/// ```
///
/// # Panics
/// If there are no positives or no negatives, a score is NaN, or `tpr` is not in (0, 1].
#[track_caller]
pub fn fpr_at_tpr(positives: &[f64], negatives: &[f64], tpr: f64) -> f64 {
    assert!(tpr > 0.0 && tpr <= 1.0, "fpr_at_tpr: the true positive rate must be above 0 and at most 1, got {tpr}");
    let (mut hits, mut false_alarms) = (0usize, 0usize);
    for tied in ascending("fpr_at_tpr", positives, negatives).iter().rev() {
        hits += tied.positives;
        false_alarms += tied.negatives;
        if hits as f64 / positives.len() as f64 >= tpr {
            break;
        }
    }
    false_alarms as f64 / negatives.len() as f64
}

/// The false positive rate at a true positive rate of 95 %: [`fpr_at_tpr`]. To detect unknown data, positives are the unknown
/// (Hendrycks et al. 2019, "Deep Anomaly Detection with Outlier Exposure") or, with negated scores, the known (Liang et al. 2018,
/// ODIN); the two differ, so say which.
///
/// # Panics
/// If there are no positives or no negatives, or a score is NaN.
#[track_caller]
pub fn fpr95(positives: &[f64], negatives: &[f64]) -> f64 {
    fpr_at_tpr(positives, negatives, 0.95)
}
