//! Pictures of predictions: calibration, bands of a regression, entropies, and the probability integral transform.

use crate::metrics::Reliability;
use crate::report::{Chart, Picture};

/// A reliability diagram: the accuracy in each bin of confidence, and the diagonal, where a calibrated model is; below it, how many
/// examples each bin has.
pub fn reliability(table: &Reliability) -> Picture {
    let bins = table.bins();
    let edges: Vec<f64> = (0..=bins.len()).map(|edge| edge as f64 / bins.len() as f64).collect();
    let of = |value: &dyn Fn(&crate::metrics::Bin) -> f64| {
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

/// The bands of a regression over one input: the mean, an interval around it, and the observed points. The rows are sorted by `x`.
///
/// ```
/// use elbo::prelude::*;
///
/// let x = Tensor::<f64>::from_fn([50, 1], |i| i as f64 / 25.0 - 1.0);
/// let model = Dense::<MeanField<f64>>::mean_field(1, 1);
/// let predicted = model.predict(&Gaussian::new(0.1), &x, Draws(32));
/// let (low, high) = predicted.interval(0.9);
/// let picture = elbo::report::bands(x.data(), &predicted.mean(), [&low, &high], "90 %", ([&[0.0], &[0.1]], "x", "y"));
/// assert!(picture.svg().contains("90 %"));
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn bands(
    x: &[f64],
    mean: &[f64],
    [low, high]: [&[f64]; 2],
    level: &str,
    ([observed_x, observed_y], x_label, y_label): ([&[f64]; 2], &str, &str),
) -> Picture {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let sorted = |values: &[f64]| order.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    let chart = Chart::new("Prediction").x(x_label).y(y_label);
    let chart = chart.line("mean", &sorted(x), &sorted(mean)).band(level, &sorted(x), &sorted(low), &sorted(high));
    chart.points("observed", observed_x, observed_y).into()
}

/// Histograms of the predictive entropy, in nats, of inputs like the training data and of others, as densities.
pub fn entropies(known: &[f64], unknown: &[f64]) -> Picture {
    let most = known.iter().chain(unknown).copied().filter(|value| value.is_finite()).fold(1e-9, f64::max);
    let edges: Vec<f64> = (0..=30).map(|edge| most * f64::from(edge) / 30.0).collect();
    let chart = Chart::new("Predictive entropy").x("nats").y("density");
    let chart = chart.bars("in distribution", &edges, &density(known, &edges));
    chart.bars("out of distribution", &edges, &density(unknown, &edges)).into()
}

/// A histogram of probability integral transforms, the predictive distribution function at each observed target: flat where the
/// predictive distributions are right, ∪-shaped where they are too narrow, and ∩-shaped where they are too wide.
pub fn pit(values: &[f64], bins: usize) -> Picture {
    let edges: Vec<f64> = (0..=bins).map(|edge| edge as f64 / bins as f64).collect();
    let chart = Chart::new("Probability integral transform").x("F(y)").y("density").x_range(0.0, 1.0);
    let chart = chart.bars("observed", &edges, &density(values, &edges));
    chart.dashed("calibrated", &[0.0, 1.0], &[1.0, 1.0]).into()
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
