//! From a table to predictions that say how sure they are, without writing a program.
//!
//! ```text
//! cargo run --release --bin tabular -- fit houses.csv --target price
//! cargo run --release --bin tabular -- predict houses-model new.csv
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use elbo::{Budget, Epochs, UntilConverged, with_threads};
use elbo_examples::cli::{integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::tabular::{self, Family, FitOptions, Fitted, Prediction, Reading, Saved, Scores, Target, Text};
use serde_json::json;

/// Fits a Bayesian model to a table (CSV), and predicts the rows of other tables with intervals or class probabilities, both kinds of
/// uncertainty, and a word on rows that are unlike the training data.
#[derive(Parser)]
#[command(name = "tabular", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fits a model: finds what the columns and the target are, compares likelihoods and networks, and writes the best
    Fit(Fit),
    /// Predicts the rows of a table that has the columns of the training data, in any order
    Predict(Predict),
}

#[derive(Args)]
struct Fit {
    /// The table: CSV with a header, plain or gzip; cells separated by , ; | or tabs
    table: PathBuf,

    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,

    /// Another table with the same columns, to test the model on
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,

    /// The folder for the model and report.html [default: the table's name and -model]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// The distribution of the target given the inputs [default: compares those that may fit]
    #[arg(long, value_name = "NAME")]
    likelihood: Option<Family>,

    /// A column to leave out; may be given several times
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    /// A column of names even if these are numbers, such as postal codes; may be given several times
    #[arg(long, value_name = "COLUMN")]
    category: Vec<String>,

    /// A text that stands for a missing value, besides an empty cell, ?, NA, N/A, NaN and null; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    missing: Vec<String>,

    /// The file has no header; columns are named by their numbers, from 1
    #[arg(long)]
    no_header: bool,

    /// The share of the targets that intervals and sets of classes contain
    #[arg(long, value_name = "LEVEL", default_value_t = 0.9, value_parser = positive)]
    level: f64,

    /// Draws of the weights that a prediction is averaged over
    #[arg(long, value_name = "N", default_value = "256", value_parser = integer::<2>)]
    draws: usize,

    /// Passes over the rows in each training [default: until the bound has converged]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct Predict {
    /// The folder that `fit` has written
    model: PathBuf,

    /// The table
    table: PathBuf,

    /// The file for the predictions [default: the table's name and -predictions.csv]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    exit(match Options::parse().command {
        Command::Fit(options) => fit(&options),
        Command::Predict(options) => predict(&options),
    })
}

/// The file of this name beside a table.
fn beside(table: &Path, end: &str) -> PathBuf {
    let name = table.file_name().map_or_else(|| "table".into(), |name| name.to_string_lossy());
    let stem = name.trim_end_matches(".gz").trim_end_matches(".csv");
    table.with_file_name(format!("{stem}{end}"))
}

fn fit(options: &Fit) -> Result<(), Failure> {
    let start = Instant::now();
    if options.level >= 1.0 {
        return Err(Failure::Input(format!("'--level {}' must be below 1", options.level)));
    }
    let reading = Reading {
        ignore: options.ignore.clone(),
        categories: options.category.clone(),
        missing: options.missing.clone(),
        no_header: options.no_header,
    };
    let text = Text::read(&options.table, !options.no_header)?;
    let test = options.test.as_ref().map(|file| Text::read(file, !options.no_header)).transpose()?;
    let choices = FitOptions {
        likelihood: options.likelihood,
        level: options.level,
        draws: options.draws,
        seed: options.seed,
        threads: threads(options.threads),
        budget: options.epochs.map_or(UntilConverged::new().into(), |epochs| Budget::from(Epochs(epochs))),
    };
    println!("Fitting {} from {}: takes a minute or a few.", options.target, options.table.display());
    let fitted = tabular::fit(&text, &options.target, &reading, &choices)?;
    let folder = options.out.clone().unwrap_or_else(|| beside(&options.table, "-model"));
    fitted.saved.write(&folder)?;
    let report = folder.join("report.html");
    fitted.write_report(&format!("{} of {}", options.target, options.table.display()), &report)?;
    let tested = test.as_ref().map(|text| with_threads(choices.threads, || fitted.test(text))).transpose()?;
    describe(&fitted, options);
    if let Some(scores) = &tested {
        show(&format!("{} rows of the test table", scores.rows), scores, options, &fitted);
    }
    println!(
        "\nThe model and {} are written. For new rows: tabular predict {} new.csv",
        report.display(),
        folder.display()
    );
    println!("{}", fitted.verdict);
    let Some(file) = &options.json else { return Ok(()) };
    let json = json!({
        "likelihood": fitted.compared[0].candidate.family, "hidden": fitted.compared[0].candidate.hidden,
        "compared": fitted.compared, "scores": fitted.scores, "test": tested, "verdict": fitted.verdict,
        "left_out": fitted.left_out, "importance": fitted.importance, "seconds": start.elapsed().as_secs_f64(),
    });
    std::fs::write(file, format!("{json:#}\n"))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

/// Says what was found.
fn describe(fitted: &Fitted, options: &Fit) {
    for column in &fitted.left_out {
        println!("{column}");
    }
    if fitted.without_target > 0 {
        println!("{} rows have no {} and are left out", fitted.without_target, options.target);
    }
    let what = match &fitted.target.0 {
        Target::Classes(names) => format!("{} classes ({})", names.len(), names.join(", ")),
        Target::Counts => "counts".to_owned(),
        Target::Numbers { .. } => "numbers".to_owned(),
    };
    println!("{} is taken for {what}: {}", options.target, fitted.target.1);
    println!("\n{:<44} {:>18}", "compared on rows not trained on", "NLL, nats per row");
    for (place, of) in fitted.compared.iter().enumerate() {
        let mark = if place == 0 { "  taken" } else { "" };
        println!("{:<44} {:>10.4} ± {:.4}{mark}", of.candidate.to_string(), of.nll, of.standard_error);
    }
    show(
        &format!("{} rows, each predicted by a training without it", fitted.scores.rows),
        &fitted.scores,
        options,
        fitted,
    );
    let shown = fitted.importance.iter().filter(|(_, nats)| *nats > 0.0).take(5);
    let important: Vec<String> = shown.map(|(name, nats)| format!("{name} ({nats:.3})")).collect();
    println!("\nWhat matters most, in nats per row: {}", important.join(", "));
}

/// Prints scores.
fn show(title: &str, scores: &Scores, options: &Fit, fitted: &Fitted) {
    let is_of_classes = fitted.compared[0].candidate.family.is_of_classes();
    let (error, own, within, size) = match is_of_classes {
        true => ("wrong, share", "calibration error", "in sets", "classes in a set"),
        false => ("RMSE", "in its own intervals", "in intervals", "width of an interval"),
    };
    println!("\n{title:<56} {:>10} {:>10}", "model", "guessing");
    println!("  {:<54} {:>10.4} {:>10.4}", "NLL, nats per row", scores.nll, scores.guess);
    println!("  {error:<54} {:>10.4} {:>10.4}", scores.error, scores.guess_error);
    println!("  {own:<54} {:>10.4}", scores.own);
    println!("  {:<54} {:>10.4}", format!("{within}, share ({} is asked for)", options.level), scores.coverage);
    println!("  {size:<54} {:>10.4}", scores.size);
}

fn predict(options: &Predict) -> Result<(), Failure> {
    let saved = Saved::read(&options.model)?;
    let text = Text::read(&options.table, saved.has_header())?;
    let predictions = with_threads(threads(options.threads), || tabular::predict(&saved, &text))?;
    let file = options.out.clone().unwrap_or_else(|| beside(&options.table, "-predictions.csv"));
    std::fs::write(&file, predictions.csv())
        .map_err(|error| Failure::Run(format!("cannot write {}: {error}", file.display()).into()))?;
    let rows = predictions.lines.len();
    println!("{rows} rows are predicted in {}", file.display());
    if !predictions.not_used.is_empty() {
        println!("columns that the model does not use: {}", predictions.not_used.join(", "));
    }
    if let Prediction::Numbers(_) = predictions.prediction {
        println!(
            "intervals contain {:.0} % of the targets of rows like the training data",
            100.0 * predictions.level()
        );
    }
    println!("{} rows are unlike the training data; the column unlike_training says why", predictions.unlike());
    Ok(())
}
