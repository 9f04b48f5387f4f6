//! `Predictor`: kept draws of a network, calibrated.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clap::ValueEnum;
use elbo::Predictive;
use elbo::calibration::{CalibratedSets, ClassNonconformity, ConformalSets};
use elbo::engine::threads::map_tasks;
use elbo::metrics::Probabilities;
use elbo::prelude::*;

use super::Answer;
use super::saved::{Saved, inputs};
use crate::{Classifier, Failure};

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Draws of the weights, kept in memory: the same functions for all rows
    Weights,
    /// Draws of the outputs of each layer, given its inputs: exact for each row by itself, and faster
    Outputs,
}

impl Method {
    /// Its name in options and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Method::Weights => "weights",
            Method::Outputs => "outputs",
        }
    }
}

/// How predictions are made and calibrated.
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    /// What is drawn.
    pub method: Method,
    /// Posterior draws.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
    /// The share of sets that may miss the right class.
    pub miss: f64,
    /// The share of images like those of the training for which the answer may be "I do not know".
    pub unknown: f64,
}

/// Draws of a network's weights, with the threshold of conformal sets and the limit of "I do not know": what answers requests.
#[derive(Debug)]
pub struct Predictor {
    draws: Kept,
    sets: CalibratedSets,
    entropy_limit: f64,
    held_out: usize,
    widths: [usize; 2],
    pixels: [f32; 2],
}

/// What is kept from request to request.
#[derive(Debug)]
enum Kept {
    Weights(KeptDraws<Box<Classifier>>),
    Outputs(SampledOutputs<Box<Classifier>>),
}

impl Kept {
    fn new(network: Classifier, how: &Calibration) -> Self {
        let (network, draws) = (Box::new(network), Draws(how.draws).seed(how.seed));
        match how.method {
            Method::Weights => Kept::Weights(KeptDraws::new(network, draws)),
            Method::Outputs => Kept::Outputs(SampledOutputs::new(network, draws)),
        }
    }

    fn predict(&self, inputs: &Tensor) -> Probabilities {
        match self {
            Kept::Weights(kept) => kept.predict(&Categorical, inputs),
            // The noise of a row depends on its place in a prediction. So that an answer does not depend on the requests that came at
            // the same time, each row is a prediction of its own.
            Kept::Outputs(sampled) => {
                let width = inputs.shape()[1];
                let row = |row: usize| Tensor::new([1, width], &inputs.data()[row * width..][..width]);
                let rows = map_tasks(inputs.shape()[0], || (), |(), i| sampled.predict(&Categorical, &row(i)));
                Probabilities::join(rows)
            }
        }
    }
}

impl Predictor {
    /// Loads a file and calibrates with its held-out images.
    ///
    /// # Errors
    /// If it cannot be loaded, if the network's outputs are not finite, or if options are out of range.
    pub fn open(file: &Path, how: &Calibration) -> Result<Self, Failure> {
        let saved = Saved::open(file)?;
        let (labels, [largest, divisor]) = (saved.labels(), saved.pixels());
        let x = inputs(saved.held_out(), divisor);
        let draws = Kept::new(saved.into_network(), how);
        let damaged = |what: &str| Failure::Input(format!("{}: {what}", file.display()));
        // Weights that overflow, or are NaN: a service that goes on with the model before must not panic.
        let predicted = catch_unwind(AssertUnwindSafe(|| draws.predict(&x)))
            .map_err(|_| damaged("the network cannot predict its held-out images: outputs are not finite"))?;
        // Not randomised: a row's set then does not depend on the rows that are predicted with it.
        let sets = ConformalSets::new(ClassNonconformity::Lac, how.miss)
            .fit(&predicted, &labels)
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(Predictor {
            entropy_limit: limit(predicted.entropy(), how.unknown),
            widths: [x.shape()[1], predicted.classes()],
            held_out: labels.len(),
            pixels: [largest, divisor],
            draws,
            sets,
        })
    }

    /// The answers for pixels that the network's inputs are made of, a row of [`inputs`](Predictor::inputs) for each image.
    ///
    /// # Panics
    /// As [`Predict::predict`].
    pub fn predict(&self, inputs: &Tensor) -> Vec<Answer> {
        self.answers(&self.draws.predict(inputs))
    }

    fn answers(&self, predicted: &Probabilities) -> Vec<Answer> {
        let sets = self.sets.predict(predicted);
        let uncertainties = predicted.entropy().into_iter().zip(predicted.mutual_information());
        let rows = predicted.labels().into_iter().zip(uncertainties).enumerate();
        rows.map(|(row, (class, (entropy, epistemic)))| Answer {
            probabilities: predicted.row(row).to_vec(),
            class,
            entropy,
            aleatoric: predicted.expected_entropy()[row],
            epistemic,
            set: sets.of(row).to_vec(),
            unknown: entropy > self.entropy_limit,
        })
        .collect()
    }

    /// The numbers of a row.
    pub fn inputs(&self) -> usize {
        self.widths[0]
    }

    /// The classes.
    pub fn classes(&self) -> usize {
        self.widths[1]
    }

    /// The largest pixel and the divisor.
    pub fn pixels(&self) -> [f32; 2] {
        self.pixels
    }

    /// Held-out images with which it was calibrated.
    pub fn held_out(&self) -> usize {
        self.held_out
    }

    /// The entropy in nats above which the answer is "I do not know".
    pub fn entropy_limit(&self) -> f64 {
        self.entropy_limit
    }
}

/// The entropy that a further image of the same kind exceeds with probability `share` at most: the ⌈(n + 1)(1 − share)⌉-th smallest
/// of n held-out ones, as for conformal sets; ∞ if there are too few.
fn limit(mut entropies: Vec<f64>, share: f64) -> f64 {
    let place = ((entropies.len() + 1) as f64 * (1.0 - share) - 1e-9).ceil().max(1.0) as usize;
    entropies.sort_by(f64::total_cmp);
    entropies.get(place - 1).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_held_out_images_is_above_the_limit() {
        let entropies: Vec<f64> = (1..=99).rev().map(f64::from).collect();
        assert_eq!(limit(entropies.clone(), 0.05), 95.0);
        assert_eq!(limit(entropies.clone(), 0.01), 99.0);
        assert_eq!(limit(entropies, 0.001), f64::INFINITY);
    }
}
