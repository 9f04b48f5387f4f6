//! Pruning by signal to noise: how many weights of a network for MNIST can be removed before it makes more mistakes.
//!
//! ```text
//! cargo run --release --bin prune -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::metrics::{Bootstrap, Probabilities};
use elbo::prelude::*;
use elbo::prune::{PruneError, SignalToNoise, SparseDraws};
use elbo::{Model, with_threads};
use elbo_examples::Classifier;
use elbo_examples::cli::{integer, positive};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};
use elbo_examples::mnist::{self, CLASSES, DIVISOR};

/// The shares of weights that are removed, with the names of their errors in the results.
const SHARES: [(f64, &str); 6] = [
    (0.0, "error_0"),
    (0.5, "error_50"),
    (0.75, "error_75"),
    (0.9, "error_90"),
    (0.95, "error_95"),
    (0.98, "error_98"),
];

/// The index of 75 % among them, for which the results stand.
const REPORTED: usize = 2;

/// The index of 95 %, for which times are reported.
const SPARSE: usize = 4;

/// Trains a network with two hidden layers on the 60,000 digits of MNIST, removes the weights with the smallest |μ|/σ, and tests
/// the rest on 10,000 more digits, as in Blundell et al. 2015, section 5.1: draws of the pruned posterior, and the pruned network of
/// its means. Predictions are timed with the zeros multiplied and with them skipped. The difference of errors to the full network, in points, has a bootstrap interval over the test images.
#[derive(Parser)]
#[command(name = "prune", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,

    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", default_value_t = 400, value_parser = integer::<1>)]
    hidden: usize,

    /// Adam's learning rate, which is then constant and the same for all parameters, with batches of 128; without it, rates and
    /// batches are chosen
    #[arg(long, value_name = "RATE", value_parser = positive)]
    lr: Option<f64>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let (job, start) = (&options.job, Instant::now());
    let folder = job.file("mnist")?;
    let [train, test] = ["train", "t10k"].map(|prefix| mnist::load(&folder, prefix, "prune"));
    let (train, test) = (train?.examples(DIVISOR)?, test?.examples(DIVISOR)?);
    println!("prune: {} training images, {} test images, seed {}", train.len(), test.len(), job.seed);
    let mut model = Classifier::new([train.inputs().shape()[1], options.hidden, CLASSES], &Normal(0.0, 0.1));
    let mut elbo = Elbo::new(Categorical).seed(job.seed).threads(job.threads());
    if let Some(rate) = options.lr {
        elbo = elbo.optimizer(Adam::new(rate)).batch_size(128);
    }
    elbo.fit(&mut model, &train, Epochs(job.epochs(20)))?;

    let pruned = with_threads(job.threads(), || measure(&model, &test, job))?;
    let errors: Vec<f64> = pruned.iter().map(|of| of.predicted.error(test.targets())).collect();
    let nll = |index: usize| pruned[index].predicted.nll(test.targets());
    let [dense, sparse] = pruned[SPARSE].seconds;
    let times = [("seconds_dense_95", dense), ("seconds_sparse_95", sparse)];
    let results = Results {
        test_nll: nll(REPORTED),
        baseline_nll: nll(0),
        score: ("test_error", errors[REPORTED]),
        others: SHARES.iter().zip(&errors).map(|((_, name), error)| (*name, *error)).chain(times).collect(),
    };
    println!();
    job.report(&results, start)
}

/// The predictions of a pruned posterior, and the seconds that they took with zeros and without.
struct Pruned {
    predicted: Probabilities,
    seconds: [f64; 2],
}

/// Predicts with the pruned posterior for each share, and prints a table.
fn measure<M>(model: &M, test: &Examples, job: &Job) -> Result<Vec<Pruned>, PruneError>
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32> + Sync,
{
    let (ratios, labels) = (SignalToNoise::of(model)?, test.targets());
    let of_means = ratios.curve(&SHARES.map(|(share, _)| share), |kept| {
        Ok(kept.mean_network(model)?.predict(&Categorical, test.inputs()).error(labels))
    })?;
    let draws = KeptDraws::new(model, Draws(job.draws).seed(job.seed));
    println!(
        "\n| removed, % | kept | least ratio | error, % | more than with all, points | NLL | error of the means, % | seconds | \
         without zeros |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut all: Vec<Pruned> = Vec::new();
    for point in of_means {
        let kept = ratios.remove(point.removed)?;
        let sparse = SparseDraws::new(kept.draws(&draws)?);
        let start = Instant::now();
        let predicted = sparse.draws().predict(&Categorical, test.inputs());
        let with_zeros = start.elapsed().as_secs_f64();
        let _ = sparse.predict(&Categorical, test.inputs());
        let seconds = [with_zeros, start.elapsed().as_secs_f64() - with_zeros];
        let bootstrap = Bootstrap::new(1_000, Key::new(job.seed));
        let more = all
            .first()
            .map(|full| bootstrap.difference(&predicted, &full.predicted, labels, |p, y| 100.0 * p.error(y)));
        let more = more.map(|more| more.map_or_else(|error| error.to_string(), |more| format!("{more:.2}")));
        println!(
            "| {:.0} | {} | {:.3} | {:.2} | {} | {:.4} | {:.2} | {:.3} | {:.3} |",
            100.0 * point.removed,
            kept.elements() - kept.removed(),
            point.threshold,
            100.0 * predicted.error(labels),
            more.unwrap_or_default(),
            predicted.nll(labels),
            100.0 * point.value,
            seconds[0],
            seconds[1]
        );
        all.push(Pruned { predicted, seconds });
    }
    Ok(all)
}
