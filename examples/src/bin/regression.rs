//! Noise that differs by row: the acceleration of a helmet in a motorcycle crash, by time (Silverman 1985).
//!
//! ```text
//! cargo run --release --bin regression -- --data DIR --picture bands.svg
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::{Csv, Scaling};
use elbo::metrics::Unscaled;
use elbo::nn::WithConstants;
use elbo::prelude::*;
use elbo::report::{self, Chart};
use elbo::{HeteroscedasticGaussian, Model, Univariate, with_threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Parts of the cross-validation.
const FOLDS: usize = 5;

/// Compares a network with a mean and a noise level by row against one with a single noise level, both learned, by 5-fold
/// cross-validation on the 133 rows of the table mcycle: NLL in nats per row, in the unit of the data (g).
#[derive(Parser)]
#[command(name = "regression", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,

    /// Draw the data, the mean and the 50 % and 95 % bands of the last fold to this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// A network with one hidden layer: `outputs` numbers from a time.
#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

impl Network {
    fn new(outputs: usize) -> Self {
        const UNITS: usize = 10;
        let family = |shape| MeanField::new(shape).initial_sd(0.05);
        Network {
            // Times have variance 1; a wider prior lets the curve turn quickly.
            hidden: Dense::of(1, UNITS, family, Normal::new(0.0, 3.0)),
            head: Dense::of(UNITS, outputs, family, Normal::new(0.0, 1.0)),
        }
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let table = Csv::new().inputs(["times"]).target("accel").read(job.file("tables/mcycle.csv")?)?;
    let column = |name: &str| -> Result<Tensor, Failure> {
        let numbers = table.numbers(name).map_err(elbo::data::DataError::from)?;
        Ok(Tensor::from_fn([numbers.len(), 1], |i| numbers[i]))
    };
    let all = Examples::new(column("times")?, column("accel")?)?;
    println!("regression: {} rows, {FOLDS} folds", all.len());
    let start = Instant::now();
    let (mut by_row, mut of_one, mut squares, mut covered) = (0.0, 0.0, 0.0, 0.0);
    for (fold, (train, test)) in all.folds(FOLDS, job.seed)?.enumerate() {
        let share = test.len() as f64 / all.len() as f64;
        let [x, y] = [Scaling::fit(train.inputs()), Scaling::fit(train.targets())];
        let scaled = |data: &Examples<f32, Tensor>| {
            let (mut inputs, mut targets) = (data.inputs().clone(), data.targets().clone());
            x.transform(&mut inputs);
            y.transform(&mut targets);
            Examples::new(inputs, targets)
        };
        let train = scaled(&train)?;
        let mut network = Network::new(2);
        let predicted = fit(&mut network, &train, scaled(&test)?.inputs(), job)?.unscaled(&y);
        let mut single = WithConstants::new(Network::new(1), [-1.0]);
        let baseline = fit(&mut single, &train, scaled(&test)?.inputs(), job)?.unscaled(&y);
        by_row += share * predicted.nll(test.targets());
        of_one += share * baseline.nll(test.targets());
        squares += share * predicted.rmse(test.targets()).powi(2);
        covered += share * predicted.coverage(test.targets(), 0.9);
        if let Some(file) = options.picture.as_ref().filter(|_| fold == FOLDS - 1) {
            let (low, high) = (2.0, 58.0);
            let grid = Tensor::from_fn([200, 1], |i| low + (high - low) * i as f64 / 199.0);
            let mut scaled = grid.clone();
            x.transform(&mut scaled);
            let curve = network.predict(&HeteroscedasticGaussian, &scaled, Draws(job.draws)).unscaled(&y);
            let written = picture(&grid, &curve, &all).write(file);
            written.map_err(|error| Failure::Run(format!("--picture: {error}").into()))?;
        }
    }
    let others = vec![("coverage_90", covered)];
    job.report(&Results { test_nll: by_row, baseline_nll: of_one, score: ("rmse", squares.sqrt()), others }, start)
}

/// The predictive mean with its 50 % and 95 % bands, and the data.
fn picture<L: Univariate>(grid: &Tensor, curve: &Unscaled<L>, data: &Examples<f32, Tensor>) -> Chart {
    let numbers = |tensor: &Tensor| tensor.data().iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let ((low, high), (lowest, highest)) = (curve.interval(0.5), curve.interval(0.95));
    report::bands(&numbers(grid), &curve.mean(), "50 %", &low, &high)
        .band("95 %", &numbers(grid), &lowest, &highest)
        .points("observed", &numbers(data.inputs()), &numbers(data.targets()))
        .x("milliseconds after the impact")
        .y("acceleration, g")
}

fn fit<M: Model<Scalar = f32> + Send + Sync>(
    model: &mut M,
    train: &Examples<f32, Tensor>,
    test: &Tensor,
    job: &Job,
) -> Result<Mixture<HeteroscedasticGaussian>, Failure> {
    let epochs = job.epochs(3000);
    let mut elbo = Elbo::new(HeteroscedasticGaussian)
        .optimizer(Adam::new(1e-2))
        .estimator(Estimator::Local)
        .schedule(Schedule::cosine(epochs))
        .batch_size(train.len())
        .seed(job.seed)
        .threads(job.threads())
        .quiet();
    elbo.fit(model, train, Epochs(epochs))?;
    Ok(with_threads(job.threads(), || model.predict(&HeteroscedasticGaussian, test, Draws(job.draws))))
}
