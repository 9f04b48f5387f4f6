//! Pictures of predictions: calibration, bands of a regression, entropies, and the probability integral transform.

use crate::metrics::{Accepted, Bin, Reliability, RiskCoverage};
use crate::report::{Chart, Picture};

/// A reliability diagram: the accuracy in each bin of confidence, and the diagonal, where a calibrated model is; below it, how many
/// examples each bin has.
pub fn reliability(table: &Reliability) -> Picture {
    let bins = table.bins();
    let edges: Vec<f64> = (0..=bins.len()).map(|edge| edge as f64 / bins.len() as f64).collect();
    let of = |value: &dyn Fn(&Bin) -> f64| {
        bins.iter().map(|bin| if bin.count > 0 { value(bin) } else { f64::NAN }).collect::<Vec<f64>>()
    };
    let (accuracy, confidence) = (of(&|bin| bin.accuracy), of(&|bin| bin.confidence));
    let title = format!("Reliability, ECE {:.3}", table.ece());
    let diagram = Chart::new(&title).x("confidence").y("accuracy").x_range(0.0, 1.0).y_range(0.0, 1.0);
    let diagram = diagram.bars("accuracy", &edges, &accuracy).points("mean confidence", &confidence, &accuracy);
    let diagram = diagram.dashed("calibrated", &[0.0, 1.0], &[0.0, 1.0]);
    let counts = Chart::new("Examples by confidence").x("confidence").y("examples").x_range(0.0, 1.0);
    let counts = counts.bars("", &edges, &bins.iter().map(|bin| bin.count as f64).collect::<Vec<f64>>());
    Picture::of([diagram, counts])
}

/// A regression over one input: the mean with a band of this name between two curves. The rows are sorted by `x`. Add other bands, the
/// observed points and the labels of the axes to the chart.
///
/// ```
/// use elbo::prelude::*;
///
/// let x = Tensor::<f64>::from_fn([50, 1], |i| i as f64 / 25.0 - 1.0);
/// let model = Dense::<MeanField<f64>>::mean_field(1, 1);
/// let predicted = model.predict(&Gaussian::new(0.1), &x, Draws(32));
/// let (low, high) = predicted.interval(0.9);
/// let chart = elbo::report::bands(x.data(), &predicted.mean(), "90 %", &low, &high);
/// let chart = chart.points("observed", &[0.0, 0.5], &[0.1, -0.2]).x("metres").y("volts");
/// assert!(chart.svg().contains("90 %"));
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn bands(x: &[f64], mean: &[f64], name: &str, low: &[f64], high: &[f64]) -> Chart {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let sorted = |values: &[f64]| {
        let (found, rows) = (values.len(), x.len());
        assert_eq!(found, rows, "report: a curve has {found} values for {rows} inputs");
        order.iter().map(|&row| values[row]).collect::<Vec<f64>>()
    };
    let chart = Chart::new("Prediction").line("mean", &sorted(x), &sorted(mean));
    chart.band(name, &sorted(x), &sorted(low), &sorted(high))
}

/// Histograms of the predictive entropy, in nats, of inputs like the training data and of others, as densities.
pub fn entropies(known: &[f64], unknown: &[f64]) -> Chart {
    let most = known.iter().chain(unknown).copied().filter(|value| value.is_finite()).fold(1e-9, f64::max);
    let edges: Vec<f64> = (0..=30).map(|edge| most * f64::from(edge) / 30.0).collect();
    let chart = Chart::new("Predictive entropy").x("nats").y("density");
    let chart = chart.bars("in distribution", &edges, &density(known, &edges));
    chart.bars("out of distribution", &edges, &density(unknown, &edges))
}

/// A histogram of probability integral transforms, the predictive distribution function at each observed target: flat where the
/// predictive distributions are right, ∪-shaped where they are too narrow, and ∩-shaped where they are too wide.
pub fn pit(values: &[f64], bins: usize) -> Chart {
    let edges: Vec<f64> = (0..=bins).map(|edge| edge as f64 / bins as f64).collect();
    let chart = Chart::new("Probability integral transform").x("F(y)").y("density").x_range(0.0, 1.0);
    let chart = chart.bars("observed", &edges, &density(values, &edges));
    chart.dashed("calibrated", &[0.0, 1.0], &[1.0, 1.0])
}

/// A risk–coverage curve: the mean loss of the examples that a model is most sure of, by their share, beside that of all examples,
/// which is the expected risk of examples taken at random. `loss` is the label of the y axis, such as `error rate`.
///
/// ```
/// # use elbo::metrics::RiskCoverage;
/// let curve = RiskCoverage::new(&[0.1, 0.9, 0.3, 0.5], &[0.0, 1.0, 0.0, 1.0]);
/// let chart = elbo::report::risk_coverage(&curve, "error rate");
/// assert!(chart.svg().contains("AURC"));
/// ```
pub fn risk_coverage(curve: &RiskCoverage, loss: &str) -> Chart {
    let of = |value: fn(&Accepted) -> f64| curve.points().iter().map(value).collect::<Vec<f64>>();
    let all = curve.risk_at(1.0);
    let chart =
        Chart::new(&format!("Risk–coverage, AURC {:.4}", curve.aurc())).x("coverage, share of the examples").y(loss);
    let chart = chart.x_range(0.0, 1.0).line("most certain first", &of(|at| at.coverage), &of(|at| at.risk));
    chart.dashed("random order", &[0.0, 1.0], &[all, all])
}

/// The density of values in intervals of equal length between these edges; the last interval has its right edge.
pub(super) fn density(values: &[f64], edges: &[f64]) -> Vec<f64> {
    let bins = edges.len().saturating_sub(1);
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Vec::new() };
    let width = (last - first) / bins as f64;
    let mut heights = vec![0.0; bins];
    for value in values.iter().filter(|value| **value >= *first && **value <= *last) {
        heights[(((value - first) / width) as usize).min(bins - 1)] += 1.0 / (values.len() as f64 * width);
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_integrates_to_the_share_of_the_values_within_the_edges() {
        let edges = [0.0, 0.5, 1.0];
        assert_eq!(density(&[0.1, 0.2, 0.5, 1.0], &edges), [1.0, 1.0]);
        assert_eq!(density(&[0.1, 2.0, f64::NAN, 1.0], &edges), [0.5, 0.5]);
        assert_eq!(density(&[], &edges), [0.0, 0.0]);
    }
}
