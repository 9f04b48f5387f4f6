//! Censored targets: a measure of diabetes of which values above a limit were recorded as the limit.
//!
//! ```text
//! cargo run --release --bin censored -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::Scaling;
use elbo::nn::WithConstants;
use elbo::prelude::*;
use elbo::{Censored, HeteroscedasticGaussian, with_threads};
use elbo_examples::diabetes;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Recorded values end at this quantile of the training part.
const RECORDED: f64 = 0.6;

/// Fits a linear model to the 442 rows of the diabetes data, after the training targets above a limit were replaced by the
/// limit, and tests it on complete targets. The baseline takes the limit for the value.
#[derive(Parser)]
#[command(name = "censored", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let all = diabetes::read(job)?;
    let (train, test) = all.split(0.7, job.seed)?;
    let [x, y] = [Scaling::fit(train.inputs()), Scaling::fit(train.targets())];
    let scaled = |data: &Examples<f32, Tensor>| {
        let (mut inputs, mut targets) = (data.inputs().clone(), data.targets().clone());
        x.transform(&mut inputs);
        y.transform(&mut targets);
        (inputs, targets)
    };
    let (inputs, complete) = scaled(&train);
    let mut sorted = complete.data().to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let limit = sorted[(RECORDED * sorted.len() as f64) as usize];
    let recorded = Tensor::from_fn([inputs.shape()[0], 1], |i| f64::from(complete.data()[i].min(limit)));
    let beyond = complete.data().iter().filter(|&&y| y >= limit).count();
    println!(
        "censored: {} rows for training, {beyond} of them beyond the limit; {} for testing",
        train.len(),
        test.len()
    );
    let start = Instant::now();
    let censored = Examples::new(inputs, recorded)?;
    let (test_inputs, _) = scaled(&test);
    let predicted = fit(Censored::new(f64::NEG_INFINITY, f64::from(limit)), &censored, &test_inputs, job)?;
    let baseline = fit(HeteroscedasticGaussian, &censored, &test_inputs, job)?;
    let [predicted, baseline] =
        [predicted, baseline].map(|outputs| outputs.under(&HeteroscedasticGaussian).unscaled(&y));
    let results = Results {
        test_nll: predicted.nll(test.targets()),
        baseline_nll: baseline.nll(test.targets()),
        score: ("rmse", predicted.rmse(test.targets())),
        others: vec![
            ("baseline_rmse", baseline.rmse(test.targets())),
            ("coverage_90", predicted.coverage(test.targets(), 0.9)),
        ],
    };
    job.report(&results, start)
}

/// The outputs for the test rows: means and ln sd before censoring.
fn fit<L: Likelihood<f32, Targets = Tensor> + Send>(
    likelihood: L,
    train: &Examples<f32, Tensor>,
    test: &Tensor,
    job: &Job,
) -> Result<Outputs, Failure> {
    let columns = train.inputs().shape()[1];
    let mut model = WithConstants::new(Dense::new(columns, 1).initial_sd(0.05), [0.0]);
    let epochs = job.epochs(1500);
    let mut elbo = Elbo::new(likelihood)
        .optimizer(Adam::new(2e-2))
        .schedule(Schedule::cosine(epochs))
        .batch_size(train.len())
        .seed(job.seed)
        .threads(job.threads())
        .quiet();
    elbo.fit(&mut model, train, Epochs(epochs))?;
    Ok(with_threads(job.threads(), || model.outputs(test, Draws(job.draws))))
}
