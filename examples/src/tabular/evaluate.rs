//! Scores of predictions of rows that the training has not seen, and whether to trust the model.

use std::fmt;

use elbo::metrics::Probabilities;
use elbo::prelude::*;
use serde::Serialize;

use super::calibrate::Calibrated;
use super::candidates::mean_and_sd;
use super::prediction::{Prediction, Scored};
use super::target::Targets;

/// Bins of the calibration error.
pub(super) const BINS: usize = 10;

/// Simulated sets of labels by which a calibration error is judged, and the share of them whose error is smaller.
const SIMULATIONS: (usize, f64) = (200, 0.95);

/// A calibration error that matters little, whatever its cause.
const SMALL: f64 = 0.05;

/// Scores of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Rows.
    pub rows: usize,
    /// The negative log-likelihood, in nats per row and in the targets' unit.
    pub nll: f64,
    /// The same without looking at the inputs.
    pub guess: f64,
    /// The standard error of the difference of the two.
    pub standard_error: f64,
    /// The share of wrong classes, or the root mean squared error.
    pub error: f64,
    /// The same for the most frequent class or the mean.
    pub guess_error: f64,
    /// The share of the targets in the calibrated intervals or sets.
    pub coverage: f64,
    /// The mean width of intervals, or the mean number of classes in a set.
    pub size: f64,
    /// The share of the targets in the model's own intervals; the calibration error (ECE) of classes.
    pub own: f64,
    /// What `own` would be with 95 % probability if the model's own probabilities were right: the distance from the level that the
    /// share has at most, and the largest calibration error.
    pub own_limit: f64,
}

impl Scores {
    /// Of predictions, with ln p of the targets by guessing.
    pub(super) fn of(scored: &Scored, targets: &Targets, guess: &[f64], calibrated: &Calibrated) -> Scores {
        let rows = targets.len();
        let differences: Vec<f64> =
            guess.iter().zip(&scored.log_likelihood).map(|(guess, ours)| guess - ours).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / rows as f64;
        let (error, guess_error, size, own, own_limit) = match (&scored.prediction, targets) {
            (Prediction::Classes(probabilities), Targets::Labels(labels)) => {
                let counts = (0..probabilities.classes()).map(|k| labels.iter().filter(|&&label| label == k).count());
                let most = counts.max().unwrap_or(0);
                let sizes = (0..rows).map(|row| calibrated.set(probabilities.row(row)).len());
                let (ece, limit) = (probabilities.ece(labels, BINS), calibration_limit(probabilities));
                let size = sizes.sum::<usize>() as f64 / rows as f64;
                (probabilities.error(labels), 1.0 - most as f64 / rows as f64, size, ece, limit)
            }
            (Prediction::Numbers(numbers), targets) => {
                let y = targets.numbers();
                let rmse = elbo::metrics::rmse(&numbers.mean, &y);
                let (lower, upper) = calibrated.intervals(numbers);
                let own = elbo::metrics::coverage(&numbers.lower, &numbers.upper, &y);
                let limit = 1.96 * (calibrated.level * (1.0 - calibrated.level) / rows as f64).sqrt();
                (rmse, mean_and_sd(&y).1, elbo::metrics::mean_width(&lower, &upper), own, limit)
            }
            (Prediction::Classes(_), Targets::Numbers(_)) => [f64::NAN; 5].into(),
        };
        Scores {
            rows,
            nll: -mean(&scored.log_likelihood),
            guess: -mean(guess),
            standard_error: mean_and_sd(&differences).1 / (rows as f64).sqrt(),
            error,
            guess_error,
            coverage: calibrated.coverage(&scored.prediction, targets),
            size,
            own,
            own_limit,
        }
    }
}

/// The calibration error that labels drawn from the predicted probabilities themselves have at most, with 95 % probability: a test of
/// calibration as Bröcker and Smith 2007, "Increasing the Reliability of Reliability Diagrams".
fn calibration_limit(probabilities: &Probabilities) -> f64 {
    let (count, share) = SIMULATIONS;
    let labels = probabilities.samples(count, Key::new(0).at("calibration"));
    let mut errors: Vec<f64> =
        labels.chunks_exact(probabilities.len()).map(|labels| probabilities.ece(labels, BINS)).collect();
    errors.sort_by(f64::total_cmp);
    errors[(share * count as f64) as usize]
}

/// Whether to trust a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether the bounds of all its trainings have converged.
    pub converged: bool,
    /// Whether it predicts better than without looking at the inputs, by more than two standard errors.
    pub better_than_guessing: bool,
    /// Whether its own probabilities are as right as they say, as far as the rows can tell.
    pub calibrated: bool,
    /// In words.
    pub words: String,
}

impl Verdict {
    pub(super) fn new(converged: bool, scores: &Scores, is_of_classes: bool, level: f64) -> Verdict {
        let better_than_guessing = scores.guess - scores.nll > 2.0 * scores.standard_error;
        let percent = 100.0 * level;
        let calibrated = match is_of_classes {
            true => scores.own <= scores.own_limit.max(SMALL),
            false => (scores.own - level).abs() <= scores.own_limit.max(SMALL),
        };
        let of = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
        let explained = of(
            better_than_guessing,
            &format!(
                "it predicts rows it has not seen better than guessing ({:.3} against {:.3} nats per row)",
                scores.nll, scores.guess
            ),
            &format!(
                "it predicts no better than guessing ({:.3} against {:.3} nats per row)",
                scores.nll, scores.guess
            ),
        );
        let own = match (is_of_classes, calibrated) {
            (true, true) => format!("its probabilities are calibrated (error {:.3})", scores.own),
            (true, false) => format!(
                "its probabilities are off by {:.3} on average, so read the sets, which are corrected",
                scores.own
            ),
            (false, true) => format!("its {percent:.0} % intervals held {:.1} % by themselves", 100.0 * scores.own),
            (false, false) => {
                format!("its own {percent:.0} % intervals held {:.1} %, which has been corrected", 100.0 * scores.own)
            }
        };
        let trained = of(converged, "the training has converged", "the training has not converged");
        let start = match (better_than_guessing, converged, calibrated) {
            (false, _, _) => "Do not use it",
            (true, true, true) => "You can trust it on rows like these",
            (true, _, _) => "Use it with care",
        };
        Verdict {
            converged,
            better_than_guessing,
            calibrated,
            words: format!("{start}: {trained}; {explained}; {own}."),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
