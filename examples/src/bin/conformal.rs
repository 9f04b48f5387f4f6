//! Conformal prediction: sets of digits, and intervals for a measure of diabetes, that cover as often as they say.
//!
//! ```text
//! cargo run --release --bin conformal -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::calibration::{ClassNonconformity, ConformalIntervals, ConformalSets, IntervalNonconformity};
use elbo::data::digits;
use elbo::metrics::{Mixture, Probabilities, SelectRows};
use elbo::prelude::*;
use elbo::with_threads;
use elbo_examples::cli::{integer, positive};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};
use elbo_examples::{Classifier, diabetes};

/// The table of Alpaydin and Kaynak 1998 (UCI), as scikit-learn ships it.
const TABLE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Trains a network on a quarter of the 1,797 digits and a linear model on half of the 442 rows of the diabetes data. The other rows
/// are split 200 times into two halves: one calibrates, and of the other it is counted how many labels are in their sets and how many
/// targets in their intervals, and how large these are, beside those of the model alone. Only the calibration is repeated, so the
/// spread over splits is that of the calibration.
#[derive(Parser)]
#[command(name = "conformal", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,

    /// The share of labels and targets that may be missed
    #[arg(long, value_name = "ALPHA", default_value_t = 0.1, value_parser = positive)]
    alpha: f64,

    /// The number of splits
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = integer::<1>)]
    splits: usize,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let (job, start) = (&options.job, Instant::now());
    if options.alpha >= 1.0 {
        return Err(Failure::Input(format!("'--alpha {}' must be below 1", options.alpha)));
    }
    let (numbers, targets) = numbers(job)?;
    let (predicted, labels) = classes(job)?;
    println!(
        "conformal: {} digits and {} rows of diabetes, split {} times in half, 1 − α = {}\n",
        labels.len(),
        numbers.len(),
        options.splits,
        1.0 - options.alpha
    );
    println!("| | covered, % | sd over splits | least of groups, % | size |\n|---|---|---|---|---|");
    let mut others = Vec::new();
    for (name, keys, score) in [
        ("digits: LAC", ["lac_coverage", "lac_size"], Some(ClassNonconformity::Lac)),
        ("digits: APS", ["aps_coverage", "aps_size"], Some(ClassNonconformity::Aps)),
        ("digits: RAPS", ["raps_coverage", "raps_size"], Some(ClassNonconformity::Raps { penalty: 0.1, free: 1 })),
        ("digits: most probable labels up to 1 − α", ["model_coverage", "model_size"], None),
    ] {
        let measured = splits(options, labels.len(), |split, held_out, test| {
            let (rows, of_rows) = (predicted.select(test), labels.select(test));
            let Some(score) = score else { return Ok(most_probable(&rows, &of_rows, options.alpha)) };
            let how = ConformalSets::new(score, options.alpha).randomised(Key::new(job.seed).draw(split)).allow_empty();
            let sets = how.fit(&predicted.select(held_out), &labels.select(held_out))?.predict(&rows);
            let groups = sets.coverage_by_group(&of_rows, &of_rows);
            Ok(Covered {
                coverage: sets.coverage(&of_rows),
                size: sets.mean_size(),
                groups: groups.iter().map(|of| of.coverage).collect(),
            })
        })?;
        others.extend(show(name, keys, &measured));
    }
    for (name, keys, score) in [
        (
            "diabetes: |y − mean|",
            ["residual_coverage", "residual_width"],
            Some(IntervalNonconformity::AbsoluteResidual),
        ),
        (
            "diabetes: |y − mean|/sd",
            ["by_sd_coverage", "by_sd_width"],
            Some(IntervalNonconformity::ByStandardDeviation),
        ),
        ("diabetes: quantiles", ["quantiles_coverage", "quantiles_width"], Some(IntervalNonconformity::Quantiles)),
        ("diabetes: the model's interval", ["interval_coverage", "interval_width"], None),
    ] {
        let measured = splits(options, numbers.len(), |_, held_out, test| {
            let (rows, y) = (numbers.select(test), targets.select(test));
            let Some(score) = score else {
                let level = 1.0 - options.alpha;
                return Ok(Covered {
                    coverage: rows.coverage(&y, level),
                    size: rows.interval_width(level),
                    groups: Vec::new(),
                });
            };
            let fitted = ConformalIntervals::new(score, options.alpha)
                .fit(&numbers.select(held_out), &targets.select(held_out))?;
            let intervals = fitted.predict(&rows);
            // The thirds of the predicted means.
            let mut sorted = rows.mean();
            sorted.sort_by(f64::total_cmp);
            let third = |mean: &f64| 3 * sorted.partition_point(|other| other < mean) / sorted.len();
            let groups = intervals.coverage_by_group(&y, &rows.mean().iter().map(third).collect::<Vec<_>>());
            Ok(Covered {
                coverage: intervals.coverage(&y),
                size: intervals.mean_width(),
                groups: groups.iter().map(|of| of.coverage).collect(),
            })
        })?;
        others.extend(show(name, keys, &measured));
    }
    println!("\nSizes are labels in a set, and the width of an interval in standard deviations of the targets.");
    let results = Results {
        test_nll: predicted.nll(&labels),
        baseline_nll: (digits::CLASSES as f64).ln(),
        score: ("test_error", predicted.error(&labels)),
        others,
    };
    job.report(&results, start)
}

/// What one split shows.
struct Covered {
    coverage: f64,
    size: f64,
    groups: Vec<f64>,
}

/// Measures each of the random splits of these rows.
fn splits(
    options: &Options,
    rows: usize,
    measure: impl Fn(usize, &[usize], &[usize]) -> Result<Covered, elbo::calibration::CalibrationError>,
) -> Result<Vec<Covered>, Failure> {
    let of_split = |split| {
        let mut noise = vec![0.0f64; rows];
        elbo::engine::random::normals(Key::new(options.job.seed).at("splits").draw(split), 0, &mut noise);
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| noise[a].total_cmp(&noise[b]));
        let (held_out, test) = order.split_at(rows / 2);
        measure(split, held_out, test).map_err(|error| Failure::Run(error.into()))
    };
    (0..options.splits).map(of_split).collect()
}

/// Prints a row of the table, and names its numbers.
fn show(name: &str, [coverage, size]: [&'static str; 2], measured: &[Covered]) -> [(&'static str, f64); 2] {
    let n = measured.len() as f64;
    let mean = |of: &dyn Fn(&Covered) -> f64| measured.iter().map(of).sum::<f64>() / n;
    let covered = mean(&|of| of.coverage);
    let sd = mean(&|of| (of.coverage - covered).powi(2)).sqrt();
    let groups = measured[0].groups.len();
    let least =
        (0..groups).map(|group| mean(&|of| of.groups.get(group).copied().unwrap_or(1.0))).fold(f64::INFINITY, f64::min);
    let least = if groups == 0 { String::new() } else { format!("{:.1}", 100.0 * least) };
    let mean_size = mean(&|of| of.size);
    println!("| {name} | {:.2} | {:.2} | {least} | {mean_size:.3} |", 100.0 * covered, 100.0 * sd);
    [(coverage, covered), (size, mean_size)]
}

/// The sets that one would take from the probabilities: the most probable labels, until they have 1 − α together.
fn most_probable(predicted: &Probabilities, labels: &[usize], alpha: f64) -> Covered {
    let (mut covered, mut size) = (0.0, 0.0);
    for (row, label) in labels.iter().enumerate() {
        let p = predicted.row(row);
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
        let mut sum = 0.0;
        let is_in = |class: &usize| {
            sum += p[*class];
            sum - p[*class] < 1.0 - alpha
        };
        let set: Vec<usize> = order.into_iter().take_while(is_in).collect();
        covered += f64::from(u8::from(set.contains(label)));
        size += set.len() as f64;
    }
    let n = labels.len() as f64;
    Covered { coverage: covered / n, size: size / n, groups: Vec::new() }
}

/// Predictions of three quarters of the digits, and their labels.
fn classes(job: &Job) -> Result<(Probabilities, Vec<usize>), Failure> {
    let images = digits::from_bytes("digits.csv.gz", TABLE)?;
    let (train, rest) = images.examples(16.0)?.split(0.25, job.seed)?;
    let mut model = Classifier::new([64, 32, digits::CLASSES], &Normal(0.0, 0.3));
    let mut elbo = Elbo::new(Categorical).seed(job.seed).threads(job.threads()).quiet();
    elbo.fit(&mut model, &train, Epochs(job.epochs(300)))?;
    let draws = Draws(job.draws).seed(job.seed);
    Ok((with_threads(job.threads(), || model.predict(&Categorical, rest.inputs(), draws)), rest.targets().clone()))
}

/// Predictions of half of the diabetes data, with a fixed noise level, and their targets, both standardised.
fn numbers(job: &Job) -> Result<(Mixture<Gaussian>, Tensor), Failure> {
    let (train, rest) = diabetes::standardised(job, 0.5)?;
    let mut model = Dense::new(train.inputs().shape()[1], 1);
    let likelihood = Gaussian::new(0.6);
    let mut elbo = Elbo::new(likelihood).seed(job.seed).threads(job.threads()).quiet();
    elbo.fit(&mut model, &train, Epochs(job.epochs(300)))?;
    let draws = Draws(job.draws).seed(job.seed);
    Ok((with_threads(job.threads(), || model.predict(&likelihood, rest.inputs(), draws)), rest.targets().clone()))
}
