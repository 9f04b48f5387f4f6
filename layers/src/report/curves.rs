//! The curves of a training.

use crate::infer::vi::{Epoch, Report};
use crate::report::{Chart, Picture};

/// The curves of a training: the mean NLL by epoch in nats per example, with that of the validation set; the divergence; and the
/// bound, with that of guessing. Of a point estimate, they are those of the log joint density.
pub fn training(report: &Report) -> Picture {
    let of = |value: fn(&Epoch) -> f64| report.epochs.iter().map(value).collect::<Vec<f64>>();
    let epochs: Vec<f64> = (1..=report.epochs.len()).map(|epoch| epoch as f64).collect();
    let [divergence, sum] = report.names_of_terms();
    let chart = |title: &str, unit: &str| Chart::new(title).x("epoch").y(unit);
    let mut nll =
        chart("Negative log-likelihood", "nats per example").line("training", &epochs, &of(|epoch| epoch.nll));
    if report.epochs.iter().any(|epoch| epoch.validation_nll.is_some()) {
        nll = nll.line("validation", &epochs, &of(|epoch| epoch.validation_nll.unwrap_or(f64::NAN)));
    }
    let kl = chart(divergence, "nats").line(divergence, &epochs, &of(|epoch| epoch.kl));
    let mut bound = chart(sum, "nats").line(sum, &epochs, &of(|epoch| epoch.elbo));
    if let Some(guessing) = report.guessing {
        bound = bound.dashed("guessing", &epochs, &vec![guessing; epochs.len()]);
    }
    Picture::of([nll, kl, bound])
}
