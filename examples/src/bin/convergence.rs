//! How close the defaults come to the best bound that is known.
//!
//! ```text
//! cargo run --release --bin convergence -- --data DIR --json convergence.json
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo_examples::cli::{data_folder, integer};
use elbo_examples::convergence::Scale;
use elbo_examples::convergence::method::{DEFAULT, LONG, Method, Training, train};
use elbo_examples::convergence::problem::{NAMES, Problem};
use elbo_examples::convergence::rows::{HEADING, Row, summary};
use elbo_examples::failure::{Failure, exit};

/// Trains networks with two hidden layers on seven problems with the defaults of the library, until the bound has converged,
/// and compares the bound with the best that is known.
///
/// The best bounds are in examples/data/best-bounds.csv. They are the largest of this program's, also with --long, which trains by
/// several methods: the defaults, 30,000 steps, lower rates, and a wider start.
#[derive(Parser)]
#[command(name = "convergence", version, allow_negative_numbers = true)]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The problems
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = NAMES)]
    problems: Vec<String>,

    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", value_delimiter = ',', default_values = ["16", "32", "128"], value_parser = integer::<1>)]
    units: Vec<usize>,

    /// The priors
    #[arg(long, value_name = "PRIORS", value_delimiter = ',', default_values = ["normal", "learned"])]
    priors: Vec<Scale>,

    /// Trainings of each
    #[arg(long, value_name = "N", default_value = "5", value_parser = integer::<1>)]
    seeds: usize,

    /// Train for as many epochs in place of until the bound has converged
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Write the inputs and labels of the first problem to inputs.npy and labels.npy in this folder, and end
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,

    /// Also train by the methods that the best bounds come from
    #[arg(long, conflicts_with = "epochs")]
    long: bool,

    /// Number of threads; the results do not depend on it
    #[arg(long, value_name = "N", default_value = "1", value_parser = integer::<1>)]
    threads: usize,

    /// Also write the results to this file, as JSON: a list of {problem, method, seed, elbo, best_known, guessing, steps,
    /// seconds, converged}, bounds in nats
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let data = data_folder(options.data.as_deref())?;
    if let Some(folder) = &options.export {
        return Problem::load(&options.problems[0], &data)?.export(folder);
    }
    let default = match options.epochs {
        Some(epochs) => Method { training: Training::Epochs(epochs), ..DEFAULT },
        None => DEFAULT,
    };
    let methods = if options.long { LONG.to_vec() } else { vec![default] };
    println!("{HEADING}");
    let mut all = Vec::new();
    for name in &options.problems {
        let problem = Problem::load(name, &data)?;
        for &units in &options.units {
            for &scale in &options.priors {
                for &method in &methods {
                    let mut rows = Vec::new();
                    for seed in 1..=options.seeds as u64 {
                        let outcome = train(&problem, units, scale, method, seed, options.threads)?;
                        rows.push(Row { problem: name.clone(), units, scale, method: method.name, seed, outcome });
                    }
                    println!("{}", summary(&rows)?);
                    all.extend(rows);
                }
            }
        }
    }
    let Some(file) = &options.json else { return Ok(()) };
    let rows = serde_json::Value::Array(all.iter().map(Row::json).collect());
    std::fs::write(file, format!("{rows:#}\n"))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}
