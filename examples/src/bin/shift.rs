//! Shifted digits: how accuracy and calibration of seven methods fall as the images of MNIST are turned and moved.
//!
//! ```text
//! cargo run --release --bin shift -- --data DIR --records FOLDER --picture shift.svg
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::report::{Chart, Picture};
use elbo::{Ensemble, ExpectedCategorical, Laplace, Map, Swag, with_threads};
use elbo_examples::cli::{data_folder, integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::posteriors::{Network, Problem, WithLastLayer, images};
use elbo_examples::records::Records;
use elbo_examples::shift::{MEASURES, Record, Row, Settings, Shift, all_shifts, best, means};
use serde_json::Value;

/// The rate of the dropout of `mc-dropout`; 0 for the other methods.
const DROPOUT: f64 = 0.2;

/// Members of the ensemble.
const MEMBERS: usize = 5;

/// Trains a network with two hidden layers on MNIST by seven methods with the same prior, and tests it on the test images as they
/// are, rotated by up to 180° and translated by up to 14 pixels: error, NLL, ECE (15 bins) and Brier score, means over seeds, as in
/// Ovadia et al. 2019. It prints which method is the best under each shift; with several, the others are within two standard errors
/// of the difference over seeds. With --records, a run that was stopped goes on where it was.
#[derive(Parser)]
#[command(name = "shift", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The methods [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<Method>,

    /// Small defaults, for a run of about a minute
    #[arg(long)]
    short: bool,

    /// Number of seeds to average over, starting at 1 [default: 3; short: 1]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    seeds: Option<usize>,

    /// Training images [default: 60000; short: 2000]
    #[arg(long, value_name = "N", value_parser = integer::<100>)]
    rows: Option<usize>,

    /// Test images [default: 10000; short: 1000]
    #[arg(long, value_name = "N", value_parser = integer::<100>)]
    test_rows: Option<usize>,

    /// Units in each of the two hidden layers [default: 200; short: 50]
    #[arg(long, value_name = "UNITS", value_parser = integer::<1>)]
    hidden: Option<usize>,

    /// Passes over the training images [default: 30; short: 10]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Draws that a prediction is averaged over; deterministic, ensemble and last-layer-vi have none [default: 32; short: 8]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    draws: Option<usize>,

    /// The prior's standard deviation of a weight with n inputs, times √n
    #[arg(long, value_name = "SD", default_value = "4", value_parser = positive)]
    prior_sd: f64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Keep the figures of each method and seed in this folder, and take those that are there instead of training again
    #[arg(long, value_name = "FOLDER")]
    records: Option<PathBuf>,

    /// Also draw the figures by shift to this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,

    /// Also write the records to this file, as JSON: a list of {method, seed, settings, seconds, rows}; rows are of {shift,
    /// figures: [error, NLL, ECE, Brier]}, seconds of training and of prediction
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    /// The maximum a posteriori estimate
    Deterministic,
    /// Variational inference with independent normal weights
    Vi,
    /// An estimate of the hidden layers with a variational last layer of full covariance, without sampling (VBLL)
    LastLayerVi,
    /// A deep ensemble of 5 estimates
    Ensemble,
    /// The estimate with dropout in training and prediction
    McDropout,
    /// Laplace's approximation of the last layer around the estimate, with Kronecker factors
    Laplace,
    /// SWAG around the estimate
    Swag,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = data_folder(options.data.as_deref())?;
    let threads = threads(options.threads);
    let methods = if options.methods.is_empty() { Method::value_variants() } else { &options.methods };
    let chosen = |given: Option<usize>, full, short| given.unwrap_or(if options.short { short } else { full });
    let settings = Settings {
        rows: chosen(options.rows, 60_000, 2000),
        test_rows: chosen(options.test_rows, 10_000, 1000),
        hidden: chosen(options.hidden, 200, 50),
        epochs: chosen(options.epochs, 30, 10),
        draws: chosen(options.draws, 32, 8),
        prior_sd: options.prior_sd,
    };
    let problem = read(&folder, &settings)?;
    let seeds = chosen(options.seeds, 3, 1) as u64;
    eprintln!("shift: {} training images, {} test images, {seeds} seed(s)", settings.rows, settings.test_rows);
    let (mut records, kept) = (Vec::new(), Records::new("--records", options.records.as_deref()));
    for seed in 1..=seeds {
        for &method in methods {
            let name = Record::name(&text(method), seed);
            let known = kept.find(&name, |record: &Record| record.settings == settings)?;
            let record = match known {
                Some(record) => record,
                None => with_threads(threads, || measure(method, seed, &problem, &settings))?,
            };
            let [training, prediction] = record.seconds;
            eprintln!("{name}: {training:.0} s of training, {prediction:.0} s of prediction");
            kept.save(&name, &record)?;
            records.push(record);
        }
    }
    let by_method: Vec<(String, Vec<&Record>)> = methods
        .iter()
        .map(|&method| (text(method), records.iter().filter(|record| record.method == text(method)).collect()))
        .collect();
    print(&by_method);
    if let Some(file) = &options.picture {
        let written = picture(&by_method).write(file);
        written.map_err(|error| Failure::Run(format!("--picture: {error}").into()))?;
    }
    let Some(file) = &options.json else { return Ok(()) };
    let json = serde_json::to_value(&records).unwrap_or(Value::Null);
    std::fs::write(file, format!("{json:#}\n"))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

fn text(method: Method) -> String {
    method.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn read(folder: &Path, settings: &Settings) -> Result<Problem, Failure> {
    let [train, test] = ["train", "t10k"].map(|part| images(folder, "mnist", part));
    let first = |images: Examples, rows: usize, option: &str| match images.len() {
        known if rows > known => Err(Failure::Input(format!("{option} {rows}: there are {known} images"))),
        _ => Ok(images.rows(0..rows)),
    };
    let (train, test) = (first(train?, settings.rows, "--rows")?, first(test?, settings.test_rows, "--test-rows")?);
    Ok(Problem { train, test, unknown: None, classes: elbo_examples::mnist::CLASSES })
}

/// Trains by a method, and predicts the test images under all shifts.
fn measure(method: Method, seed: u64, problem: &Problem, settings: &Settings) -> Result<Record, Failure> {
    let widths = [problem.train.inputs().shape()[1], settings.hidden, problem.classes];
    let new = |dropout| Network::new(widths, settings.prior_sd, dropout);
    let (train, epochs, draws) = (&problem.train, Epochs(settings.epochs), Draws(settings.draws).seed(seed));
    let clock = Instant::now();
    let judged = |predict: &dyn Fn(&Tensor) -> Probabilities| {
        let training = clock.elapsed().as_secs_f64();
        let (inputs, labels) = (problem.test.inputs(), problem.test.targets());
        let row = |shift: Shift| Row::of(shift, &predict(&shift.of(inputs)), labels);
        let rows = all_shifts().into_iter().map(row).collect();
        let seconds = [training, clock.elapsed().as_secs_f64() - training];
        Ok(Record { method: text(method), seed, settings: settings.clone(), seconds, rows })
    };
    let map = || Map::new(Categorical).seed(seed).quiet();
    match method {
        Method::Deterministic => {
            let mut model = new(0.0);
            map().fit(&mut model, train, epochs)?;
            judged(&|x| model.point_estimate().predict(&Categorical, x))
        }
        Method::Vi => {
            let mut model = new(0.0);
            Elbo::new(Categorical).seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&Categorical, x, draws))
        }
        Method::LastLayerVi => {
            let (mut model, likelihood) = (WithLastLayer::new(widths, settings.prior_sd), ExpectedCategorical::new());
            Elbo::new(likelihood).seed(seed).quiet().fit(&mut model, train, epochs)?;
            judged(&|x| model.predict(&likelihood, x, Draws(1)))
        }
        Method::Ensemble => {
            let members = Ensemble::of(map().seed(100 * seed), MEMBERS).fit(|| new(0.0), train, epochs)?;
            judged(&|x| members.predict(&Categorical, x))
        }
        Method::McDropout => {
            let mut model = new(DROPOUT);
            map().fit(&mut model, train, epochs)?;
            judged(&|x| model.point_estimate().with_noise(draws).predict(&Categorical, x))
        }
        Method::Laplace => {
            let mut model = new(0.0);
            map().fit(&mut model, train, epochs)?;
            let posterior = Laplace::new(Categorical).kronecker().last_layer().quiet().fit(&model, train);
            let posterior = posterior.map_err(|error| Failure::Run(error.into()))?;
            judged(&|x| posterior.predict(&Categorical, x, draws))
        }
        Method::Swag => {
            let swag = Swag::of(map()).draws(settings.draws).fit(&mut new(0.0), train, epochs)?;
            judged(&|x| swag.predict(&Categorical, x))
        }
    }
}

fn shown(measure: usize, value: f64) -> String {
    if measure == 0 { format!("{:.2}", 100.0 * value) } else { format!("{value:.4}") }
}

/// The figures of the images as they are and of some shifts, and the best methods by shift.
fn print(by_method: &[(String, Vec<&Record>)]) {
    println!("\n| shift | method | error, % | NLL | ECE | Brier |\n|---|---|---|---|---|---|");
    let shifts = all_shifts();
    let some = [0, 30, 60, 90, 180].map(Shift::Rotation).into_iter().chain([2, 4, 8, 14].map(Shift::Translation));
    for shift in some {
        let Some(row) = shifts.iter().position(|known| *known == shift) else { continue };
        for (method, records) in by_method {
            let of = means(records)[row];
            let figures: Vec<String> = (0..4).map(|measure| shown(measure, of[measure])).collect();
            println!("| {} | `{method}` | {} |", named(shift), figures.join(" | "));
        }
    }
    let records: Vec<Vec<&Record>> = by_method.iter().map(|(_, records)| records.clone()).collect();
    println!("\n| shift | least error | least NLL | least ECE | least Brier |\n|---|---|---|---|---|");
    for (row, shift) in shifts.iter().enumerate() {
        let names = [0, 1, 2, 3].map(|measure| {
            let names: Vec<&str> =
                best(&records, row, measure).into_iter().map(|index| by_method[index].0.as_str()).collect();
            names.join(", ")
        });
        println!("| {} | {} |", named(*shift), names.join(" | "));
    }
}

fn named(shift: Shift) -> String {
    match shift {
        Shift::Rotation(degrees) => format!("{degrees}°"),
        Shift::Translation(pixels) => format!("{pixels} px"),
    }
}

/// Each measure by the degrees of the rotation and by the pixels of the translation, a line for each method.
fn picture(by_method: &[(String, Vec<&Record>)]) -> Picture {
    let shifts = all_shifts();
    let chart = |rotation: bool, measure: usize| {
        let (title, unit) = if rotation { ("rotated", "degrees") } else { ("translated", "pixels") };
        let chart = Chart::new(&format!("{} of {title} images", MEASURES[measure])).x(unit).y(MEASURES[measure]);
        by_method.iter().enumerate().fold(chart, |chart, (index, (method, records))| {
            let of = means(records);
            // The images as they are stand for a translation by 0.
            let is_shown = |shift: &Shift| shift.is_rotation() == rotation || shift.amount() == 0;
            let at = shifts.iter().zip(&of).filter(|(shift, _)| is_shown(shift));
            let (x, y): (Vec<f64>, Vec<f64>) = at.map(|(shift, of)| (f64::from(shift.amount()), of[measure])).unzip();
            if index == 0 { chart.dashed(method, &x, &y) } else { chart.line(method, &x, &y) }
        })
    };
    Picture::of(
        [true, false]
            .into_iter()
            .flat_map(|rotation| (0..4).map(move |measure| (rotation, measure)))
            .map(|(rotation, measure)| chart(rotation, measure)),
    )
}
