//! The methods: the defaults of the library, and the long trainings from which the best bounds come.

use elbo::prelude::*;
use elbo::{HeteroscedasticGaussian, Model};

use crate::convergence::Scale;
use crate::convergence::problem::Problem;
use crate::{Classifier, Failure};

/// How a network is trained.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name in the results.
    pub name: &'static str,
    /// The standard deviation of the start, times the root of the number of inputs; `None` as `fit` chooses it.
    pub initial_sd: Option<f64>,
    /// How long and how fast.
    pub training: Training,
}

/// How long a training lasts, and at what rates.
#[derive(Clone, Copy, Debug)]
pub enum Training {
    /// `fit` without an option, until the bound has converged.
    Default,
    /// `fit` without an option, for as many epochs.
    Epochs(usize),
    /// As many steps, at the rates of `fit`.
    Long(usize),
    /// As many steps, at this rate of all means.
    Slow(usize, f64),
}

/// The defaults.
pub const DEFAULT: Method = Method { name: "default", initial_sd: None, training: Training::Default };

/// Long trainings: what the best bounds come from.
pub const LONG: [Method; 5] = [
    Method { name: "default", initial_sd: None, training: Training::Default },
    Method { name: "long", initial_sd: None, training: Training::Long(30_000) },
    Method { name: "long-wide-start", initial_sd: Some(0.5), training: Training::Long(30_000) },
    Method { name: "slow", initial_sd: None, training: Training::Slow(30_000, 0.003) },
    Method { name: "slow-wide-start", initial_sd: Some(0.5), training: Training::Slow(30_000, 0.003) },
];

/// What a training reached.
pub struct Outcome {
    /// The bound at the end, in nats, averaged over draws.
    pub elbo: f64,
    /// The bound of the best constant output.
    pub guessing: Option<f64>,
    /// Steps taken.
    pub steps: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// Whether the report says that it converged.
    pub converged: bool,
}

/// Trains a network of `units` units in each hidden layer.
///
/// # Errors
/// If the training fails.
pub fn train(
    problem: &Problem,
    units: usize,
    scale: Scale,
    method: Method,
    seed: u64,
    threads: usize,
) -> Result<Outcome, Failure> {
    match scale {
        Scale::Normal => fit(problem, network(problem, units, &Normal(0.0, 1.0), method), method, seed, threads),
        Scale::Learned => fit(problem, network(problem, units, &LearnedNormal(1.0), method), method, seed, threads),
    }
}

/// The network with the method's start.
fn network<P: PriorFor<f32> + Clone>(problem: &Problem, units: usize, prior: &P, method: Method) -> Classifier<P>
where
    MeanField: Divergence<P>,
{
    let [inputs, outputs] = problem.widths();
    let model = Classifier::new([inputs, units, outputs], prior).activation(problem.activation());
    match method.initial_sd {
        Some(sd) => model.initial_sd(|inputs| sd / f64::sqrt(inputs as f64)),
        None => model,
    }
}

fn fit<M: Model<Scalar = f32> + Bayesian<Scalar = f32> + Send + Sync>(
    problem: &Problem,
    model: M,
    method: Method,
    seed: u64,
    threads: usize,
) -> Result<Outcome, Failure> {
    match problem {
        Problem::Classes(data, _) => fit_to(data, Categorical, model, method, seed, threads),
        Problem::Numbers(data, noise) => fit_to(data, *noise, model, method, seed, threads),
        Problem::NoiseByRow(data) => fit_to(data, HeteroscedasticGaussian, model, method, seed, threads),
    }
}

fn fit_to<M, L>(
    data: &Examples<f32, L::Targets>,
    likelihood: L,
    mut model: M,
    method: Method,
    seed: u64,
    threads: usize,
) -> Result<Outcome, Failure>
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32> + Send + Sync,
    L: Likelihood<f32> + Send + Sync,
    L::Targets: Send + Sync,
{
    let mut elbo = Elbo::new(likelihood).seed(seed).threads(threads).quiet();
    let start = std::time::Instant::now();
    let batches = if data.len() <= 512 { 1 } else { data.len().div_ceil(64) };
    let report = match method.training {
        Training::Default => elbo.fit(&mut model, data, UntilConverged::new())?,
        Training::Epochs(epochs) => elbo.fit(&mut model, data, Epochs(epochs))?,
        Training::Long(steps) => elbo.fit(&mut model, data, Epochs(steps.div_ceil(batches)))?,
        Training::Slow(steps, rate) => {
            elbo = elbo.optimizer(Adam::automatic().rate_of("*.mean", rate));
            elbo.fit(&mut model, data, Epochs(steps.div_ceil(batches)))?
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    Ok(Outcome {
        elbo: elbo.evaluate(&model, data, Draws(512))?.elbo,
        guessing: report.guessing,
        steps: report.epochs.len() * batches,
        seconds,
        converged: report.is_converged(),
    })
}
