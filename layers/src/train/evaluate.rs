//! The bound at fixed weights.

use crate::bayesian::Bayesian;
use crate::data::{Examples, Targets};
use crate::train::forward::Outputs;
use crate::{Drawn, Draws, Likelihood, Real, Tape};

/// The evidence lower bound of a model as it is, averaged over draws of its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The expected negative log-likelihood in nats per example.
    pub nll: f64,
    /// The divergence in nats.
    pub kl: f64,
    /// The evidence lower bound in nats, −(N · nll + kl).
    pub elbo: f64,
    /// The standard error of `elbo`: how much it would vary with other draws. Infinite for a single draw.
    pub standard_error: f64,
}

impl Bound {
    /// From the likelihood and the divergence of each draw.
    pub(super) fn new(nll: &[f64], kl: &[f64], examples: usize) -> Self {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let each: Vec<f64> = nll.iter().zip(kl).map(|(nll, kl)| -(examples as f64 * nll + kl)).collect();
        let (nll, kl, elbo, draws) = (mean(nll), mean(kl), mean(&each), each.len() as f64);
        let squares: f64 = each.iter().map(|bound| (bound - elbo).powi(2)).sum();
        let standard_error = if draws > 1.0 { (squares / (draws * (draws - 1.0))).sqrt() } else { f64::INFINITY };
        Bound { nll, kl, elbo, standard_error }
    }
}

/// The divergence in nats of each draw: the same for all where it is a closed form.
pub(super) fn kl_of_draws<M: Bayesian>(model: &M, draws: Draws) -> Vec<f64> {
    let mut tape = Tape::inference();
    let each = (0..draws.count()).map(|draw| {
        tape.reset();
        model.draw(&tape, draws.key(draw)).kl().nats()
    });
    each.collect()
}

/// The mean negative log-likelihood in nats per example, of each draw of the weights.
pub(super) fn nll_of_draws<T, M, L, F>(
    model: &M,
    likelihood: &L,
    forward: &F,
    data: &Examples<T, L::Targets>,
    draws: Draws,
    batch: usize,
) -> Vec<f64>
where
    T: Real,
    M: Bayesian<Scalar = T>,
    L: Likelihood<T>,
    F: Outputs<M>,
{
    let mut tape = Tape::inference();
    let (mut inputs, mut targets) = (data.inputs().empty_like(), data.targets().empty_like());
    let mut sums = vec![0.0; draws.count()];
    let rows: Vec<usize> = (0..data.len()).collect();
    for rows in rows.chunks(batch) {
        data.inputs().gather(rows, &mut inputs);
        data.targets().gather(rows, &mut targets);
        for (draw, sum) in sums.iter_mut().enumerate() {
            tape.reset();
            let net = model.draw(&tape, draws.key(draw));
            let nll = likelihood.mean_nll(forward.outputs(net, tape.input(&inputs)), &targets);
            *sum += nll.nats() * rows.len() as f64;
        }
    }
    sums.iter().map(|sum| sum / data.len() as f64).collect()
}
