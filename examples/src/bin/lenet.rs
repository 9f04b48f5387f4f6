//! LeNet on MNIST: a Bayesian convolutional network beside its deterministic twin.
//!
//! ```text
//! cargo run --release --bin lenet -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::Examples;
use elbo::nn::{Conv2d, Flatten, MaxPool2d, Relu, Sequential};
use elbo::prelude::*;
use elbo::{ClosedForm, Epoch, Model, Schedule, Shape, with_threads};
use elbo_examples::cli::{integer, positive};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};
use elbo_examples::mnist::{self, CLASSES};
use elbo_examples::summary::Scores;

/// Pixels are divided by this: 0 to 2.
const DIVISOR: f64 = 128.0;

/// Trains LeNet-5 (LeCun et al. 1998) with ReLU and max pooling on MNIST, with each of several seeds, and its deterministic
/// twin: the same network with point weights, trained in the same way by maximum a posteriori. Reports means over the seeds.
///
/// The Bayesian network has a mean-field normal posterior over every weight, under normal priors of standard deviation
/// √(2/inputs) times --prior. It is trained on the evidence lower bound, and predicts by the mean of posterior draws. Images
/// are not augmented.
#[derive(Parser)]
#[command(name = "lenet", version, allow_negative_numbers = true)]
#[command(mut_arg("draws", |draws| draws.default_value("50")))]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    #[command(flatten)]
    job: Job,

    /// Train with this many seeds, starting at --seed
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer::<1>)]
    seeds: usize,

    /// Images in a minibatch
    #[arg(long, value_name = "N", default_value = "64", value_parser = integer::<1>)]
    batch: usize,

    /// Adam's initial learning rate, which falls to 0 by a cosine
    #[arg(long, value_name = "RATE", default_value = "2e-3", value_parser = positive)]
    lr: f64,

    /// Factor of the priors' standard deviations
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = positive)]
    prior: f64,

    /// Posterior standard deviations before training, as a share of the prior's
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = positive)]
    initial_share: f64,

    /// Train on the first images only
    #[arg(long, value_name = "N", default_value = "60000", value_parser = integer::<1>)]
    images: usize,
}

type Convolution<Q> = Sequential<(Conv2d<Q>, Relu, MaxPool2d)>;
type Hidden<Q> = Sequential<(Dense<Q>, Relu)>;
type LeNet<Q> = Sequential<(Convolution<Q>, Convolution<Q>, Flatten, Hidden<Q>, Hidden<Q>, Dense<Q>)>;

/// The network; `posterior` makes a weight from its shape and the standard deviation of its prior.
fn lenet<Q>(prior: f64, posterior: impl Fn(Shape, f64) -> Q + Copy) -> LeNet<Q>
where
    Q: Divergence<Normal, Scalar = f32>,
{
    let sd = |inputs: usize| prior * (2.0 / inputs as f64).sqrt();
    let convolution = |channels: usize, outputs: usize, padding: usize| {
        let sd = sd(channels * 25);
        let of = |shape: &[usize]| posterior(shape.into(), sd);
        let layer = Conv2d::of(channels, outputs, [5, 5], of, Normal(0.0, sd)).padding([padding; 2]);
        Sequential((layer, Relu::new(), MaxPool2d::new([2, 2])))
    };
    let dense = |inputs: usize, outputs: usize| {
        Dense::of(inputs, outputs, |shape| posterior(shape, sd(inputs)), Normal(0.0, sd(inputs)))
    };
    Sequential((
        convolution(1, 6, 2),
        convolution(6, 16, 0),
        Flatten::new(),
        Sequential((dense(400, 120), Relu::new())),
        Sequential((dense(120, 84), Relu::new())),
        dense(84, CLASSES),
    ))
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

/// What one seed gives.
struct Row {
    bayesian: Scores,
    twin: Scores,
    kl: f64,
    elbo: f64,
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let folder = job.file("mnist")?;
    let load = |prefix: &str, limit: usize| -> Result<Examples, Failure> {
        let all: Examples = mnist::load(&folder, prefix, "lenet")?.examples(DIVISOR)?;
        let count = all.len().min(limit);
        let images = Tensor::new([count, 1, 28, 28], &all.inputs().data()[..count * 784]);
        Ok(Examples::new(images, all.targets()[..count].to_vec())?)
    };
    let (train, test) = (load("train", options.images)?, load("t10k", usize::MAX)?);
    println!("lenet: {} training images, {} test images", train.len(), test.len());
    let start = Instant::now();
    let mut rows = Vec::new();
    for seed in (job.seed..).take(options.seeds) {
        let make = |shape: Shape, sd: f64| MeanField::new(shape).initial_sd(options.initial_share * sd);
        let mut bayesian = lenet(options.prior, make);
        let Epoch { elbo, kl, .. } = fit(&mut bayesian, &train, seed, options)?;
        let mut twin = lenet(options.prior, |shape, _| Point::new(shape));
        fit(&mut twin, &train, seed, options)?;
        let draws = Draws(job.draws).seed(seed);
        let [bayesian, twin] = with_threads(job.threads(), || {
            let of_draws = bayesian.predict(&Categorical, test.inputs(), draws);
            let of_twin = twin.predict(&Categorical, test.inputs(), Draws(1));
            [of_draws, of_twin].map(|predicted| Scores::of(&predicted, test.targets()))
        });
        println!("seed {seed}: {}; KL {kl:.0} nats; twin: {}", text(&bayesian), text(&twin));
        rows.push(Row { bayesian, twin, kl, elbo });
    }
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
    println!();
    let results = Results {
        test_nll: mean(|row| row.bayesian.nll),
        baseline_nll: mean(|row| row.twin.nll),
        score: ("test_error", mean(|row| row.bayesian.error)),
        others: vec![
            ("twin_error", mean(|row| row.twin.error)),
            ("ece", mean(|row| row.bayesian.ece)),
            ("twin_ece", mean(|row| row.twin.ece)),
            ("kl", mean(|row| row.kl)),
            ("elbo", mean(|row| row.elbo)),
        ],
    };
    job.report(&results, start)
}

fn text(scores: &Scores) -> String {
    format!("error {:.2} %, NLL {:.4} nats", 100.0 * scores.error, scores.nll)
}

/// Trains a network, and returns the last epoch.
fn fit<M>(model: &mut M, train: &Examples, seed: u64, options: &Options) -> Result<Epoch, Failure>
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32, Exact: ClosedForm> + Send + Sync,
{
    let epochs = options.job.epochs(15);
    let mut elbo = Elbo::new(Categorical)
        .optimizer(Adam::new(options.lr))
        .schedule(Schedule::cosine(epochs * train.len().div_ceil(options.batch)))
        .batch_size(options.batch)
        .seed(seed)
        .threads(options.job.threads());
    Ok(elbo.fit(model, train, Epochs(epochs))?.last())
}
