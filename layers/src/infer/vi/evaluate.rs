//! `Elbo::evaluate`: the evidence lower bound of a trained model, averaged over posterior draws.

use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::with_threads;
use crate::engine::{Path, Real, Tape, Var};
use crate::infer::batch::{Batch, check_moments};
use crate::infer::caught_panic::Batches;
use crate::infer::vi::Elbo;
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Drawn;
use crate::model::Model;
use crate::model::forward_by::{By, Outputs, Own};
use crate::samples::Draws;
use crate::weights::Weights;

/// The evidence lower bound of a model with its current parameters, averaged over posterior draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The expected negative log-likelihood in nats per example.
    pub nll: f64,
    /// The divergence in nats.
    pub kl: f64,
    /// The evidence lower bound in nats, −(N · nll + kl).
    pub elbo: f64,
    /// The Monte Carlo standard error of `elbo`. Infinite for a single draw.
    pub standard_error: f64,
}

impl Bound {
    /// Averages the NLL per example and the divergence of each draw.
    pub(super) fn new(nll: &[f64], kl: &[f64], examples: usize) -> Self {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let each: Vec<f64> = nll.iter().zip(kl).map(|(nll, kl)| -(examples as f64 * nll + kl)).collect();
        let (nll, kl, elbo, draws) = (mean(nll), mean(kl), mean(&each), each.len() as f64);
        let squares: f64 = each.iter().map(|bound| (bound - elbo).powi(2)).sum();
        let standard_error = if draws > 1.0 { (squares / (draws * (draws - 1.0))).sqrt() } else { f64::INFINITY };
        Bound { nll, kl, elbo, standard_error }
    }
}

impl<L, O> Elbo<L, O> {
    /// The evidence lower bound of the model on its training set, averaged over posterior draws. The weights are
    /// sampled plainly and the divergence counts in full, whatever options training uses. N is the length of `data`.
    ///
    /// # Errors
    /// [`TrainError::Targets`] if the targets are impossible under the likelihood; [`TrainError::Forward`] or
    /// [`TrainError::Batch`] if the model's forward panics.
    pub fn evaluate<M>(
        &self,
        model: &M,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
    ) -> Result<Bound, TrainError>
    where
        M: Model + Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Sync,
    {
        self.bound(model, data, draws, &Own)
    }

    /// [`evaluate`](Elbo::evaluate) with the `forward` given to [`fit_with`](Elbo::fit_with).
    ///
    /// # Errors
    /// As [`evaluate`](Elbo::evaluate).
    pub fn evaluate_with<M>(
        &self,
        model: &M,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
        forward: impl for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar> + Sync,
    ) -> Result<Bound, TrainError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Sync,
    {
        self.bound(model, data, draws, &By(forward))
    }

    /// The expected negative log-likelihood of examples, in nats per example: the average over posterior draws of each
    /// draw's NLL. The NLL of the averaged prediction, which is at most this, is
    /// [`Probabilities::nll`](crate::metrics::Probabilities::nll).
    ///
    /// # Errors
    /// [`TrainError::Targets`] if the targets are impossible under the likelihood; [`TrainError::Forward`] or
    /// [`TrainError::Batch`] if the model's forward panics.
    pub fn expected_nll<M>(
        &self,
        model: &M,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
    ) -> Result<f64, TrainError>
    where
        M: Model + Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Sync,
    {
        let nll = self.nll(model, data, draws, &Own)?;
        Ok(nll.iter().sum::<f64>() / nll.len() as f64)
    }

    fn bound<M, F>(
        &self,
        model: &M,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
        forward: &F,
    ) -> Result<Bound, TrainError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Sync,
        F: Outputs<M> + Sync,
    {
        let nll = self.nll(model, data, draws, forward)?;
        Ok(Bound::new(&nll, &kl_of_draws(model, draws), data.len()))
    }

    fn nll<M, F>(
        &self,
        model: &M,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
        forward: &F,
    ) -> Result<Vec<f64>, TrainError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync,
        O: Sync,
        F: Outputs<M> + Sync,
    {
        let (likelihood, size) = (&self.likelihood, self.evaluation_batch());
        let shared = rayon::current_thread_index().is_some();
        let batches = Batches { examples: "evaluation set", inputs: data.inputs().shape(), size, shared };
        with_threads(self.options.threads, || {
            batches.check(|rows| check_targets(model, likelihood, forward, data, rows))?;
            Ok(nll_of_draws(model, likelihood, forward, data, draws, size))
        })
    }
}

/// Checks the targets against the likelihood, by the model's outputs for the first `rows` examples.
pub(super) fn check_targets<T, M, L, F>(
    model: &M,
    likelihood: &L,
    forward: &F,
    data: &Examples<T, L::Targets>,
    rows: usize,
) -> Result<(), TrainError>
where
    T: Real,
    M: Bayesian<Scalar = T>,
    L: Likelihood<T>,
    F: Outputs<M>,
{
    let mut batch = Batch::new(Tape::inference(), data);
    batch.gather(data, &first_rows(rows, data.len()));
    let (net, output) = batch.outputs::<M>(forward, |tape| model.mean(tape));
    check_moments(likelihood, &net)?;
    data.observed().check(likelihood, output, batch.observed()).map_err(TrainError::Targets)
}

/// The indices of the first `rows` examples, starting over if there are fewer.
pub(super) fn first_rows(rows: usize, len: usize) -> Vec<usize> {
    (0..rows).map(|row| row % len).collect()
}

/// The divergence of each draw, in nats. A closed form is computed once, for all draws.
pub(super) fn kl_of_draws<M: Bayesian>(model: &M, draws: Draws) -> Vec<f64> {
    let mut closed = 0.0;
    model.each_kl(&Path::ROOT, &mut |_, nats| closed += nats);
    if !closed.is_nan() {
        return vec![closed; draws.count()];
    }
    let mut tape = Tape::inference();
    let each = (0..draws.count()).map(|draw| {
        tape.reset();
        model.draw(&tape, draws.key(draw)).kl().nats()
    });
    each.collect()
}

/// The mean negative log-likelihood of each draw, in nats per example. The weights are drawn once for all examples; the
/// draws are distributed over the threads.
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
    M: Bayesian<Scalar = T> + Sync,
    L: Likelihood<T>,
    L::Targets: Sync,
    F: Outputs<M> + Sync,
{
    nll_of_weights(model, likelihood, forward, data, (draws.count(), batch), |draw| {
        model.draw_with_noise(draws.key(draw))
    })
}

/// [`nll_of_draws`], for this number of weights, in batches of this size.
pub(super) fn nll_of_weights<T, M, L, F>(
    model: &M,
    likelihood: &L,
    forward: &F,
    data: &Examples<T, L::Targets>,
    (count, batch): (usize, usize),
    weights: impl Fn(usize) -> Weights<T> + Sync,
) -> Vec<f64>
where
    T: Real,
    M: Bayesian<Scalar = T> + Sync,
    L: Likelihood<T>,
    L::Targets: Sync,
    F: Outputs<M> + Sync,
{
    let rows: Vec<usize> = (0..data.len()).collect();
    let start = || (Tape::inference(), data.observed().empty_like());
    map_tasks(count, start, |(tape, observed), index| {
        let weights = weights(index);
        let mut sum = 0.0;
        for rows in rows.chunks(batch) {
            data.observed().gather(rows, observed);
            tape.reset();
            let x = tape.input_rows(data.inputs(), rows[0]..rows[0] + rows.len());
            let nll = observed.nll(likelihood, forward.outputs(model.at(tape, &weights), x));
            sum += nll.nats() * rows.len() as f64;
        }
        sum / data.len() as f64
    })
}
