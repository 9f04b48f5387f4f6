//! Which figure of which posterior tells images of clothes and letters from the digits that a network was trained on.
//!
//! ```text
//! cargo run --release --bin ood -- --data DIR
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::calibration::FeatureDensity;
use elbo::metrics::{Bootstrap, Interval, Probabilities, Uncertainty, aupr, auroc, fpr95};
use elbo::prelude::*;
use elbo::{Ensemble, Map, Predict, Samples, report, with_threads};
use elbo_examples::cli::{data_folder, integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::posteriors::{Network, Problem, images};
use serde_json::{Value, json};

/// Members of the ensemble.
const MEMBERS: usize = 8;

/// The unknown images: folders of the data.
const UNKNOWN: [&str; 2] = ["fashion-mnist", "notmnist"];

/// Trains a network on digits (MNIST) in three ways, and measures how well four figures of a prediction find clothes (Fashion-MNIST)
/// and letters (notMNIST) among the digits of the test set: the predictive entropy, the mutual information of label and weights, the
/// probability of the most probable class, and the density of the last hidden layer's values. Intervals are of 95 %, by the bootstrap
/// over images.
#[derive(Parser)]
#[command(name = "ood", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Training images
    #[arg(long, value_name = "N", default_value = "5000", value_parser = integer::<100>)]
    rows: usize,

    /// Images of each test set that are predicted
    #[arg(long, value_name = "N", default_value = "10000", value_parser = integer::<100>)]
    test_rows: usize,

    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", default_value = "100", value_parser = integer::<1>)]
    hidden: usize,

    /// The prior's standard deviation of a weight with n inputs, times √n
    #[arg(long, value_name = "SD", default_value = "4", value_parser = positive)]
    prior_sd: f64,

    /// Passes over the training images
    #[arg(long, value_name = "N", default_value = "40", value_parser = integer::<1>)]
    epochs: usize,

    /// Draws of the variational posterior that a prediction is averaged over
    #[arg(long, value_name = "N", default_value = "64", value_parser = integer::<1>)]
    draws: usize,

    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value = "500", value_parser = integer::<2>)]
    resamples: usize,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write histograms of the entropy to this folder, as SVG
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,

    /// Also write the results to this file, as JSON: a list of {method, unknown, score, auroc, aupr, fpr95} with
    /// {estimate, lower, upper} each, and error, nll and ece of the method on the digits
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a method says of some images.
struct Said {
    predicted: Probabilities,
    /// −ln of the density of features, in nats.
    surprise: Vec<f64>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = data_folder(options.data.as_deref())?;
    let threads = threads(options.threads);
    with_threads(threads, || compare(options, &folder))
}

fn compare(options: &Options, folder: &Path) -> Result<(), Failure> {
    let first = |images: &Examples| images.rows(0..options.test_rows.min(images.len()));
    let Problem { train, test, classes, .. } = Problem::mnist(folder, options.rows)?;
    let test = first(&test);
    let mut unknown = Vec::new();
    for name in UNKNOWN {
        unknown.push((name, first(&images(folder, name, "t10k")?)));
    }
    let widths = [train.inputs().shape()[1], options.hidden, classes];
    let new = || Network::new(widths, options.prior_sd, 0.0);
    let (seed, epochs) = (options.seed, Epochs(options.epochs));
    let map = || Map::new(Categorical).seed(seed).quiet();

    let mut rows = Vec::new();
    println!("ood: {} training images, {} of each kind to tell apart\n", train.len(), test.len());
    println!("| method | score | unknown | AUROC | AUPR | FPR at 95 % TPR |\n|---|---|---|---|---|---|");
    let mut measure = |name: &str, of: &dyn Fn(&Tensor) -> Result<Said, Failure>| -> Result<(), Failure> {
        let known = of(test.inputs())?;
        let on_digits = [
            ("error", known.predicted.error(test.targets())),
            ("nll", known.predicted.nll(test.targets())),
            ("ece", known.predicted.ece(test.targets(), 15)),
        ];
        for (kind, images) in &unknown {
            let unknown = of(images.inputs())?;
            for (score, unknown, known) in scores(&unknown, &known) {
                let found = detection(&unknown, &known, options)?;
                println!("| `{name}` | {score} | {kind} | {} |", found.map(|found| shown(&found)).join(" | "));
                let [auroc, aupr, fpr95] = found.map(|found| value(&found));
                let mut row = json!({
                    "method": name, "unknown": kind, "score": score, "auroc": auroc, "aupr": aupr, "fpr95": fpr95,
                });
                on_digits.iter().for_each(|(name, value)| row[*name] = json!(value));
                rows.push(row);
            }
            if let Some(folder) = &options.pictures {
                draw(folder, &format!("{name}-{kind}.svg"), &known.predicted, &unknown.predicted)?;
            }
        }
        Ok(())
    };

    let clock = Instant::now();
    let mut model = new();
    map().fit(&mut model, &train, epochs)?;
    let point = model.point_estimate();
    let densities = densities(&point, &train)?;
    measure("map", &|x| {
        Ok(Said { predicted: point.predict(&Categorical, x), surprise: surprise(&densities, &point, x) })
    })?;

    let members = Ensemble::of(map().seed(100 * seed), MEMBERS).fit(new, &train, epochs)?;
    let densities = self::densities(&members, &train)?;
    measure("ensemble", &|x| {
        Ok(Said { predicted: members.predict(&Categorical, x), surprise: surprise(&densities, &members, x) })
    })?;

    let mut model = new();
    Elbo::new(Categorical).seed(seed).quiet().fit(&mut model, &train, epochs)?;
    let (draws, point) = (Draws(options.draws).seed(seed), model.point_estimate());
    let densities = self::densities(&point, &train)?;
    measure("vi", &|x| {
        Ok(Said { predicted: model.predict(&Categorical, x, draws), surprise: surprise(&densities, &point, x) })
    })?;

    println!("\n| method | error, % | NLL | ECE |\n|---|---|---|---|");
    for name in ["map", "ensemble", "vi"] {
        let Some(row) = rows.iter().find(|row| row["method"] == name) else { continue };
        let [error, nll, ece] = ["error", "nll", "ece"].map(|figure| row[figure].as_f64().unwrap_or(f64::NAN));
        println!("| `{name}` | {:.2} | {nll:.4} | {ece:.4} |", 100.0 * error);
    }
    println!("\n{:.0} seconds", clock.elapsed().as_secs_f64());
    let Some(file) = &options.json else { return Ok(()) };
    std::fs::write(file, format!("{:#}\n", Value::from(rows)))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

/// The figures of both kinds of images, each with its name. One draw of the weights has no mutual information.
fn scores(unknown: &Said, known: &Said) -> Vec<(&'static str, Vec<f64>, Vec<f64>)> {
    let names = [
        (Uncertainty::Entropy, "entropy"),
        (Uncertainty::MutualInformation, "mutual information"),
        (Uncertainty::MaxProbability, "max probability"),
    ];
    let has = |by: Uncertainty| by != Uncertainty::MutualInformation || known.predicted.draws() > 1;
    let by = names.into_iter().filter(|(by, _)| has(*by));
    let mut all: Vec<_> = by.map(|(by, name)| (name, by.of(&unknown.predicted), by.of(&known.predicted))).collect();
    all.push(("density of features", unknown.surprise.clone(), known.surprise.clone()));
    all
}

/// AUROC, AUPR and FPR at 95 % TPR with their intervals.
fn detection(unknown: &[f64], known: &[f64], options: &Options) -> Result<[Interval; 3], Failure> {
    let bootstrap = Bootstrap::new(options.resamples, Key::new(options.seed)).percentile();
    let of = |metric: fn(&[f64], &[f64]) -> f64| {
        bootstrap.of_groups(unknown, known, metric).map_err(|error| Failure::Run(error.into()))
    };
    Ok([of(auroc)?, of(aupr)?, of(fpr95)?])
}

/// The density of the last hidden layer's values over the training images, for each set of weights.
fn densities<S: Samples<Model = Network>>(samples: &S, train: &Examples) -> Result<Vec<FeatureDensity>, Failure> {
    features(samples, train.inputs())
        .iter()
        .map(|features| FeatureDensity::fit(features, train.targets()).map_err(|error| Failure::Run(error.into())))
        .collect()
}

/// −ln of the density of each image's features, averaged over the sets of weights.
fn surprise<S: Samples<Model = Network>>(densities: &[FeatureDensity], samples: &S, x: &Tensor) -> Vec<f64> {
    let mut mean = vec![0.0; x.shape()[0]];
    for (density, features) in densities.iter().zip(features(samples, x)) {
        let nats = density.log_density(&features);
        mean.iter_mut().zip(nats).for_each(|(mean, nats)| *mean -= nats / densities.len() as f64);
    }
    mean
}

/// The last hidden layer's values for each set of weights, (images, units).
fn features<S: Samples<Model = Network>>(samples: &S, x: &Tensor) -> Vec<Tensor> {
    let outputs = samples.outputs_with(x, |net, x| net.features(x));
    let (rows, width) = (outputs.rows(), outputs.axes()[0]);
    outputs.tensor().data().chunks_exact(rows * width).map(|of_draw| Tensor::new([rows, width], of_draw)).collect()
}

/// Writes the histograms of the entropies.
fn draw(folder: &Path, name: &str, known: &Probabilities, unknown: &Probabilities) -> Result<(), Failure> {
    let chart = report::entropies(&known.entropy(), &unknown.entropy());
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(name), chart.svg())).map_err(|error| {
        Failure::Run(format!("--pictures: cannot write {name} to {}: {error}", folder.display()).into())
    })
}

fn shown(of: &Interval) -> String {
    format!("{:.3} ({:.3} to {:.3})", of.estimate, of.lower, of.upper)
}

fn value(of: &Interval) -> Value {
    json!({ "estimate": of.estimate, "lower": of.lower, "upper": of.upper })
}
