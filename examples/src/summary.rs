//! The results of an experiment.

use std::collections::HashMap;

use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{Path, Role};

/// Number of bins of the expected calibration error.
pub const ECE_BINS: usize = 15;

/// The results of training and testing a classifier. Likelihoods, divergences and entropies are in
/// nats; the error is a fraction.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Σ NLL over the training examples, expected under the posterior that training ended with.
    pub train_nll: f64,
    /// The KL divergence of the posterior from the prior.
    pub kl: f64,
    /// The standard error of the bound, which is a mean over draws of the weights.
    pub elbo_standard_error: f64,
    /// −N ln C, the bound of a model that has learned nothing: weights at the prior, uniform class probabilities.
    pub elbo_without_learning: f64,
    /// The divergence by parameter.
    pub kl_terms: Vec<Term>,
    /// The number of learned parameters: means and scales.
    pub parameters: usize,
    /// Scores on the test examples.
    pub test: Scores,
    /// Mean predictive entropy of the correctly predicted test examples, if there are any.
    pub entropy_right: Option<f64>,
    /// The same for wrongly predicted ones.
    pub entropy_wrong: Option<f64>,
    /// Number of epochs.
    pub epochs: usize,
    /// Mean wall-clock seconds per epoch of training.
    pub seconds_per_epoch: f64,
    /// Test scores after the epochs of `--evaluate-at`.
    pub history: Vec<Evaluation>,
}

/// The KL divergence of one parameter.
#[derive(Clone, Debug)]
pub struct Term {
    /// The parameter, such as `hidden.0.weight`.
    pub name: String,
    /// Its divergence in nats.
    pub nats: f64,
    /// Number of weights.
    pub weights: usize,
}

/// Scores of predictions.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// The fraction of wrong answers.
    pub error: f64,
    /// The negative log-likelihood in nats per example.
    pub nll: f64,
    /// The expected calibration error, of [`ECE_BINS`] bins.
    pub ece: f64,
    /// The Brier score, 0 to 2.
    pub brier: f64,
}

/// Test scores after one epoch.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The scores.
    pub scores: Scores,
}

impl Summary {
    /// The evidence lower bound, −(Σ NLL + KL).
    pub fn elbo(&self) -> f64 {
        -(self.train_nll + self.kl)
    }

    /// The number of random weights.
    pub fn weights(&self) -> usize {
        self.kl_terms.iter().map(|term| term.weights).sum()
    }
}

impl Scores {
    /// Scores predictions against labels.
    pub fn of(predicted: &Probabilities, labels: &[usize]) -> Scores {
        Scores {
            error: predicted.error(labels),
            nll: predicted.nll(labels),
            ece: predicted.ece(labels, ECE_BINS),
            brier: predicted.brier(labels),
        }
    }
}

/// A model's KL divergence by parameter, with the number of weights.
pub fn kl_terms<M: Bayesian>(model: &M, nats: Vec<(String, f64)>) -> Vec<Term> {
    let mut weights = HashMap::new();
    model.visit(&Path::ROOT, &mut |path, role, tensor| {
        if role == Role::Mean {
            let name = path.to_string();
            let (weight, _mean) = name.rsplit_once('.').unwrap_or((&name, ""));
            weights.insert(weight.to_owned(), tensor.len());
        }
    });
    let term = |(name, nats): (String, f64)| Term { weights: weights.get(&name).copied().unwrap_or(0), name, nats };
    nats.into_iter().map(term).collect()
}
