//! What an experiment comes to.

use std::collections::HashMap;

use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{Path, Role};

/// Bins of the expected calibration error.
pub const ECE_BINS: usize = 15;

/// The results of training and testing a classifier. Likelihoods, divergences and entropies are in
/// nats; the error is a fraction.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Σ NLL over the training examples, expected under the posterior that training ended with.
    pub train_nll: f64,
    /// The KL divergence from prior to posterior.
    pub kl: f64,
    /// The standard error of the bound, which is a mean over draws of the weights.
    pub elbo_error: f64,
    /// The bound of a model that leaves every weight at the prior and gives each class the same probability, −N ln C:
    /// what there is without learning.
    pub elbo_of_nothing: f64,
    /// The divergence's summands.
    pub kl_terms: Vec<Term>,
    /// The number of learned numbers: means and scales both.
    pub parameters: usize,
    /// Quality on the test examples.
    pub test: Scores,
    /// Mean predictive entropy of the test examples predicted right, if there are any.
    pub entropy_right: Option<f64>,
    /// The same of those predicted wrong.
    pub entropy_wrong: Option<f64>,
    /// Epochs trained.
    pub epochs: usize,
    /// Wall-clock seconds of an epoch's training, on average.
    pub seconds_per_epoch: f64,
    /// Test scores on the way, as `--evaluate-at` asked.
    pub history: Vec<Evaluation>,
}

/// One summand of the KL divergence.
#[derive(Clone, Debug)]
pub struct Term {
    /// The parameter, such as `hidden.0.weight`.
    pub name: String,
    /// Its divergence in nats.
    pub nats: f64,
    /// How many weights it has.
    pub weights: usize,
}

/// Quality of predictions.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// The share of wrong answers.
    pub error: f64,
    /// The negative log-likelihood in nats per example.
    pub nll: f64,
    /// The expected calibration error, of [`ECE_BINS`] bins.
    pub ece: f64,
    /// The Brier score, 0 to 2.
    pub brier: f64,
}

/// Test scores after an epoch.
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
    /// Scores predictions by their labels.
    pub fn of(predicted: &Probabilities, labels: &[usize]) -> Scores {
        Scores {
            error: predicted.error(labels),
            nll: predicted.nll(labels),
            ece: predicted.ece(labels, ECE_BINS),
            brier: predicted.brier(labels),
        }
    }
}

/// The summands of a model's KL divergence, each with its number of weights.
pub fn terms<M: Bayesian>(model: &M, nats: Vec<(String, f64)>) -> Vec<Term> {
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
