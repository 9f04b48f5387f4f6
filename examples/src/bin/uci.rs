//! Nine regression sets in their standard splits, by several methods, beside published results.
//!
//! ```text
//! cargo run --release --bin uci -- --sets concrete,yacht --methods vi,laplace --resume uci-results
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo_examples::cli::{data_folder, integer, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::parallel::in_parallel;
use elbo_examples::records::Records;
use elbo_examples::uci::{Archive, Fit, Method, Record, Set, compare, rows, write, write_choice, write_json};

/// Trains networks with one hidden layer of 50 rectified units (protein 100), and prints RMSE and test log-likelihood in the
/// target's unit, as means with standard errors over the splits, beside published results. The data are in uci/standard.tar.gz
/// below the folder of the data; docs/tables.md has the results.
#[derive(Parser)]
#[command(name = "uci", version)]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Data sets [default: all but airfoil]
    #[arg(long, value_name = "SETS", value_delimiter = ',')]
    sets: Vec<Set>,

    /// Methods [default: all]
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    methods: Vec<Method>,

    /// The first N splits only [default: all, 20 or 5]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    splits: Option<usize>,

    /// Steps of a training; chains take a fiftieth as many transitions to adapt, and as many draws each [default: by method, as
    /// --choose chose it]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    steps: Option<usize>,

    /// The most rows of a batch
    #[arg(long, value_name = "N", default_value = "1024", value_parser = integer::<1>)]
    batch: usize,

    /// One split and 1,000 steps
    #[arg(long, conflicts_with_all = ["splits", "steps"])]
    short: bool,

    /// Compare numbers of steps by the log-likelihood of the last fifth of split 0's training rows, which are left out of training;
    /// test rows are not read. Chains take no part
    #[arg(long, conflicts_with_all = ["splits", "steps", "short", "json"])]
    choose: bool,

    /// Keep the result of every fit in this folder, and do not repeat those that are there
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,

    /// Fit nothing: print the results that are in the folder of --resume
    #[arg(long, requires = "resume")]
    saved: bool,

    /// Fits at a time, each on one thread [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write rows and single results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let folder = data_folder(options.data.as_deref())?;
    let archive = Archive::read(&folder)?;
    let standard = Set::value_variants().iter().copied().filter(|set| set.is_standard());
    let sets = if options.sets.is_empty() { standard.collect() } else { options.sets.clone() };
    let methods = if options.methods.is_empty() { Method::value_variants() } else { &options.methods };
    let batch = options.batch;
    let mut fits = Vec::new();
    for set in sets {
        let splits = if options.short || options.choose { Some(1) } else { options.splits };
        for split in 0..splits.map_or(set.splits(), |most| most.min(set.splits())) {
            for &method in methods.iter().filter(|method| method.suits(set)) {
                let fit = |steps, held_out| Fit { set, split, method, steps, batch, held_out };
                match options.choose {
                    true if method == Method::Nuts => {}
                    true => fits.extend(CANDIDATES.map(|steps| fit(steps, true))),
                    false => {
                        let steps = if options.short { Some(1000) } else { options.steps };
                        fits.push(fit(steps.unwrap_or(method.steps()), false));
                    }
                }
            }
        }
    }
    let (kept, clock) = (Records::new("--resume", options.resume.as_deref()), Instant::now());
    let threads = threads(options.threads);
    let records =
        in_parallel(threads, &fits, |fit| match kept.find(&fit.name(), |record: &Record| record.fit == *fit)? {
            Some(record) => Ok(Some(record)),
            None if options.saved => Ok(None),
            None => run_fit(&archive, *fit, kept).map(Some),
        })?;
    let records: Vec<Record> = records.into_iter().flatten().collect();
    if options.choose {
        print!("{}", write_choice(&records, &CANDIDATES));
    } else {
        let rows = rows(&records);
        print!("{}\n{}", write(&rows), compare(&rows));
    }
    let fitted: f64 = records.iter().map(|record| record.seconds).sum();
    println!(
        "\n{} fits of {fitted:.0} s on one thread; this run took {:.0} s",
        records.len(),
        clock.elapsed().as_secs_f64()
    );
    options.json.as_deref().map_or(Ok(()), |file| write_json(&records, file))
}

/// Numbers of steps that `--choose` compares.
const CANDIDATES: [usize; 4] = [300, 1000, 3000, 10_000];

/// Fits, saves the record and prints it.
fn run_fit(archive: &Archive, fit: Fit, kept: Records<'_>) -> Result<Record, Failure> {
    let (split, start) = (archive.split(fit.set, fit.split, fit.held_out)?, Instant::now());
    let scores = fit.run(&split)?;
    let record = Record { fit, scores, seconds: start.elapsed().as_secs_f64() };
    kept.save(&fit.name(), &record)?;
    eprintln!(
        "{} {} {}: RMSE {:.4}, log-likelihood {:.3}, {:.1} s",
        fit.set.name(),
        fit.split,
        fit.method.name(),
        scores.rmse,
        scores.log_likelihood,
        record.seconds
    );
    Ok(record)
}
