//! Pictures of a model's weights: divergence and signal-to-noise ratio by weight, pruning, and the posterior of one element.

use std::f64::consts::TAU;

use crate::engine::{Key, Path, Real, Tape};
use crate::estimator::Variance;
use crate::model::{Bayesian, Drawn, Summary};
use crate::prune::{PruningPoint, SignalToNoise};
use crate::report::predictions::density;
use crate::report::{Chart, Picture, Scale};
use crate::samples::Samples;

/// The divergence of each random weight, such as `hidden.0.weight`, in nats, and divided by its number of elements: which layers the
/// data have moved away from their prior.
///
/// ```
/// # use elbo::prelude::*;
/// let model = [Dense::new(4, 16), Dense::new(16, 3)];
/// let picture = elbo::report::kl_by_weight(&model.summary());
/// assert!(picture.svg().contains("1.bias"));
/// ```
pub fn kl_by_weight(summary: &Summary) -> Picture {
    let (mut names, mut nats, mut each) = (Vec::new(), Vec::new(), Vec::new());
    for row in &summary.rows {
        let Some(kl) = row.kl() else { continue };
        names.push(&row.name[..]);
        nats.push(kl);
        each.push(kl / row.elements as f64);
    }
    let zeros = vec![0.0; names.len()];
    let chart = |title: &str, unit: &str, values: &[f64]| {
        Chart::rows(title, names.iter().copied()).x(unit).row_bars("", &zeros, values)
    };
    let total = format!("KL by weight, {:.1} nats in all", summary.kl());
    Picture::of([chart(&total, "nats", &nats), chart("KL per element", "nats per element", &each)])
}

/// The signal-to-noise ratios |μ|/σ of each random weight, on a logarithmic axis: the median, the quartiles, and the 5 % and 95 %
/// quantiles over its elements. Infinite ratios, of elements without noise, have no place.
pub fn signal_to_noise(ratios: &SignalToNoise) -> Chart {
    let names: Vec<&str> = ratios.iter().map(|(name, _)| name).collect();
    let sorted = ratios.iter().map(|(_, ratios)| {
        let mut ratios = ratios.to_vec();
        ratios.sort_by(f64::total_cmp);
        ratios
    });
    let sorted: Vec<Vec<f64>> = sorted.collect();
    let at = |share: f64| sorted.iter().map(|ratios| quantile(ratios, share)).collect::<Vec<f64>>();
    let rows: Vec<f64> = (0..names.len()).map(|row| row as f64).collect();
    let chart = Chart::rows("Signal-to-noise ratio by weight", names).x("|μ|/σ").x_scale(Scale::Log);
    let chart = chart.row_bars("5 % to 95 %", &at(0.05), &at(0.95)).row_bars("25 % to 75 %", &at(0.25), &at(0.75));
    chart.points("median", &at(0.5), &rows)
}

/// The quantile of sorted values, between the two nearest ones; NaN without any.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (Some(below), Some(above)) = (sorted.get(place as usize), sorted.get(place.ceil() as usize)) else {
        return f64::NAN;
    };
    // Not below + (above − below) · t, which is NaN between equal infinities.
    if below == above { *below } else { below + (above - below) * place.fract() }
}

/// A pruning curve ([`SignalToNoise::curve`]): the metric, with its unit such as `error, %`, by the share of weights that are removed;
/// below it, the least ratio of a weight that is kept.
pub fn pruning(curve: &[PruningPoint], metric: &str) -> Picture {
    let of = |value: fn(&PruningPoint) -> f64| curve.iter().map(value).collect::<Vec<f64>>();
    let removed = of(|point| 100.0 * point.removed);
    let chart = |title: &str| Chart::new(title).x("removed, % of the weights").x_range(0.0, 100.0);
    let values = of(|point| point.value);
    let first = chart("Pruning by signal to noise").y(metric).line("", &removed, &values).points("", &removed, &values);
    let thresholds = of(|point| point.threshold);
    let second = chart("Least signal-to-noise ratio kept").y("|μ|/σ").y_scale(Scale::Log);
    Picture::of([first, second.line("", &removed, &thresholds).points("", &removed, &thresholds)])
}

/// The draws of a posterior that is not normal, for its histogram.
const DRAWS: usize = 1000;

/// Values that a density is drawn through.
const VALUES: usize = 241;

/// The posterior of one element (from 0, row by row) of the weight of this name, with its prior: the density of a normal family, or
/// the histogram of 1,000 draws of any other. A prior that is not a product over elements, or improper, is left out; one with
/// hyperparameters is that at their means.
///
/// ```
/// # use elbo::prelude::*;
/// let chart = elbo::report::posterior(&Dense::new(4, 3), "weight", 5);
/// assert!(chart.svg().contains("prior"));
/// ```
///
/// # Panics
/// If the model has no such weight, or it has fewer elements.
#[track_caller]
pub fn posterior<M: Bayesian>(model: &M, weight: &str, element: usize) -> Chart {
    let tape = Tape::inference();
    let net = model.draw(&tape, Key::new(0));
    let (mut names, mut found) = (Vec::new(), None);
    net.walk(&Path::ROOT, &mut |path, handle| {
        names.push(path.to_string());
        if names.last().is_some_and(|name| name == weight) {
            let mean = handle.mean_var().value();
            check_element(weight, element, mean.len());
            let sd = match handle.variance_var() {
                Variance::Independent(variance) if handle.is_normal() => {
                    // A variance may be shared: one for all elements.
                    let variances = variance.value();
                    Some(variances[element % variances.len()].to_f64().sqrt())
                }
                _ => None,
            };
            found = sd.map(|sd| (mean[element].to_f64(), sd)).or(Some((f64::NAN, f64::NAN)));
        }
    });
    let Some((mean, sd)) = found else { unknown(weight, &names) };
    if sd.is_nan() {
        let draws = (0..DRAWS).map(|draw| model.draw_weights(Key::new(0).draw(draw)));
        let values = draws.map(|weights| value_of(&weights, weight, element)).collect::<Vec<f64>>();
        return histogram(model, weight, element, &values);
    }
    let x = grid(mean - 5.0 * sd, mean + 5.0 * sd);
    let normal = |x: &f64| (-0.5 * ((x - mean) / sd).powi(2)).exp() / (sd * TAU.sqrt());
    let y: Vec<f64> = x.iter().map(normal).collect();
    let chart = titled("Posterior", weight, element).line("posterior", &x, &y);
    with_prior(chart, model, weight, element, &x)
}

/// The histogram of one element (from 0, row by row) of a weight over draws: of chains, an ensemble, Laplace's approximation or any
/// other [`Samples`], with its prior as [`posterior`] shows it.
///
/// # Panics
/// As [`posterior`].
#[track_caller]
pub fn draws<S: Samples>(samples: &S, weight: &str, element: usize) -> Chart {
    let (mut tape, mut values) = (Tape::inference(), Vec::with_capacity(samples.count()));
    for index in 0..samples.count() {
        tape.reset();
        let weights = crate::weights::Weights::of(&samples.draw(&tape, index));
        values.push(value_of(&weights, weight, element));
    }
    histogram(samples.model(), weight, element, &values)
}

#[track_caller]
fn histogram<M: Bayesian>(model: &M, weight: &str, element: usize, values: &[f64]) -> Chart {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A single value has a bar, too.
    let half = if high > low { 0.0 } else { 1e-6_f64.max(1e-3 * low.abs()) };
    let (low, high) = (low - half, high + half);
    let bins = ((values.len() as f64).sqrt() as usize).clamp(1, 40);
    let edges: Vec<f64> = (0..=bins).map(|edge| low + (high - low) * edge as f64 / bins as f64).collect();
    let chart = titled("Draws", weight, element).bars("posterior", &edges, &density(values, &edges));
    with_prior(chart, model, weight, element, &grid(low, high))
}

fn titled(what: &str, weight: &str, element: usize) -> Chart {
    Chart::new(&format!("{what} of {weight}, element {element}")).x("value of the weight").y("density")
}

fn grid(from: f64, to: f64) -> Vec<f64> {
    (0..VALUES).map(|i| from + (to - from) * i as f64 / (VALUES - 1) as f64).collect()
}

/// With the density of the prior at these values, if it is known.
fn with_prior<M: Bayesian>(chart: Chart, model: &M, weight: &str, element: usize, x: &[f64]) -> Chart {
    let (tape, mut prior) = (Tape::inference(), None);
    model.mean(&tape).walk(&Path::ROOT, &mut |path, handle| {
        // An improper prior cannot be drawn from.
        if path.to_string() == weight && handle.sample_prior(Key::new(0)).is_some() {
            prior = handle.log_prior_of(element, x).map(|nats| (handle.prior(), nats));
        }
    });
    let Some((name, nats)) = prior else { return chart };
    let y: Vec<f64> = nats.into_iter().map(f64::exp).collect();
    chart.dashed(&format!("prior {name}"), x, &y)
}

#[track_caller]
fn value_of<T: Real>(weights: &crate::weights::Weights<T>, weight: &str, element: usize) -> f64 {
    let constrained = weights.constrained();
    let Some(entry) = constrained.entries().iter().find(|entry| entry.name.to_string() == weight) else {
        unknown(weight, &constrained.names().collect::<Vec<_>>());
    };
    check_element(weight, element, entry.tensor.len());
    entry.tensor.data()[element].to_f64()
}

#[track_caller]
fn check_element(weight: &str, element: usize, elements: usize) {
    assert!(element < elements, "report: element {element} (from 0) of `{weight}`, which has {elements}");
}

#[track_caller]
fn unknown(weight: &str, names: &[String]) -> ! {
    let nearest = crate::pattern::nearest(weight, names.iter().map(|name| &name[..]));
    panic!("report: the model has no weight `{weight}`; the nearest names are {nearest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY, f64::INFINITY], 0.75), f64::INFINITY);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
