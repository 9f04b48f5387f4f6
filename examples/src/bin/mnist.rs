//! MNIST: a Bayesian network on 60,000 handwritten digits.
//!
//! ```text
//! cargo run --release --bin mnist -- --data DIR
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo_examples::cli::{self, Options, Training};
use elbo_examples::experiment;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::mnist::{self, CLASSES, DIVISOR, table};

/// Trains on the 60,000 handwritten digits of MNIST and tests on 10,000 more.
///
/// Adam trains a network with two hidden layers on the evidence lower bound, with a mean-field normal
/// posterior over every weight and bias. Predictions are averaged over posterior draws. With 20 draws,
/// sampling noise alone adds 0.1 points of error; with 100 hardly any.
#[derive(Parser)]
#[command(name = "mnist", version)]
struct Mnist {
    /// The folder of the four IDX files [default: $ELBO_DATA/mnist]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Print a table of networks of several sizes under two priors instead; `mnist --table --help` has its options
    #[arg(long)]
    table: bool,

    #[command(flatten)]
    training: Training,
}

impl Options for Mnist {
    fn training(&self) -> &Training {
        &self.training
    }
}

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| argument == "--table") {
        return exit(table::run(&table::Options::parse()));
    }
    exit(run(&cli::parse(&[
        ("hidden", "400"),
        ("epochs", "20"),
        ("batch", "128"),
        ("lr", "1e-3"),
        ("prior-sd", "0.1"),
        ("draws", "100"),
    ])))
}

fn run(options: &Mnist) -> Result<(), Failure> {
    let folder = mnist::folder(options.data.as_deref(), "mnist")?;
    let [train, test] = ["train", "t10k"].map(|prefix| mnist::load(&folder, prefix, "mnist"));
    let (train, test) = (train?.examples(DIVISOR)?, test?.examples(DIVISOR)?);
    experiment::run("mnist", [&train, &test], CLASSES, &options.training)
}
