//! One network, several ways to a posterior, the same prediction and the same figures.
//!
//! ```text
//! cargo run --release --bin posteriors -- --data DIR
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{Ensemble, ExpectedCategorical, Ivon, Laplace, Map, Nuts, Schedule, Sghmc, Svgd, Swag, with_threads};
use elbo_examples::cli::{data_folder, integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::posteriors::{Figures, Network, Problem, WithGenerativeLastLayer, WithLastLayer};
use serde_json::{Value, json};

/// The rate of the dropout of `mc-dropout`; 0 for the other methods.
const DROPOUT: f64 = 0.2;

/// Markov chains.
const CHAINS: usize = 4;

/// The examples of a batch for IVON; the other trainings choose theirs.
const BATCH: usize = 64;

/// Compares ways to a posterior over the weights of one network, by error, NLL and calibration (ECE) on test examples, by how well
/// the entropy of a prediction tells Fashion-MNIST from MNIST (AUROC), and by time; averaged over seeds.
#[derive(Parser)]
#[command(name = "posteriors", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The data
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = ["mnist-1000", "breast-cancer"])]
    problems: Vec<Data>,

    /// The methods [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<Method>,

    /// Units in each of the two hidden layers [default: mnist-1000: 100; breast-cancer: 16]
    #[arg(long, value_name = "UNITS", value_parser = integer::<1>)]
    hidden: Option<usize>,

    /// The prior's standard deviation of a weight with n inputs, times √n
    #[arg(long, value_name = "SD", default_value = "4", value_parser = positive)]
    prior_sd: f64,

    /// Number of seeds to average over, starting at 1
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer::<1>)]
    seeds: usize,

    /// Passes over the training examples; chains have none
    #[arg(long, value_name = "N", default_value = "200", value_parser = integer::<1>)]
    epochs: usize,

    /// Draws to average a prediction over; map, ensemble, svgd and those of a last layer have none, nuts has 400
    #[arg(long, value_name = "N", default_value = "64", value_parser = integer::<1>)]
    draws: usize,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write the results to this file, as JSON: a list of {problem, method, seed, error, nll, ece, auroc, seconds}
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Data {
    /// 1,000 training images, 10,000 test images, and those of Fashion-MNIST as unknown ones
    #[value(name = "mnist-1000")]
    Mnist1000,
    /// 455 training rows and 114 test rows
    BreastCancer,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    /// The maximum a posteriori estimate
    Map,
    /// A deep ensemble of 8 estimates
    Ensemble,
    /// Stein variational gradient descent with 8 particles
    Svgd,
    /// Variational inference with independent normal weights
    Vi,
    /// SWAG around the estimate
    Swag,
    /// Laplace's approximation around the estimate, with Kronecker factors
    Laplace,
    /// The same for the last layer only
    LaplaceLastLayer,
    /// Four chains of stochastic-gradient Hamiltonian Monte Carlo
    Sghmc,
    /// The estimate with dropout in training and prediction
    McDropout,
    /// Variational inference by IVON, from standard deviations of 0.1/√n
    Ivon,
    /// An estimate of the hidden layers with a variational last layer, without sampling
    Vbll,
    /// The same with a last layer that has a density of the features of each class
    VbllGenerative,
    /// The no-U-turn sampler, for breast-cancer
    Nuts,
}

impl Method {
    fn suits(self, data: Data) -> bool {
        self != Method::Nuts || data == Data::BreastCancer
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = data_folder(options.data.as_deref())?;
    let threads = threads(options.threads);
    let methods = if options.methods.is_empty() { Method::value_variants() } else { &options.methods };
    let mut rows = Vec::new();
    println!(
        "{:<14} {:<18} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "data", "method", "error,%", "NLL", "ECE", "AUROC", "seconds"
    );
    for &data in &options.problems {
        let (problem, hidden) = match data {
            Data::Mnist1000 => (Problem::mnist(&folder, 1000)?, 100),
            Data::BreastCancer => (Problem::breast_cancer(&folder)?, 16),
        };
        let hidden = options.hidden.unwrap_or(hidden);
        for &method in methods.iter().filter(|method| method.suits(data)) {
            let mut of_seeds = Vec::new();
            for seed in 1..=options.seeds as u64 {
                of_seeds.push(with_threads(threads, || measure(method, &problem, hidden, seed, options))?);
            }
            let mean = |of: fn(&(Figures, f64)) -> f64| of_seeds.iter().map(of).sum::<f64>() / of_seeds.len() as f64;
            println!(
                "{:<14} {:<18} {:>8.2} {:>8.4} {:>8.4} {:>8.4} {:>9.2}",
                name(data),
                name(method),
                100.0 * mean(|(of, _)| of.scores.error),
                mean(|(of, _)| of.scores.nll),
                mean(|(of, _)| of.scores.ece),
                mean(|(of, _)| of.auroc),
                mean(|(_, seconds)| *seconds),
            );
            rows.extend(of_seeds.iter().enumerate().map(|(i, (of, seconds))| row(data, method, i + 1, of, *seconds)));
        }
    }
    let Some(file) = &options.json else { return Ok(()) };
    std::fs::write(file, format!("{:#}\n", Value::from(rows)))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn row(data: Data, method: Method, seed: usize, of: &Figures, seconds: f64) -> Value {
    json!({
        "problem": name(data), "method": name(method), "seed": seed, "error": of.scores.error, "nll": of.scores.nll,
        "ece": of.scores.ece, "auroc": of.auroc, "seconds": seconds,
    })
}

/// Trains by a method, and returns the figures of its predictions and the seconds of the training.
fn measure(
    method: Method,
    problem: &Problem,
    hidden: usize,
    seed: u64,
    options: &Options,
) -> Result<(Figures, f64), Failure> {
    let widths = [problem.train.inputs().shape()[1], hidden, problem.classes];
    let new = |dropout| Network::new(widths, options.prior_sd, dropout);
    let (train, epochs, draws) = (&problem.train, Epochs(options.epochs), Draws(options.draws).seed(seed));
    let clock = Instant::now();
    let judged = |predict: &dyn Fn(&Tensor) -> Probabilities| {
        let seconds = clock.elapsed().as_secs_f64();
        Ok((Figures::of(problem, predict), seconds))
    };
    let map = || Map::new(Categorical).seed(seed).quiet();
    match method {
        Method::Map => {
            let mut model = new(0.0);
            map().fit(&mut model, train, epochs)?;
            judged(&|x| model.point_estimate().predict(&Categorical, x))
        }
        Method::Ensemble => {
            let members = Ensemble::of(map().seed(100 * seed), 8).fit(|| new(0.0), train, epochs)?;
            judged(&|x| members.predict(&Categorical, x))
        }
        Method::Svgd => {
            let sampler = Svgd::new(Categorical).particles(8).seed(seed).quiet();
            let model = new(0.0);
            let particles = sampler.fit(&model, train, epochs).map_err(|error| Failure::Run(error.into()))?;
            judged(&|x| particles.predict(&Categorical, x))
        }
        Method::Vi => {
            let mut model = new(0.0);
            Elbo::new(Categorical).seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&Categorical, x, draws))
        }
        Method::Swag => {
            let swag = Swag::of(map()).draws(options.draws).fit(&mut new(0.0), train, epochs)?;
            judged(&|x| swag.predict(&Categorical, x))
        }
        Method::Laplace | Method::LaplaceLastLayer => {
            let mut model = new(0.0);
            map().fit(&mut model, train, epochs)?;
            let laplace = Laplace::new(Categorical).kronecker();
            let laplace = if method == Method::Laplace { laplace } else { laplace.last_layer() };
            let posterior = laplace.fit(&model, train).map_err(|error| Failure::Run(error.into()))?;
            judged(&|x| posterior.predict(&Categorical, x, draws))
        }
        Method::Sghmc => {
            let model = new(0.0);
            let each = options.draws.div_ceil(CHAINS);
            let sampler = Sghmc::new(Categorical).chains(CHAINS).warmup(100).draws(each).seed(seed).quiet();
            let chains = sampler.run(&model, train)?;
            judged(&|x| chains.predict(&Categorical, x))
        }
        Method::McDropout => {
            let mut model = new(DROPOUT);
            map().fit(&mut model, train, epochs)?;
            judged(&|x| model.point_estimate().with_noise(draws).predict(&Categorical, x))
        }
        Method::Ivon => {
            let mut model = new(0.0).initial_sd(0.1);
            let schedule = Schedule::cosine(options.epochs * train.len().div_ceil(BATCH));
            let elbo = Elbo::new(Categorical).optimizer(Ivon::new(0.1)).batch_size(BATCH).schedule(schedule);
            elbo.seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&Categorical, x, draws))
        }
        Method::Vbll => {
            let (mut model, likelihood) = (WithLastLayer::new(widths, options.prior_sd), ExpectedCategorical::new());
            Elbo::new(likelihood).seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&likelihood, x, Draws(1)))
        }
        Method::VbllGenerative => {
            let mut model = WithGenerativeLastLayer::new(widths, options.prior_sd, train.targets());
            let likelihood = ExpectedCategorical::generative();
            Elbo::new(likelihood).seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&likelihood, x, Draws(1)))
        }
        Method::Nuts => {
            let mut model = new(0.0);
            map().fit(&mut model, train, epochs)?;
            let start = vec![model.mean_weights()];
            let sampler =
                Nuts::new(Categorical).start_from(start).chains(CHAINS).warmup(200).draws(100).seed(seed).quiet();
            let chains = sampler.run(&model, train)?;
            judged(&|x| chains.predict(&Categorical, x))
        }
    }
}
