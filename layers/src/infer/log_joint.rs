//! `LogJoint`: the log joint density of weights and data, with its gradient, for MCMC, MAP and Laplace approximations.

use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Gradients, Path, Real, Tape};
use crate::infer::batch::Batch;
use crate::likelihood::Likelihood;
use crate::model::Model;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Drawn};
use crate::weights::Weights;

/// Groups of examples that are summed separately. A fixed number, so that sums have the same bits for any number of
/// threads.
const GROUPS: usize = 16;

/// Examples on the tape at a time.
const ROWS: usize = 256;

/// ln p(y, w | x) = Σ ln p(y | x, w) + ln p(w), in nats, on a data set, as a function of a model's weights: the target
/// density of MCMC, and the objective of MAP and of Laplace's approximation. For
/// [unconstrained](Weights::unconstrained) weights the log-Jacobian of the map is added, so that it is the density of
/// the unconstrained numbers.
///
/// The data are streamed in parts on all threads. Values and gradients have the same bits for any number of threads.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::LogJoint;
/// # let x = Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin());
/// # let data = Examples::new(x, (0..64).map(|i| i % 2).collect())?;
/// # let model = Dense::new(2, 2);
/// let density = LogJoint::new(&model, &Categorical, &data);
/// let weights = model.mean_weights();
/// let mut gradient = vec![0.0; weights.len()];
/// let value = density.gradient(&weights, &mut gradient);
/// assert_eq!(value, density.value(&weights));
/// for (name, nats) in density.terms(&weights) {
///     println!("{name:<20} {nats:.2}"); // the likelihood, and every weight under its prior
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LogJoint<'m, M: Bayesian, L: Likelihood<M::Scalar>> {
    model: &'m M,
    likelihood: &'m L,
    data: &'m Examples<M::Scalar, L::Targets>,
}

impl<'m, M, L> LogJoint<'m, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// The joint density of this model, likelihood and data set.
    pub fn new(model: &'m M, likelihood: &'m L, data: &'m Examples<M::Scalar, L::Targets>) -> Self {
        LogJoint { model, likelihood, data }
    }

    /// The log density of all data and the weights, in nats.
    ///
    /// # Panics
    /// If the weights are of another model.
    #[track_caller]
    pub fn value(&self, weights: &Weights<M::Scalar>) -> f64 {
        self.over(&self.all(), weights, None)
    }

    /// The log density of all data and the weights, in nats. Sets `gradient` to its gradient, in the order of
    /// [`Weights::flat`].
    ///
    /// # Panics
    /// If the weights are of another model, or `gradient` has another length than they.
    #[track_caller]
    pub fn gradient(&self, weights: &Weights<M::Scalar>, gradient: &mut [M::Scalar]) -> f64 {
        self.over(&self.all(), weights, Some(gradient))
    }

    /// An unbiased estimate from a minibatch of rows, in nats: N/(number of rows) times their log-likelihood, plus ln
    /// p(w). For uniformly drawn rows its expectation is the [value](LogJoint::value). Sets `gradient` likewise.
    ///
    /// # Panics
    /// As [`gradient`](LogJoint::gradient), or if `rows` is empty or has an index out of range.
    #[track_caller]
    pub fn batch(&self, weights: &Weights<M::Scalar>, rows: &[usize], gradient: &mut [M::Scalar]) -> f64 {
        assert!(!rows.is_empty(), "LogJoint::batch: `rows` is empty; pass at least one row");
        self.over(rows, weights, Some(gradient))
    }

    /// The terms of the [value](LogJoint::value) by name, in nats: `likelihood`, then each weight's ln p under its
    /// prior, and `jacobian` for unconstrained weights.
    ///
    /// # Panics
    /// As [`value`](LogJoint::value).
    #[track_caller]
    pub fn terms(&self, weights: &Weights<M::Scalar>) -> Vec<(String, f64)> {
        let tape = Tape::inference();
        let net = self.model.at(&tape, weights);
        let mut priors = Vec::new();
        net.walk(&Path::ROOT, &mut |path, weight| priors.push((path.to_string(), weight.log_prior_var().item())));
        let jacobian = net.log_jacobian().map(|nats| ("jacobian".to_owned(), nats.item()));
        // By itself, not as the rest of the value: a prior that is infinite does not make it NaN.
        let mut batch = Batch::new(Tape::inference(), self.data);
        let likelihood = ("likelihood".to_owned(), self.likelihood(weights, &self.all(), 1.0, &mut batch, None));
        [likelihood].into_iter().chain(priors).chain(jacobian).collect()
    }

    /// In words, the first of the [terms](LogJoint::terms) that is not finite, with its value.
    pub(in crate::infer) fn first_non_finite(&self, weights: &Weights<M::Scalar>) -> Option<(String, f64)> {
        let (name, nats) = self.terms(weights).into_iter().find(|(_, nats)| !nats.is_finite())?;
        let what = match &name[..] {
            "likelihood" => "log-likelihood of the data".to_owned(),
            "jacobian" => name,
            _ => format!("log prior density of `{name}`"),
        };
        Some((what, nats))
    }

    fn all(&self) -> Vec<usize> {
        (0..self.data.len()).collect()
    }

    #[track_caller]
    fn over(&self, rows: &[usize], weights: &Weights<M::Scalar>, gradient: Option<&mut [M::Scalar]>) -> f64 {
        if let Some(gradient) = &gradient {
            let (expected, found) = (weights.len(), gradient.len());
            assert!(found == expected, "LogJoint: `gradient` has {found} elements, but the weights have {expected}");
        }
        let wants_gradient = gradient.is_some();
        // Panics here, at the caller's line, if the weights do not fit, and not on a worker thread.
        let _ = self.model.at(&Tape::inference(), weights);
        let group = rows.len().div_ceil(GROUPS).max(1);
        let scale = self.data.len() as f64 / rows.len() as f64;
        let parts: Vec<(f64, Option<Gradients<M::Scalar>>)> = map_tasks(
            rows.len().div_ceil(group) + 1,
            || Batch::new(if wants_gradient { Tape::new() } else { Tape::inference() }, self.data),
            |batch, task| {
                let mut gradients = wants_gradient.then(|| Gradients::of(weights));
                let rows = rows.chunks(group).nth(task);
                let nats = match rows {
                    Some(rows) => self.likelihood(weights, rows, scale, batch, gradients.as_mut()),
                    None => self.prior(weights, &mut batch.tape, gradients.as_mut()),
                };
                (nats, gradients)
            },
        );
        if let Some(gradient) = gradient {
            gradient.fill(M::Scalar::ZERO);
            for part in parts.iter().filter_map(|(_, gradients)| gradients.as_ref()) {
                let flat = part.iter().flat_map(|(.., gradient)| gradient);
                gradient.iter_mut().zip(flat).for_each(|(sum, &part)| *sum += part);
            }
        }
        parts.iter().map(|(nats, _)| nats).sum()
    }

    /// Buffers for [`add_terms`](LogJoint::add_terms).
    pub(in crate::infer) fn batch_on(&self, tape: Tape<M::Scalar>) -> Batch<M::Scalar, L::Targets> {
        Batch::new(tape, self.data)
    }

    /// `scale` times the log-likelihood of `rows`, and the log density of the weights, on this thread. Adds the
    /// gradient of their sum to `gradients`.
    pub(in crate::infer) fn add_terms(
        &self,
        weights: &Weights<M::Scalar>,
        rows: &[usize],
        scale: f64,
        batch: &mut Batch<M::Scalar, L::Targets>,
        gradients: &mut Gradients<M::Scalar>,
    ) -> [f64; 2] {
        let likelihood = self.likelihood(weights, rows, scale, batch, Some(&mut *gradients));
        [likelihood, self.prior(weights, &mut batch.tape, Some(gradients))]
    }

    /// Σ ln p(y | x, w) over these rows, times `scale`.
    fn likelihood(
        &self,
        weights: &Weights<M::Scalar>,
        rows: &[usize],
        scale: f64,
        batch: &mut Batch<M::Scalar, L::Targets>,
        mut gradients: Option<&mut Gradients<M::Scalar>>,
    ) -> f64 {
        let mut sum = 0.0;
        for rows in rows.chunks(ROWS) {
            batch.gather(self.data, rows);
            let (_, nll) = batch.nll::<M>(self.likelihood, &Own, |tape| self.model.at(tape, weights));
            let share = -scale * rows.len() as f64;
            sum += share * nll.nats();
            if let Some(gradients) = &mut gradients {
                batch.tape.backward(&[(nll.var(), M::Scalar::from_f64(share))], gradients);
            }
        }
        sum
    }

    /// ln p(w), plus the log-Jacobian.
    fn prior(
        &self,
        weights: &Weights<M::Scalar>,
        tape: &mut Tape<M::Scalar>,
        gradients: Option<&mut Gradients<M::Scalar>>,
    ) -> f64 {
        tape.reset();
        let net = self.model.at(tape, weights);
        let terms: Vec<_> = [net.log_prior().var(), net.log_jacobian()].into_iter().flatten().collect();
        if let Some(gradients) = gradients {
            let roots: Vec<_> = terms.iter().map(|&term| (term, M::Scalar::ONE)).collect();
            tape.backward(&roots, gradients);
        }
        terms.iter().map(|term| term.item()).sum()
    }
}

impl<M: Bayesian, L: Likelihood<M::Scalar>> std::fmt::Debug for LogJoint<'_, M, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogJoint").field("examples", &self.data.len()).finish_non_exhaustive()
    }
}
