//! Counts with exposure: explosions in British coal mines by year, as a rate that changes with time.
//!
//! ```text
//! cargo run --release --bin counts
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::{Csv, DataError};
use elbo::prelude::*;
use elbo::{NegativeBinomial, Poisson, with_threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Explosions that killed ten or more, by year (Jarrett 1979).
const TABLE: &str = include_str!("../../../layers/examples/data/coal.csv");

/// Years that are counted together where they are tested; a period of two years has twice the exposure.
const PERIODS: [usize; 2] = [1, 2];

/// Fits a rate of explosions by year, and predicts the counts of held-out years. The baseline has one rate for all years.
/// Also printed: the NLL under a negative binomial distribution, whose dispersion is an output.
#[derive(Parser)]
#[command(name = "counts", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

/// ln of the rate by features of the time, plus ln of the exposure, the last column.
#[bayesian]
struct Rate {
    head: Dense,
}

#[bayesian]
impl Rate {
    fn forward(&self, x: Var) -> Var {
        let [features, exposure] = x.split(-1, [3, 1]);
        let outputs = self.head.forward(features);
        let others = outputs.shape()[1] - 1;
        let [log_rate, others] = outputs.split(-1, [1, others]);
        Var::concat(&[log_rate + exposure.ln(), others], -1)
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let table = Csv::new().target("explosions").parse("coal.csv", TABLE)?;
    let column = |name: &str| table.numbers(name).map_err(DataError::from).map(<[f64]>::to_vec);
    let (years, counts) = (column("year")?, column("explosions")?);
    // Alternating periods of one and two years, so that exposures differ.
    let (mut rows, mut year) = (Vec::new(), 0);
    for period in PERIODS.iter().cycle() {
        if year + period > years.len() {
            break;
        }
        let time = years[year] + 0.5 * (*period as f64 - 1.0);
        let count: f64 = counts[year..year + period].iter().sum();
        rows.push(([(time - 1906.5) / 28.0, *period as f64], count));
        year += period;
    }
    let x = Tensor::from_fn([rows.len(), 4], |i| {
        let [time, exposure] = rows[i / 4].0;
        [time, time.sin(), time.cos(), exposure][i % 4]
    });
    let y = Tensor::from_fn([rows.len(), 1], |i| rows[i].1);
    let all: Examples<f32, Tensor> = Examples::new(x, y)?;
    let (train, test) = all.split(0.7, job.seed)?;
    println!("counts: {} periods for training, {} for testing", train.len(), test.len());
    let start = Instant::now();

    let predicted = fit(Poisson, 1, &train, test.inputs(), job)?;
    let dispersed = fit(NegativeBinomial, 2, &train, test.inputs(), job)?;
    let sum = |of: &[f32]| of.iter().map(|&x| f64::from(x)).sum::<f64>();
    let exposures =
        |data: &Examples<f32, Tensor>| data.inputs().data().iter().skip(3).step_by(4).copied().collect::<Vec<_>>();
    let rate = sum(train.targets().data()) / sum(&exposures(&train));
    let constant: Vec<f64> = exposures(&test).iter().map(|&exposure| (rate * f64::from(exposure)).ln()).collect();
    let constant = Outputs::new(Tensor::new([1, test.len(), 1], constant)).under(&Poisson);
    let results = Results {
        test_nll: predicted.nll(test.targets()),
        baseline_nll: constant.nll(test.targets()),
        score: ("rmse", predicted.rmse(test.targets())),
        others: vec![
            ("negative_binomial_nll", dispersed.nll(test.targets())),
            ("coverage_90", predicted.coverage(test.targets(), 0.9)),
        ],
    };
    job.report(&results, start)
}

fn fit<L>(
    likelihood: L,
    outputs: usize,
    train: &Examples<f32, Tensor>,
    test: &Tensor,
    job: &Job,
) -> Result<Mixture<L>, Failure>
where
    L: Likelihood<f32, Targets = Tensor, Predictive = Mixture<L>> + elbo::Univariate + Send,
{
    let mut model = Rate { head: Dense::new(3, outputs).initial_sd(0.1) };
    let epochs = job.epochs(1500);
    let mut elbo = Elbo::new(likelihood.clone())
        .optimizer(Adam::new(2e-2))
        .schedule(Schedule::cosine(epochs))
        .batch_size(train.len())
        .seed(job.seed)
        .threads(job.threads())
        .quiet();
    elbo.fit(&mut model, train, Epochs(epochs))?;
    Ok(with_threads(job.threads(), || model.predict(&likelihood, test, Draws(job.draws))))
}
