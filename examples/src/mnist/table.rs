//! `mnist --table`: networks of several sizes under two priors, beside the figures of Blundell et al. 2015.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use elbo::data::Examples;

use super::training::{Data, Network, Prior, Record, SHARES, Settings};
use crate::Failure;
use crate::cli::{integer, positive, threads};
use crate::parallel::in_parallel;
use crate::records::Records;

/// Trains networks with two hidden layers of rectified units on 50,000 digits of MNIST, as in Blundell et al. 2015, section 5.1: by
/// Adam, one draw of the weights for each batch of 128, without augmentation. It prints error, NLL and ECE of predictions averaged
/// over posterior draws, means over the seeds with their standard errors, beside the published errors, and errors without the
/// weights of the least |μ|/σ. The next 10,000 training images are for choices. Each network is trained on one thread, several at a
/// time; with --records, a run that was stopped goes on where it was.
#[derive(Parser)]
#[command(name = "mnist --table", bin_name = "mnist --table", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
pub struct Options {
    /// The folder of the four IDX files [default: $ELBO_DATA/mnist]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Print this table
    #[arg(long, required = true)]
    table: bool,

    /// Small defaults, for a run of about a minute
    #[arg(long)]
    short: bool,

    /// Units in each of the two hidden layers [default: 400,800,1200; short: 50]
    #[arg(long, value_name = "UNITS", value_delimiter = ',', value_parser = integer::<1>)]
    hidden: Vec<usize>,

    /// The priors of every weight and bias
    #[arg(long, value_name = "PRIORS", value_delimiter = ',', default_value = "normal,mixture")]
    priors: Vec<Prior>,

    /// Standard deviations of every weight before training
    #[arg(long, value_name = "SDS", value_delimiter = ',', default_value = "0.0067", value_parser = positive)]
    initial_sd: Vec<f64>,

    /// Number of seeds, starting at 1 [default: 3; short: 1]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    seeds: Option<usize>,

    /// Passes over the training images [default: 100; short: 10]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Images in a batch
    #[arg(long, value_name = "N", default_value = "128", value_parser = integer::<1>)]
    batch: usize,

    /// Adam's learning rate, which a cosine schedule brings to 0
    #[arg(long, value_name = "RATE", default_value = "1e-3", value_parser = positive)]
    lr: f64,

    /// The standard deviation of the normal prior
    #[arg(long, value_name = "SD", default_value = "0.1", value_parser = positive)]
    prior_sd: f64,

    /// The share of the wide normal in the mixture
    #[arg(long, value_name = "SHARE", default_value = "0.25", value_parser = share)]
    share: f64,

    /// The standard deviations of the mixture, the wide one and the narrow one
    #[arg(long, value_name = "SD", num_args = 2, value_delimiter = ',', default_values = ["1", "0.0025"],
          value_parser = positive)]
    mixture_sd: Vec<f64>,

    /// Draws that a prediction is averaged over [default: 100; short: 10]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    draws: Option<usize>,

    /// Number of networks that are trained at the same time [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Keep the figures of each network in this folder, with checkpoints of those that are trained, and take what is there
    #[arg(long, value_name = "FOLDER")]
    records: Option<PathBuf>,

    /// Only print what is in the folder of --records
    #[arg(long, requires = "records")]
    saved: bool,

    /// Also write the records to this file, as JSON: a list of {network, settings, seconds, kl, mean_sd, validation, test,
    /// error_of_means, pruned}; errors are shares from 0 to 1, `pruned` are errors without 50, 75, 95 and 98 % of the weights
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Parses a share between 0 and 1.
fn share(text: &str) -> Result<f64, String> {
    positive(text).ok().filter(|share| *share < 1.0).ok_or_else(|| "expected a number between 0 and 1".to_owned())
}

/// Trains what is not among the records, and prints the table.
///
/// # Errors
/// If there are no data, a record is of other settings, training fails, or results cannot be written.
pub fn run(options: &Options) -> Result<(), Failure> {
    let chosen = |given: Option<usize>, full, short| given.unwrap_or(if options.short { short } else { full });
    let (rows, validation_rows) = if options.short { (10_000, 5_000) } else { (50_000, 10_000) };
    let settings = Settings {
        rows,
        validation_rows,
        epochs: chosen(options.epochs, 100, 10),
        batch: options.batch,
        rate: options.lr,
        draws: chosen(options.draws, 100, 10),
        sd: options.prior_sd,
        share: options.share,
        sds: [options.mixture_sd[0], options.mixture_sd[1]],
    };
    let sizes: &[usize] = match (&options.hidden[..], options.short) {
        ([], true) => &[50],
        ([], false) => &[400, 800, 1200],
        (given, _) => given,
    };
    let mut networks = Vec::new();
    for seed in 1..=chosen(options.seeds, 3, 1) as u64 {
        for (&units, &prior) in sizes.iter().flat_map(|units| options.priors.iter().map(move |prior| (units, prior))) {
            networks.extend(options.initial_sd.iter().map(|&initial_sd| Network { prior, units, initial_sd, seed }));
        }
    }
    let kept = Records::new("--records", options.records.as_deref());
    let (data, clock) = (read(options.data.as_deref(), &settings)?, Instant::now());
    let known = |network: &Network| {
        kept.find(&network.name(), |record: &Record| record.network == *network && record.settings == settings)
    };
    let records = in_parallel(threads(options.threads), &networks, |network| match known(network)? {
        Some(record) => Ok(Some(record)),
        None if options.saved => Ok(None),
        None => {
            let record = network.run(&data, &settings, kept)?;
            let (error, seconds) = (100.0 * record.test.error, record.seconds);
            eprintln!("{}: error {error:.2} %, {seconds:.0} s", network.name());
            Ok(Some(record))
        }
    })?;
    let records: Vec<Record> = records.into_iter().flatten().collect();
    print(&records);
    println!("\n{} networks; this run took {:.0} s", records.len(), clock.elapsed().as_secs_f64());
    let Some(file) = &options.json else { return Ok(()) };
    let json = serde_json::to_value(&records).map_err(|error| Failure::Run(error.into()))?;
    std::fs::write(file, format!("{json:#}\n"))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

/// The first images for training, the next ones for choices, and the test images.
fn read(folder: Option<&Path>, settings: &Settings) -> Result<Data, Failure> {
    let folder = super::folder(folder, "mnist")?;
    let [train, test] = ["train", "t10k"].map(|part| super::load(&folder, part, "mnist"));
    let (train, test): (Examples, Examples) = (train?.examples(super::DIVISOR)?, test?.examples(super::DIVISOR)?);
    let end = settings.rows + settings.validation_rows;
    if train.len() < end {
        return Err(Failure::Input(format!("--data: {} training images, and {end} are needed", train.len())));
    }
    Ok(Data { validation: train.rows(settings.rows..end), train: train.rows(0..settings.rows), test })
}

/// The published test error in percent.
fn published(network: &Network) -> Option<f64> {
    match (network.prior, network.units) {
        (Prior::Normal, 400) => Some(1.82),
        (Prior::Normal, 800) => Some(1.99),
        (Prior::Normal, 1200) => Some(2.04),
        (Prior::Mixture, 400) => Some(1.36),
        (Prior::Mixture, 800) => Some(1.34),
        (Prior::Mixture, 1200) => Some(1.32),
        _ => None,
    }
}

/// The published test errors in percent of 1,200 units under the mixture, whole and pruned by [`SHARES`].
const PUBLISHED_PRUNED: [f64; 5] = [1.24, 1.24, 1.24, 1.29, 1.39];

/// Records of the same network with different seeds, in the order of the first ones.
fn by_network(records: &[Record]) -> Vec<Vec<&Record>> {
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let is_same =
            |group: &&mut Vec<&Record>| Network { seed: record.network.seed, ..group[0].network } == record.network;
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

/// The mean and its standard error, which is not known for one value.
fn mean(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (n > 1.0).then(|| (variance / n).sqrt()))
}

fn print(records: &[Record]) {
    let groups = by_network(records);
    println!(
        "| prior | units | σ at the start | error, % | published | NLL | ECE | mutual information | error of the means, % | \
         validation error, % | mean σ | KL | seeds | seconds |\n|{}",
        "---|".repeat(14)
    );
    for group in &groups {
        let network = group[0].network;
        let of = |figure: &dyn Fn(&Record) -> f64| mean(&group.iter().map(|record| figure(record)).collect::<Vec<_>>());
        let percent = |figure: &dyn Fn(&Record) -> f64| {
            let (mean, error) = of(&|record| 100.0 * figure(record));
            error.map_or(format!("{mean:.2}"), |error| format!("{mean:.2} ± {error:.2}"))
        };
        println!(
            "| {} | {} | {} | {} | {} | {:.4} | {:.4} | {:.4} | {} | {} | {:.4} | {:.0} | {} | {:.0} |",
            network.prior.name(),
            network.units,
            network.initial_sd,
            percent(&|record| record.test.error),
            published(&network).map_or_else(String::new, |error| format!("*{error:.2}*")),
            of(&|record| record.test.nll).0,
            of(&|record| record.test.ece).0,
            of(&|record| record.test.mutual_information).0,
            percent(&|record| record.error_of_means),
            percent(&|record| record.validation.error),
            of(&|record| record.mean_sd).0,
            of(&|record| record.kl).0,
            group.len(),
            of(&|record| record.seconds).0,
        );
    }
    let shares = SHARES.map(|share| format!("{:.0} % removed", 100.0 * share)).join(" | ");
    println!("\n| prior | units | σ at the start | error, % | {shares} |\n|{}", "---|".repeat(8));
    for group in &groups {
        let network = group[0].network;
        let of = |figure: &dyn Fn(&Record) -> f64| {
            format!("{:.2}", mean(&group.iter().map(|record| 100.0 * figure(record)).collect::<Vec<_>>()).0)
        };
        let pruned: Vec<String> = (0..SHARES.len()).map(|share| of(&|record| record.pruned[share])).collect();
        let (prior, units, sd) = (network.prior.name(), network.units, network.initial_sd);
        println!("| {prior} | {units} | {sd} | {} | {} |", of(&|record| record.test.error), pruned.join(" | "));
    }
    println!("| *mixture* | *1200* | | {} |", PUBLISHED_PRUNED.map(|error| format!("*{error:.2}*")).join(" | "));
}
