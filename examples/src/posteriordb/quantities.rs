//! Quantities of draws that do not depend on the order and the signs of hidden units, and their diagnostics.

use elbo::Weights;
use elbo::engine::Tape;
use elbo::metrics::{ess_bulk, ess_tail, r_hat};
use elbo::prelude::*;
use serde::Serialize;

use super::{Network, log_density};

/// A quantity of every draw, over chains.
#[derive(Clone, Debug, Serialize)]
pub struct Quantity {
    /// Its name.
    pub name: String,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
    /// R̂ of ranks (Vehtari et al. 2021).
    pub r_hat: f64,
    /// The bulk effective sample size.
    pub ess_bulk: f64,
    /// The tail effective sample size.
    pub ess_tail: f64,
    /// The mean of each chain.
    pub chain_means: Vec<f64>,
}

impl Quantity {
    /// Of values chain after chain, with so many draws in each.
    pub fn of(name: String, values: &[f64], draws: usize) -> Self {
        let chains: Vec<&[f64]> = values.chunks(draws).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let all = mean(values);
        let squares: f64 = values.iter().map(|value| (value - all).powi(2)).sum();
        Quantity {
            name,
            mean: all,
            sd: (squares / (values.len() as f64 - 1.0)).sqrt(),
            r_hat: r_hat(&chains),
            ess_bulk: ess_bulk(&chains),
            ess_tail: ess_tail(&chains),
            chain_means: chains.iter().map(|chain| mean(chain)).collect(),
        }
    }

    /// Whether R̂ is at most 1.01 and both effective sample sizes at least 400, as `ChainDiagnostics::is_good` asks.
    pub fn is_good(&self) -> bool {
        self.r_hat <= 1.01 && self.ess_bulk >= 400.0 && self.ess_tail >= 400.0
    }
}

/// Of all draws, chain after chain, with `draws` in each: the invariant functions of the weights with the log-density, and ln p of the
/// label of every test image, in nats.
///
/// # Panics
/// If the weights are not those of the network.
pub fn quantities(
    network: &Network,
    [train, test]: [&Examples<f64>; 2],
    weights: &[Weights<f64>],
    draws: usize,
) -> [Vec<Quantity>; 2] {
    let of_draw = |weights: &Weights<f64>| {
        let of = |name: &str| weights.get(name).expect("the network has this weight");
        let square = |name: &str| of(name).iter().map(|weight| weight * weight).sum::<f64>();
        let [seen, unseen] = [train, test].map(|data| log_probabilities(network, data, weights));
        let nll = |each: &[f64]| -each.iter().sum::<f64>() / each.len() as f64;
        let mut invariant = vec![
            log_density(network, train, weights).0,
            of("sigma_alpha")[0].ln(),
            of("sigma_beta")[0].ln(),
            square("alpha").ln(),
            square("beta").ln(),
            square("alpha1"),
            nll(&seen),
            nll(&unseen),
        ];
        invariant.extend_from_slice(of("beta1"));
        (invariant, unseen)
    };
    let (invariant, predicted): (Vec<_>, Vec<_>) = weights.iter().map(of_draw).unzip();
    let names = ["log density", "ln σ_alpha", "ln σ_beta", "ln |alpha|²", "ln |beta|²", "|alpha1|²"]
        .into_iter()
        .chain(["NLL of training images", "NLL of test images"])
        .map(str::to_owned)
        .chain((0..).map(|class| format!("beta1[{class}]")));
    let images = (0..).map(|image| format!("ln p(label) of test image {image}"));
    [over_columns(names, &invariant, draws), over_columns(images, &predicted, draws)]
}

/// A quantity for each column of rows that are draws.
fn over_columns(names: impl Iterator<Item = String>, rows: &[Vec<f64>], draws: usize) -> Vec<Quantity> {
    let column = |i: usize| rows.iter().map(|row| row[i]).collect::<Vec<f64>>();
    names.take(rows[0].len()).enumerate().map(|(i, name)| Quantity::of(name, &column(i), draws)).collect()
}

/// ln p of each label.
fn log_probabilities(network: &Network, data: &Examples<f64>, weights: &Weights<f64>) -> Vec<f64> {
    let tape = Tape::new();
    let logits = network.at(&tape, weights).forward(tape.input(data.inputs()));
    let classes = logits.shape()[1];
    let of_row = |(row, &label): (&[f64], &usize)| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row[label] - largest - row.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
    };
    logits.value().chunks(classes).zip(data.targets()).map(of_row).collect()
}
