//! The curves of a training.

use crate::infer::vi::{Epoch, Report};
use crate::report::{Chart, Picture, Scale};

/// A divergence whose largest value is more than so many times its smallest is drawn on a logarithmic scale.
const WIDE: f64 = 30.0;

/// The curves of a training: the mean NLL by epoch in nats per example, with that of the validation set; the divergence, on a
/// logarithmic scale if it falls far; and the bound, with that of guessing. A bound that starts far below where it ends is cut off
/// there, which its axis says. Of a point estimate, the curves are those of the log joint density.
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
    let kl = of(|epoch| epoch.kl);
    let [least, largest] = ends(kl.iter().copied());
    let is_wide = least > 0.0 && largest > WIDE * least;
    let kl =
        chart(divergence, "nats").line(divergence, &epochs, &kl).y_scale(if is_wide { Scale::Log } else { Scale::Lin });
    let sums = of(|epoch| epoch.elbo);
    let mut bound = match range_of_end(&sums, report.guessing) {
        Some([from, to]) => chart(sum, "nats (cut off below)").y_range(from, to),
        None => chart(sum, "nats"),
    };
    bound = bound.line(sum, &epochs, &sums);
    if let Some(guessing) = report.guessing {
        bound = bound.dashed("guessing", &epochs, &vec![guessing; epochs.len()]);
    }
    Picture::of([nll, kl, bound])
}

/// The smallest and the largest of the finite values.
fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|value| value.is_finite());
    finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], value| [least.min(value), most.max(value)])
}

/// The range of the second half of the values, of guessing and of what lies above, with a margin, if the values begin far below it.
fn range_of_end(values: &[f64], guessing: Option<f64>) -> Option<[f64; 2]> {
    let [least, most] = ends(values.iter().copied().chain(guessing));
    let [low, _] = ends(values[values.len() / 2..].iter().copied().chain(guessing));
    let span = most - low;
    (span > 0.0 && span.is_finite() && least < low - 3.0 * span).then(|| [low - span / 2.0, most + span / 20.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_starts_far_below_its_end_is_cut_off() {
        let values = [-100_000.0, -3000.0, f64::NAN, -1800.0, -1700.0, -1710.0];
        assert_eq!(range_of_end(&values, None), Some([-1850.0, -1695.0]));
        assert_eq!(range_of_end(&values, Some(-2700.0)), Some([-3200.0, -1650.0]));
        assert_eq!(range_of_end(&[-1900.0, -1800.0, -1700.0], None), None);
        assert_eq!(range_of_end(&[-5.0, -1.0, -1.0], None), None);
        assert_eq!(range_of_end(&[], None), None);
    }
}
