//! Warm-up, tempering and SafeBayes with few examples: MNIST with 1,000 training rows.
//!
//! ```text
//! cargo run --release --bin tempering -- --data DIR
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo::prelude::*;
use elbo::{SafeBayes, Tempering, WarmUp, with_threads};
use elbo_examples::Classifier;
use elbo_examples::cli::{integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::mnist::{self, CLASSES, DIVISOR};
use elbo_examples::summary::Scores;
use serde_json::{Value, json};

/// Powers of the likelihood from which SafeBayes chooses.
const GRID: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Blocks of the training rows for SafeBayes: for each power it trains and scores two models.
const BLOCKS: usize = 3;

/// Compares objectives on MNIST's first 1,000 training rows: KL, and error, NLL and ECE on the 10,000 test images, averaged
/// over seeds.
///
/// Each training of a network with two hidden layers with relu under N(0, 1) takes the same number of steps, at the rates and
/// with the start, estimator and schedule that the library chooses. The objectives are
/// the evidence lower bound; the same with a KL weight that grows over the first half of the steps; cold posteriors,
/// p(w|D)^(1/T); a factor on the divergence alone; and the likelihood to the power that SafeBayes chooses for each seed.
#[derive(Parser)]
#[command(name = "tempering", version, allow_negative_numbers = true)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of the four IDX files [default: $ELBO_DATA/mnist]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Training rows
    #[arg(long, value_name = "N", default_value = "1000", value_parser = integer::<3>)]
    rows: usize,

    /// Number of seeds to average over, starting at 1
    #[arg(long, value_name = "N", default_value = "5", value_parser = integer::<1>)]
    seeds: usize,

    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", default_value = "100", value_parser = integer::<1>)]
    hidden: usize,

    /// Steps of a training
    #[arg(long, value_name = "N", default_value = "12000", value_parser = integer::<1>)]
    steps: usize,

    /// Examples in a minibatch
    #[arg(long, value_name = "N", default_value = "64", value_parser = integer::<1>)]
    batch: usize,

    /// Standard deviation of the normal prior of every weight and bias
    #[arg(long, value_name = "SD", default_value = "1", value_parser = positive)]
    prior_sd: f64,

    /// Posterior draws to average a prediction over
    #[arg(long, value_name = "N", default_value = "32", value_parser = integer::<1>)]
    draws: usize,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write the table to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The objective.
#[derive(Clone, Copy)]
enum Method {
    Tempered(Tempering),
    WarmedUp,
    Safe,
}

/// The results of one training run.
struct Outcome {
    scores: Scores,
    kl: f64,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = mnist::folder(options.data.as_deref(), "tempering")?;
    let [train, test] = ["train", "t10k"].map(|prefix| mnist::load(&folder, prefix, "tempering"));
    let (train, test): (Examples, Examples) = (train?.examples(DIVISOR)?, test?.examples(DIVISOR)?);
    if options.rows > train.len() {
        return Err(Failure::Input(format!("'--rows {}': MNIST has only {} training rows", options.rows, train.len())));
    }
    let train = train.rows(0..options.rows);
    let threads = threads(options.threads);
    println!("tempering: {} training images, {} test images, {} seed(s)", train.len(), test.len(), options.seeds);
    let table = with_threads(threads, || compare(&train, &test, options, threads))?;
    let Some(file) = &options.json else { return Ok(()) };
    std::fs::write(file, format!("{table:#}\n"))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

/// Prints the table line by line, and returns it as JSON.
fn compare(train: &Examples, test: &Examples, options: &Options, threads: usize) -> Result<Value, Failure> {
    let methods = [
        ("evidence lower bound", Method::Tempered(Tempering::None)),
        ("warm-up, half of the steps", Method::WarmedUp),
        ("cold posterior, T = 0.3", Method::Tempered(Tempering::Posterior(0.3))),
        ("cold posterior, T = 0.1", Method::Tempered(Tempering::Posterior(0.1))),
        ("cold posterior, T = 0.01", Method::Tempered(Tempering::Posterior(0.01))),
        ("divergence times 0.1", Method::Tempered(Tempering::KlFactor(0.1))),
        ("SafeBayes", Method::Safe),
    ];
    println!("\n{:28} {:>16} {:>16} {:>16} {:>18}", "", "error, %", "NLL, nats", "ECE", "KL, nats");
    let mut rows = Vec::new();
    for (name, method) in methods {
        let (mut outcomes, mut rates) = (Vec::new(), Vec::new());
        for seed in 1..=options.seeds as u64 {
            let method = match method {
                Method::Safe => {
                    let plan = SafeBayes::over(&GRID).blocks(BLOCKS).draws(options.draws).seed(seed);
                    let train_power = |seen: &Examples, rate| {
                        train_model(seen, Method::Tempered(Tempering::LikelihoodPower(rate)), options, seed, threads)
                    };
                    let table = plan.choose(&Categorical, train, train_power)?;
                    rates.push(table.rate());
                    Method::Tempered(Tempering::LikelihoodPower(table.rate()))
                }
                other => other,
            };
            let model = train_model(train, method, options, seed, threads)?;
            let predicted = model.predict(&Categorical, test.inputs(), Draws(options.draws).seed(seed));
            outcomes.push(Outcome { scores: Scores::of(&predicted, test.targets()), kl: model.kl() });
        }
        rows.push(report(name, &outcomes, &rates));
    }
    Ok(json!({ "train": train.len(), "test": test.len(), "seeds": options.seeds, "rows": rows }))
}

fn train_model(
    data: &Examples,
    method: Method,
    options: &Options,
    seed: u64,
    threads: usize,
) -> Result<Classifier, Failure> {
    let widths = [data.inputs().shape()[1], options.hidden, CLASSES];
    let mut model = Classifier::new(widths, &Normal(0.0, options.prior_sd));
    model.initialise(Key::new(seed));
    let elbo = Elbo::new(Categorical).batch_size(options.batch).seed(seed).threads(threads).quiet();
    // SafeBayes trains on parts of the rows, which have fewer steps in an epoch.
    let batches = data.len().div_ceil(options.batch);
    let epochs = options.steps.div_ceil(batches);
    let mut elbo = match method {
        Method::Tempered(tempering) => elbo.tempering(tempering),
        Method::WarmedUp => elbo.warm_up(WarmUp::linear((epochs * batches / 2).max(1))),
        Method::Safe => unreachable!("replaced by the power that SafeBayes chose"),
    };
    elbo.fit(&mut model, data, Epochs(epochs))?;
    Ok(model)
}

/// Prints a line of the table, means and standard deviations over seeds, and returns it as JSON.
fn report(name: &str, outcomes: &[Outcome], rates: &[f64]) -> Value {
    let of = |of: fn(&Outcome) -> f64| {
        let n = outcomes.len() as f64;
        let mean = outcomes.iter().map(of).sum::<f64>() / n;
        let squares: f64 = outcomes.iter().map(|outcome| (of(outcome) - mean).powi(2)).sum();
        (mean, (squares / (n - 1.0).max(1.0)).sqrt())
    };
    let [error, nll, ece, kl] = [
        of(|outcome| 100.0 * outcome.scores.error),
        of(|outcome| outcome.scores.nll),
        of(|outcome| outcome.scores.ece),
        of(|outcome| outcome.kl),
    ];
    let cell = |(mean, sd): (f64, f64), decimals: usize| format!("{mean:.decimals$} ± {sd:.decimals$}");
    print!("{name:28} {:>16} {:>16} {:>16} {:>18}", cell(error, 2), cell(nll, 4), cell(ece, 4), cell(kl, 0));
    let powers: Vec<String> = rates.iter().map(f64::to_string).collect();
    println!("{}", if rates.is_empty() { String::new() } else { format!("   η = {}", powers.join(", ")) });
    let pair = |(mean, sd): (f64, f64)| json!({ "mean": mean, "sd": sd });
    json!({ "name": name, "error": pair(error), "nll": pair(nll), "ece": pair(ece), "kl": pair(kl), "rates": rates })
}
