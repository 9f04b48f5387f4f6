//! The models that are compared: a likelihood, and a linear model or a network.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::family::Family;
use super::network::Shape;
use super::target::{Target, Targets};
use crate::classifier::Activation;

/// A model to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The likelihood.
    pub family: Family,
    /// Units in each of two hidden layers; 0 for a linear model.
    pub hidden: usize,
}

/// A candidate with the NLL of the rows that its trainings have not seen, in nats per row, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The candidate.
    pub candidate: Candidate,
    /// The NLL.
    pub nll: f64,
    /// Its standard error over rows.
    pub standard_error: f64,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hidden {
            0 => write!(f, "{}, linear", self.family),
            units => write!(f, "{}, two hidden layers of {units}", self.family),
        }
    }
}

/// The candidates for a target in this many rows, of one likelihood or of all that may fit. Likelihoods other than the first are
/// tried with the network alone, unless it is a likelihood of counts.
pub fn candidates(target: &Target, rows: usize, likelihood: Option<Family>) -> Vec<Candidate> {
    let hidden = match rows {
        ..500 => 16,
        500..5000 => 32,
        _ => 64,
    };
    let families = likelihood.map_or_else(|| target.families(), |family| vec![family]);
    let linear = |place: usize, family: Family| place == 0 || family.is_of_counts() || family == Family::LogNormal;
    let of = |(place, family): (usize, Family)| {
        let widths = if linear(place, family) { vec![0, hidden] } else { vec![hidden] };
        widths.into_iter().map(move |hidden| Candidate { family, hidden })
    };
    families.into_iter().enumerate().flat_map(of).collect()
}

/// The unit of targets, in which they are trained on: y = z · scale + shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Unit {
    pub(super) shift: f64,
    pub(super) scale: f64,
}

impl Candidate {
    /// The unit for these targets.
    pub(super) fn unit(self, targets: &Targets) -> Unit {
        let numbers = targets.numbers();
        match self.family {
            Family::Gaussian | Family::Heteroscedastic | Family::StudentT => {
                let (mean, sd) = mean_and_sd(&numbers);
                Unit { shift: mean, scale: sd }
            }
            Family::LogNormal => Unit { shift: 0.0, scale: mean_and_sd(&logarithms(&numbers)).0.exp() },
            _ => Unit { shift: 0.0, scale: 1.0 },
        }
    }

    /// The network for these targets.
    pub(super) fn shape(self, inputs: usize, classes: usize, targets: &Targets) -> Shape {
        // The exponential of an output of relu layers with normal weights has no expectation.
        let activation = match self.family {
            Family::Bernoulli | Family::Categorical | Family::Gaussian | Family::StudentT => Activation::Relu,
            _ => Activation::Tanh,
        };
        let offset = if self.family.is_of_counts() { mean_and_sd(&targets.numbers()).0.ln() } else { 0.0 };
        Shape { inputs, hidden: self.hidden, outputs: self.family.outputs(classes), activation, offset }
    }

    /// The initial value of the learned constant.
    pub(super) fn constant(self, targets: &Targets) -> Option<f64> {
        let initial = match self.family {
            Family::LogNormal => mean_and_sd(&logarithms(&targets.numbers())).1.ln(),
            _ => 0.0,
        };
        self.family.has_constant().then_some(initial)
    }

    /// ln p of each of `targets` without looking at the inputs: by the classes' shares, the counts' shares, or the normal
    /// distribution of the numbers or of their logarithms, as they are in `train`.
    pub(super) fn guess(self, train: &Targets, targets: &Targets) -> Vec<f64> {
        let (known, asked) = (train.numbers(), targets.numbers());
        let normal = |x: f64, (mean, sd): (f64, f64)| {
            -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln()
        };
        match self.family {
            Family::Gaussian | Family::Heteroscedastic | Family::StudentT => {
                let moments = mean_and_sd(&known);
                asked.iter().map(|&y| normal(y, moments)).collect()
            }
            Family::LogNormal => {
                let moments = mean_and_sd(&logarithms(&known));
                asked.iter().map(|&y| normal(y.ln(), moments) - y.ln()).collect()
            }
            // With one row more for each value, so that none is impossible.
            _ => {
                let mut values = [&known[..], &asked[..]].concat();
                values.sort_by(f64::total_cmp);
                values.dedup();
                let all = (known.len() + values.len()) as f64;
                let share = |y: &f64| (known.iter().filter(|other| *other == y).count() + 1) as f64 / all;
                let shares: Vec<f64> = values.iter().map(|y| share(y).ln()).collect();
                let place = |y: &f64| values.partition_point(|other| other < y);
                asked.iter().map(|y| shares[place(y)]).collect()
            }
        }
    }
}

fn logarithms(numbers: &[f64]) -> Vec<f64> {
    numbers.iter().map(|y| y.ln()).collect()
}

/// The mean and the standard deviation, which is 1 if all numbers are equal.
pub(super) fn mean_and_sd(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let sd = (numbers.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if sd > 0.0 { sd } else { 1.0 })
}
