//! Results of single fits.

use serde::{Deserialize, Serialize};

use super::{Method, Set};

/// What is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The set.
    pub set: Set,
    /// The split, from 0.
    pub split: usize,
    /// The method.
    pub method: Method,
    /// Steps of a training.
    pub steps: usize,
    /// The most rows of a batch.
    pub batch: usize,
    /// Whether a fifth of the training rows takes the place of the test rows.
    pub held_out: bool,
}

/// How good a fit is on the test rows, or on those in their place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// In the target's unit.
    pub rmse: f64,
    /// Mean ln p of a row, in nats, in the target's unit.
    pub log_likelihood: f64,
    /// The share of targets in 90 % intervals.
    pub coverage_90: f64,
    /// The evidence lower bound of the training rows, in nats for each, of targets with standard deviation 1; of variational methods.
    pub bound: Option<f64>,
}

/// What a fit reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was fitted.
    #[serde(flatten)]
    pub fit: Fit,
    /// How good it is.
    #[serde(flatten)]
    pub scores: Scores,
    /// Seconds of training and prediction, on one thread.
    pub seconds: f64,
}

impl Fit {
    /// The name of its record.
    pub fn name(&self) -> String {
        let Fit { set, split, method, steps, batch, held_out } = self;
        let part = if *held_out { "-held-out" } else { "" };
        format!("{}-{split}-{}-{steps}-{batch}{part}", set.name(), method.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_have_names_of_their_own() {
        let (set, method) = (Set::Naval, Method::ViFull);
        let fit = Fit { set, split: 3, method, steps: 10, batch: 64, held_out: false };
        assert_eq!(fit.name(), "naval-3-vi-full-10-64");
        for other in [Fit { held_out: true, ..fit }, Fit { steps: 11, ..fit }, Fit { batch: 65, ..fit }] {
            assert_ne!(other.name(), fit.name());
        }
    }
}
