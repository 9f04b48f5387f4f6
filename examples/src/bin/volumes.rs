//! AdrenalMNIST3D: a Bayesian network on volumes, with a diagnosis of its KL divergence.
//!
//! ```text
//! cargo run --release --bin volumes -- --data DIR --diagnose
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use elbo::prelude::*;
use elbo::{ClosedForm, Diagnose, Diagnosis, Epoch, Model, Schedule, Tempering, WarmUp, with_threads};
use elbo_examples::augment::random_flips;
use elbo_examples::baseline::{self, Comparison};
use elbo_examples::cli::{integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::scan::{ResidualScan, Scan};
use elbo_examples::summary::{Scores, Summary, kl_terms};
use elbo_examples::volumes::{CLASSES, FILE, SIDE, Volumes};
use elbo_examples::{json, table};

/// Progress lines printed during training.
const LINES: usize = 10;

const HOW_TO_GET_IT: &str = "\
AdrenalMNIST3D is one file of MedMNIST v2 (https://medmnist.com, CC BY 4.0, 270 kB):
  curl -LO https://zenodo.org/records/10519652/files/adrenalmnist3d.npz
  cargo run --release --bin volumes -- --data .
Instead of passing --data, you can set ELBO_DATA to a folder whose subfolder volumes has the file.";

/// Detects masses in 28×28×28 masks of adrenal glands: 1,188 training, 98 validation and 298 test volumes.
///
/// The network is a convolution, whose features are summed over the gland, and a linear head, with a mean-field normal
/// posterior over every weight. Adam trains it on volumes that are flipped at random in each epoch, and predictions are
/// averaged over posterior draws. Always answering "normal" is right for 76.8 % of the test volumes. All labels together hold
/// 623 nats, the most that the weights can save in NLL, so the network has few weights.
#[derive(Parser)]
#[command(name = "volumes", version, allow_negative_numbers = true)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of adrenalmnist3d.npz [default: $ELBO_DATA/volumes]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Use only one slice of each volume, with the largest area of the gland, and the same network in two dimensions
    #[arg(long)]
    slices: bool,

    /// Train a deeper network instead: a convolution of stride 2, a residual block of two convolutions, a mean over space and a
    /// linear head. Standard deviations are then multiplied by √(2/inputs)
    #[arg(long)]
    residual: bool,

    /// Diagnose the network before and after training
    #[arg(long)]
    diagnose: bool,

    /// Write a chart of the diagnosis after training to this file, as SVG
    #[arg(long, value_name = "FILE", requires = "diagnose")]
    picture: Option<PathBuf>,

    /// Write both diagnoses to this file, as JSON
    #[arg(long, value_name = "FILE", requires = "diagnose")]
    diagnosis: Option<PathBuf>,

    /// Channels of the convolutions
    #[arg(long, value_name = "N", default_value = "2", value_parser = integer::<1>)]
    channels: usize,

    /// Passes over the training volumes
    #[arg(long, value_name = "N", default_value = "60", value_parser = integer::<1>)]
    epochs: usize,

    /// Volumes in a minibatch
    #[arg(long, value_name = "N", default_value = "32", value_parser = integer::<1>)]
    batch: usize,

    /// Adam's initial learning rate, with a cosine schedule down to zero
    #[arg(long, value_name = "RATE", default_value = "3e-2", value_parser = positive)]
    lr: f64,

    /// Standard deviation of the normal prior of every weight
    #[arg(long, value_name = "SD", default_value = "1", value_parser = positive)]
    prior_sd: f64,

    /// Standard deviation of every weight's posterior before training
    #[arg(long, value_name = "SD", default_value = "0.05", value_parser = positive)]
    initial_sd: f64,

    /// Temperature T of the learned posterior, p(w|D)^(1/T); 1 is the evidence lower bound
    #[arg(long, value_name = "T", default_value = "1", value_parser = positive)]
    temperature: f64,

    /// Posterior draws to average a prediction over
    #[arg(long, value_name = "N", default_value = "32", value_parser = integer::<1>)]
    draws: usize,

    /// Seed of everything random: initial means, order of the volumes, noise
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Train with this many seeds, starting at --seed, and compare them with the class frequencies
    #[arg(long, value_name = "N", conflicts_with_all = ["diagnose", "json"], value_parser = integer::<1>)]
    seeds: Option<usize>,

    /// With each seed, train on four fifths of the training volumes and score the others instead of the test volumes
    #[arg(long, requires = "seeds")]
    choose: bool,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write the results to this file, as JSON in the format of `mnist`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = match (&options.data, std::env::var_os("ELBO_DATA")) {
        (Some(folder), _) => folder.clone(),
        (None, Some(data)) => Path::new(&data).join("volumes"),
        (None, None) => {
            return Err(Failure::Input(format!("no data: pass --data or set ELBO_DATA\n\n{HOW_TO_GET_IT}")));
        }
    };
    let volumes = Volumes::read(&folder.join(FILE), HOW_TO_GET_IT)?;
    let kind = if options.slices { "slices" } else { "volumes" };
    println!("volumes: {} training {kind}, {} test {kind}", volumes.train.len(), volumes.test.len());
    let threads = threads(options.threads);
    with_threads(threads, || match options.slices {
        false => of_kind::<3>(&volumes, options, threads),
        true => of_kind::<2>(&volumes.slices(), options, threads),
    })
}

/// What the options ask for, with masks of `D` axes.
fn of_kind<const D: usize>(data: &Volumes, options: &Options, threads: usize) -> Result<(), Failure> {
    let Options { channels, prior_sd, initial_sd, .. } = *options;
    let mean_size = |train: &Examples| train.inputs().data().iter().sum::<f32>() as f64 / train.len() as f64;
    let scan = |train: &Examples| Scan::<D>::new(channels, CLASSES, prior_sd, initial_sd, mean_size(train));
    let residual = |train: &Examples| {
        let scale = (SIDE as f64).powi(D as i32) / mean_size(train);
        ResidualScan::<D>::new(channels, CLASSES, prior_sd, initial_sd, scale)
    };
    let kind = if D == 3 { "volumes" } else { "slices" };
    match (options.residual, options.seeds) {
        (false, None) => train_and_test(scan, data, kind, options, threads),
        (false, Some(seeds)) => compare(scan, data, seeds, options, threads),
        (true, None) => train_and_test(residual, data, kind, options, threads),
        (true, Some(seeds)) => compare(residual, data, seeds, options, threads),
    }
}

/// The networks.
trait Network: Model<Scalar = f32> + Bayesian<Scalar = f32, Exact: ClosedForm> + Send + Sync {}

impl<M: Model<Scalar = f32> + Bayesian<Scalar = f32, Exact: ClosedForm> + Send + Sync> Network for M {}

fn train<M: Network>(
    model: &mut M,
    data: &Examples,
    options: &Options,
    seed: u64,
    threads: usize,
    print_progress: bool,
) -> Result<(Elbo<Categorical>, Vec<Epoch>), Failure> {
    let steps = options.epochs * data.len().div_ceil(options.batch);
    let mut elbo = Elbo::new(Categorical)
        .optimizer(Adam::new(options.lr))
        .schedule(Schedule::cosine(steps))
        .warm_up(WarmUp::linear((steps / 2).max(1)))
        .batch_size(options.batch)
        .tempering(Tempering::Posterior(options.temperature))
        .seed(seed)
        .threads(threads)
        .quiet();
    let mut epochs = Vec::with_capacity(options.epochs);
    for epoch in 0..options.epochs {
        // Flipped volumes are the same examples: N does not change.
        let flipped = random_flips(data, Key::new(seed).step(epoch));
        let last = elbo.fit(model, &flipped, Epochs(1))?.last();
        if print_progress && ((epoch + 1) % options.epochs.div_ceil(LINES) == 0 || epoch + 1 == options.epochs) {
            let Epoch { nll, kl, seconds, .. } = last;
            println!("epoch {:3}: NLL {nll:.4} nats/volume, KL {kl:.0} nats, {seconds:.2} s", epoch + 1);
        }
        epochs.push(last);
    }
    Ok((elbo, epochs))
}

/// Trains with several seeds, and compares their predictions with the class frequencies.
fn compare<M: Network>(
    network: impl Fn(&Examples) -> M,
    data: &Volumes,
    seeds: usize,
    options: &Options,
    threads: usize,
) -> Result<(), Failure> {
    let mut comparisons = Vec::new();
    for seed in (options.seed..).take(seeds) {
        let (trained_on, scored) = match options.choose {
            true => data.train.split(0.8, seed)?,
            false => (data.train.clone(), data.test.clone()),
        };
        let mut model = network(&trained_on);
        model.initialise(Key::new(seed));
        let (_, epochs) = train(&mut model, &trained_on, options, seed, threads, false)?;
        let Epoch { elbo, kl, .. } = epochs[epochs.len() - 1];
        let predicted = model.predict(&Categorical, scored.inputs(), Draws(options.draws).seed(seed));
        let comparison = Comparison::new(&predicted, scored.targets(), trained_on.targets());
        println!(
            "seed {seed}: accuracy {:.1} %, NLL {:.4} nats; bound in the last epoch {elbo:.0} nats, KL {kl:.0} nats",
            100.0 * comparison.accuracy(),
            comparison.nll()
        );
        comparisons.push(comparison);
    }
    print!("{}", baseline::table(&comparisons, !options.choose));
    Ok(())
}

/// Trains with one seed, and prints all results.
fn train_and_test<M: Network>(
    network: impl Fn(&Examples) -> M,
    data: &Volumes,
    kind: &str,
    options: &Options,
    threads: usize,
) -> Result<(), Failure> {
    let mut model = network(&data.train);
    model.initialise(Key::new(options.seed));
    let before = options.diagnose.then(|| diagnose(&model, data, options));
    if let Some(before) = &before {
        println!("\nBefore training\n{before}");
    }
    let (elbo, epochs) = train(&mut model, &data.train, options, options.seed, threads, true)?;

    let predict = |part: &Examples| model.predict(&Categorical, part.inputs(), Draws(options.draws).seed(options.seed));
    let validation = Scores::of(&predict(&data.validation), data.validation.targets());
    let predicted = predict(&data.test);
    let (entropy_right, entropy_wrong) = predicted.entropy_split(data.test.targets());
    let bound = elbo.evaluate(&model, &data.train, Draws(options.draws).seed(options.seed))?;
    let summary = Summary {
        train_nll: bound.nll * data.train.len() as f64,
        kl: model.kl(),
        elbo_standard_error: bound.standard_error,
        elbo_without_learning: -(data.train.len() as f64) * (CLASSES as f64).ln(),
        kl_terms: kl_terms(&model, model.kl_terms()),
        parameters: model.num_parameters(),
        test: Scores::of(&predicted, data.test.targets()),
        entropy_right,
        entropy_wrong,
        epochs: options.epochs,
        seconds_per_epoch: epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / epochs.len() as f64,
        history: Vec::new(),
    };
    print!("\n{}", table::render(&summary));
    let majority = majority_frequency(data.test.targets());
    println!(
        "accuracy on the test {kind} {:.1} %, on the validation set {:.1} %; always the larger class {:.1} %",
        100.0 * (1.0 - summary.test.error),
        100.0 * (1.0 - validation.error),
        100.0 * majority
    );
    if let Some(before) = before {
        let after = diagnose(&model, data, options);
        println!("\nAfter training\n{after}");
        if let Some(file) = &options.picture {
            write("--picture", file, &after.svg())?;
        }
        if let Some(file) = &options.diagnosis {
            write("--diagnosis", file, &format!("[{},{}]\n", before.json().trim_end(), after.json().trim_end()))?;
        }
    }
    options.json.as_deref().map_or(Ok(()), |file| json::write(&summary, file))
}

fn diagnose<M: Network>(model: &M, data: &Volumes, options: &Options) -> Diagnosis {
    Diagnose::new().draws(4).batch_size(options.batch).seed(options.seed).run(model, &data.train, &Categorical)
}

fn majority_frequency(labels: &[usize]) -> f64 {
    let ones = labels.iter().filter(|&&label| label == 1).count();
    ones.max(labels.len() - ones) as f64 / labels.len() as f64
}

fn write(option: &str, file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::Run(format!("{option}: cannot write {}: {error}", file.display()).into()))
}
