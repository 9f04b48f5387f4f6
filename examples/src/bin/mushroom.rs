//! A table of categories: edible and poisonous mushrooms.
//!
//! ```text
//! cargo run --release --bin mushroom -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::{Csv, DataError, Encoder, Missing};
use elbo::prelude::*;
use elbo::with_threads;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Learns the class of the 8,124 mushrooms of agaricus-lepiota from 22 columns of categories, one of them with missing
/// values, on a third of the rows, and tests it on the others. The baseline says the shares of the classes.
#[derive(Parser)]
#[command(name = "mushroom", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

#[bayesian]
struct Classifier {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Classifier {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let csv = Csv::new().header(false).target(1).missing(Missing::Mask);
    let table = csv.read(job.file("mushroom/agaricus-lepiota.data.gz")?)?;
    let (train, test) = table.split_stratified(table.columns()[0].name(), 1.0 / 3.0, job.seed)?;
    let encoder = Encoder::fit(&train).map_err(DataError::from)?;
    let (train, test): (Examples, Examples) = (encoder.classification(&train)?, encoder.classification(&test)?);
    println!("mushroom: {} rows for training, {} for testing, {} inputs", train.len(), test.len(), encoder.width());
    let start = Instant::now();
    let mut model = Classifier {
        hidden: Dense::new(encoder.width(), 32).initial_sd(0.05),
        head: Dense::new(32, encoder.classes().len()).initial_sd(0.05),
    };
    let (epochs, batch) = (job.epochs(40), 64);
    let mut elbo = Elbo::new(Categorical)
        .optimizer(Adam::new(5e-3))
        .schedule(Schedule::cosine(epochs * train.len().div_ceil(batch)))
        .estimator(Estimator::Local)
        .batch_size(batch)
        .seed(job.seed)
        .threads(job.threads());
    elbo.fit(&mut model, &train, Epochs(epochs))?;
    let predicted = with_threads(job.threads(), || model.predict(&Categorical, test.inputs(), Draws(job.draws)));
    let share =
        |class: usize| train.targets().iter().filter(|&&label| label == class).count() as f64 / train.len() as f64;
    let shares: Vec<f64> = (0..encoder.classes().len()).map(|class| share(class).ln()).collect();
    let of_shares: f64 = test.targets().iter().map(|&label| -shares[label]).sum();
    let results = Results {
        test_nll: predicted.nll(test.targets()),
        baseline_nll: of_shares / test.len() as f64,
        score: ("test_error", 1.0 - predicted.accuracy(test.targets())),
        others: vec![("ece", predicted.ece(test.targets(), 15))],
    };
    job.report(&results, start)
}
