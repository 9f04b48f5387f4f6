//! A report of a training as one HTML file: curves, what the network consists of, calibration, uncertainty, pruning and a diagnosis.
//!
//! ```text
//! cargo run --release --bin report -- --out digits-report
//! ```

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use elbo::data::digits;
use elbo::diagnose::diagnose;
use elbo::metrics::{Probabilities, Uncertainty};
use elbo::prelude::*;
use elbo::prune::{PruneError, SignalToNoise};
use elbo::report::{self, Html, TensorBoard};
use elbo::{Budget, with_threads};
use elbo_examples::Classifier;
use elbo_examples::cli::{integer, threads};
use elbo_examples::failure::{Failure, exit};

/// The table of Alpaydin and Kaynak 1998 (UCI), as scikit-learn ships it.
const TABLE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// The seeds of the splits, independent of `--seed`: the first is that of `digits`.
const SPLIT_SEEDS: [u64; 2] = [1, 2];

/// The weight of which an element is shown.
const HEAD: &str = "head.weight";

/// Shares of the weights that are removed, for the pruning curve.
const REMOVED: [f64; 9] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995];

/// Trains the network of `digits` and writes everything that can be said of it to a folder: `report.html`, which needs nothing else,
/// `history.csv`, `history.json`, and event files for TensorBoard.
///
/// A tenth of the training images is held out to watch the training. Out of distribution are the test images with their pixels in
/// another order, the same for all.
#[derive(Parser)]
#[command(name = "report", version)]
struct Options {
    /// The folder, which is made
    #[arg(long, value_name = "DIR", default_value = "digits-report")]
    out: PathBuf,

    /// Passes over the training images [default: until the bound has converged]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Posterior draws to average a prediction over
    #[arg(long, value_name = "N", default_value = "50", value_parser = integer::<1>)]
    draws: usize,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let threads = threads(options.threads);
    let images = digits::from_bytes("digits.csv.gz", TABLE)?;
    // The darkest pixel is 16.
    let (train, test) = images.examples(16.0)?.split(0.8, SPLIT_SEEDS[0])?;
    let (train, held_out) = train.split(0.9, SPLIT_SEEDS[1])?;
    let mut model = Classifier::new([64, 128, digits::CLASSES], &Normal(0.0, 1.0));

    let mut board = TensorBoard::create(&options.out).map_err(|error| failed(&options.out, &error))?;
    let (mut written, mut number) = (Ok(()), 0);
    let mut elbo = Elbo::new(Categorical).seed(options.seed).threads(threads);
    let record = |epoch: &elbo::Epoch, model: &Classifier| {
        number += 1;
        written = board.epoch(number, epoch, model);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(8)).on_epoch_end(record);
    let history =
        training.run(options.epochs.map_or(UntilConverged::new().into(), |epochs| Budget::from(Epochs(epochs))))?;
    written.map_err(|error| failed(board.path(), &error))?;

    let page = with_threads(threads, || page(&model, &history, &train, &test, options))
        .map_err(|error| Failure::Run(error.into()))?;
    let file = options.out.join("report.html");
    let all = page.write(&file).and_then(|()| history.write_csv(options.out.join("history.csv")));
    all.and_then(|()| history.write_json(options.out.join("history.json")))
        .map_err(|error| Failure::Run(error.into()))?;
    println!("{}\n{}", history.conclusion(), file.display());
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Run(format!("--out: cannot write {}: {error}", path.display()).into())
}

/// The report.
fn page(
    model: &Classifier,
    history: &Report,
    train: &Examples,
    test: &Examples,
    options: &Options,
) -> Result<Html, PruneError> {
    let draws = Draws(options.draws).seed(options.seed);
    let predicted = model.predict(&Categorical, test.inputs(), draws);
    let shuffled = model.predict(&Categorical, &with_shuffled_pixels(test.inputs()), draws);
    let ratios = SignalToNoise::of(model)?;
    let kept = KeptDraws::new(model, draws);
    let pruned = ratios.curve(&REMOVED, |which| {
        Ok(100.0 * which.draws(&kept)?.predict(&Categorical, test.inputs()).error(test.targets()))
    })?;
    let diagnosis = diagnose(model, train, &Categorical);

    let page = Html::new("Optical digits: a Bayesian network 64-128-128-10").text(&format!(
        "{} training images, {} test images, seed {}, {} epochs. {}.",
        train.len(),
        test.len(),
        options.seed,
        history.epochs.len(),
        history.conclusion()
    ));
    let page = page.heading("Training").picture(report::training(history));
    let page = page.heading("The network").printed(&model.summary().to_string());
    let page = page.heading("Test images").table(["metric", "value"], &scores(&predicted, &shuffled, test.targets()));
    let page = page.picture(report::reliability(&predicted.reliability(test.targets(), 10)));
    let risk = predicted.risk_coverage(test.targets(), Uncertainty::Entropy);
    let page = page.picture(report::risk_coverage(&risk, "error rate"));
    let page = page.picture(report::entropies(&predicted.entropy(), &shuffled.entropy()));
    let page = page.heading("Weights").picture(report::kl_by_weight(&model.summary()));
    let page = page.picture(report::signal_to_noise(&ratios));
    // The weight of the head that the data determine best.
    let of_head = ratios.get(HEAD).unwrap_or_default();
    let best = (0..of_head.len()).max_by(|a, b| of_head[*a].total_cmp(&of_head[*b])).unwrap_or(0);
    let page = page.picture(report::posterior(model, HEAD, best)).picture(report::draws(&kept, HEAD, best));
    let page = page.heading("Pruning").picture(report::pruning(&pruned, "test error, %"));
    Ok(page.heading("Diagnosis").printed(&diagnosis.to_string()).svg(&diagnosis.svg()))
}

/// Figures of the predictions of the test images, and how well the entropy tells them from others.
fn scores(predicted: &Probabilities, shuffled: &Probabilities, labels: &[usize]) -> [[String; 2]; 6] {
    let detection = predicted.detection_of(shuffled, Uncertainty::Entropy);
    [
        ("error, %", 100.0 * predicted.error(labels), 2),
        ("NLL, nats per image", predicted.nll(labels), 4),
        ("ECE of 10 bins", predicted.ece(labels, 10), 4),
        ("Brier score, 0 to 2", predicted.brier(labels), 4),
        ("mean entropy, nats", mean(&predicted.entropy()), 3),
        ("AUROC of the entropy, images with shuffled pixels", detection.auroc, 4),
    ]
    .map(|(name, value, decimals)| [name.to_owned(), format!("{value:.decimals$}")])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The images with their pixels in another order: pixel i is pixel 37 i + 11 of 64, which is each of them once.
fn with_shuffled_pixels(images: &Tensor) -> Tensor {
    let (pixels, data) = (images.shape()[1], images.data());
    let place = |i: usize| i / pixels * pixels + (37 * (i % pixels) + 11) % pixels;
    Tensor::from_fn(images.shape(), |i| f64::from(data[place(i)]))
}
