//! Markov chains of posteriordb's two Bayesian networks, which have no reference draws, to the verdict of the diagnostics.
//!
//! ```text
//! cargo run --release --bin posteriordb -- --data DIR --draws-file draws.safetensors --checkpoints FOLDER
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo::prelude::*;
use elbo::{Chains, Nuts};
use elbo_examples::cli::{data_folder, integer, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::posteriordb::{Network, Quantity, images, log_density, quantities};
use serde_json::{Value, json};

/// Test images, as in posteriordb's `mnist_100`.
const TEST_ROWS: usize = 100;

/// Samples the weights of a Bayesian network of posteriordb on raw pixels of MNIST by NUTS with a diagonal mass matrix, and prints the
/// verdict of the diagnostics three times: on the weights, on quantities that do not depend on the order and the signs of hidden
/// units (with the log-density), and on the predictions for 100 test images.
#[derive(Parser)]
#[command(name = "posteriordb", version)]
#[command(
    after_help = "Exit codes: 0 success, whatever the verdict; 1 sampling or writing failed; 2 invalid options or data."
)]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The posterior
    #[arg(long, value_name = "NAME", default_value = "mnist_100-nn_rbm1bJ10")]
    posterior: Name,

    /// Short chains, for a run of less than a minute
    #[arg(long)]
    short: bool,

    /// Chains [default: 4; short: 2]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    chains: Option<usize>,

    /// Transitions of each chain before the first draw [default: 1000; short: 50]
    #[arg(long, value_name = "N", value_parser = integer::<0>)]
    warmup: Option<usize>,

    /// Draws of each chain [default: 1000; short: 20]
    #[arg(long, value_name = "N", value_parser = integer::<4>)]
    draws: Option<usize>,

    /// The largest depth of a tree: a draw takes at most 2^depth − 1 gradients [default: 10; short: 6]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    max_depth: Option<usize>,

    /// The mean acceptance, between 0 and 1, to which the step size is adapted
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    target_acceptance: f64,

    /// Training images, the first of MNIST [default: those of the posterior, 100 or 60000]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    rows: Option<usize>,

    /// Seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the draws do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Save the chains in this folder every 10 draws, and go on from what is there
    #[arg(long, value_name = "FOLDER")]
    checkpoints: Option<PathBuf>,

    /// Write the draws to this file, as safetensors for ArviZ (see docs/chains.md), and beside it how they were made and the verdict,
    /// with the extension json
    #[arg(long, value_name = "FILE")]
    draws_file: Option<PathBuf>,

    /// Also write the settings, the verdict and the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Name {
    /// 10 hidden units, the first 100 training images: 7,951 weights
    #[value(name = "mnist_100-nn_rbm1bJ10")]
    Hidden10,
    /// 100 hidden units, all 60,000 training images: 79,411 weights, and seconds for a gradient
    #[value(name = "mnist-nn_rbm1bJ100")]
    Hidden100,
}

impl Name {
    /// Hidden units and training images.
    fn sizes(self) -> [usize; 2] {
        match self {
            Name::Hidden10 => [10, 100],
            Name::Hidden100 => [100, 60_000],
        }
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let acceptance = options.target_acceptance;
    if !(acceptance > 0.0 && acceptance < 1.0) {
        return Err(Failure::Input(format!("--target-acceptance {acceptance}: it must be above 0 and below 1")));
    }
    let folder = data_folder(options.data.as_deref())?;
    let [hidden, rows] = options.posterior.sizes();
    let train = images(&folder, "train", options.rows.unwrap_or(rows))?;
    let test = images(&folder, "t10k", TEST_ROWS)?;
    let network = Network::new(train.inputs().shape()[1], hidden);
    let chosen = |given: Option<usize>, full, short| given.unwrap_or(if options.short { short } else { full });
    let (chains, warmup) = (chosen(options.chains, 4, 2), chosen(options.warmup, 1000, 50));
    let (draws, max_depth) = (chosen(options.draws, 1000, 20), chosen(options.max_depth, 10, 6));
    let start: Vec<_> = (0..chains).map(|chain| network.start(options.seed, chain)).collect();
    let clock = Instant::now();
    let (at_start, _) = log_density(&network, &train, &start[0]);
    eprintln!(
        "log density {at_start:.1} at the start of chain 0, a gradient in {:.1e} s",
        clock.elapsed().as_secs_f64()
    );
    let mut nuts = Nuts::new(Categorical)
        .diagonal()
        .chains(chains)
        .warmup(warmup)
        .draws(draws)
        .max_depth(max_depth)
        .target_acceptance(acceptance)
        .seed(options.seed)
        .threads(threads(options.threads))
        .start_from(start);
    if let Some(folder) = &options.checkpoints {
        nuts = nuts.checkpoint(folder, 10);
    }
    let clock = Instant::now();
    let sampled = nuts.run(&network, &train)?;
    let seconds = clock.elapsed().as_secs_f64();

    let how = json!({
        "posterior": options.posterior.to_possible_value().map(|value| value.get_name().to_owned()),
        "program": format!("elbo {} posteriordb", env!("CARGO_PKG_VERSION")), "sampler": "NUTS, diagonal mass matrix",
        "training_images": train.len(), "hidden_units": hidden, "chains": chains, "warmup": warmup, "draws": draws,
        "max_depth": max_depth, "target_acceptance": acceptance, "seed": options.seed,
        "checkpoints": options.checkpoints.is_some(),
    });
    let report = report(&sampled, &network, [&train, &test], how, seconds);
    if let Some(file) = &options.draws_file {
        sampled.write(file).map_err(|error| Failure::Run(format!("--draws-file: {error}").into()))?;
        write("--draws-file", &file.with_extension("json"), &report)?;
    }
    options.json.as_deref().map_or(Ok(()), |file| write("--json", file, &report))
}

fn write(option: &str, file: &Path, value: &Value) -> Result<(), Failure> {
    std::fs::write(file, format!("{value:#}\n"))
        .map_err(|error| Failure::Run(format!("{option}: cannot write {}: {error}", file.display()).into()))
}

/// Prints the verdicts, and returns them with how the draws were made.
fn report(sampled: &Chains<&Network>, network: &Network, data: [&Examples<f64>; 2], how: Value, seconds: f64) -> Value {
    let diagnostics = sampled.diagnose();
    let [invariant, predicted] = quantities(network, data, sampled.all_weights(), sampled.draws_per_chain());
    println!("| quantity | mean | sd | R̂ | bulk ESS | tail ESS |\n|---|---|---|---|---|---|");
    for of in &invariant {
        let Quantity { name, mean, sd, r_hat, ess_bulk, ess_tail, .. } = of;
        println!("| {name} | {mean:.4} | {sd:.4} | {r_hat:.3} | {ess_bulk:.0} | {ess_tail:.0} |");
    }
    let count = |name: &str, of: &[Quantity]| -> Value {
        let good = of.iter().filter(|of| of.is_good()).count();
        let numbers = |of: &Quantity| [of.r_hat, of.ess_bulk, of.ess_tail];
        let is_known = of.iter().flat_map(numbers).all(|number| !number.is_nan());
        let known = |number: f64| if is_known { number } else { f64::NAN };
        let r_hat = known(of.iter().map(|of| of.r_hat).fold(0.0, f64::max));
        let ess = known(of.iter().map(|of| of.ess_bulk.min(of.ess_tail)).fold(f64::INFINITY, f64::min));
        let verdict = if good == of.len() { "passed" } else { "failed" };
        println!("{name}: {verdict}: {good} of {} passed; largest R̂ {r_hat:.3}, smallest ESS {ess:.0}", of.len());
        json!({ "passed": good, "of": of.len(), "largest_r_hat": r_hat, "smallest_ess": ess })
    };
    println!();
    let elements = &diagnostics.elements;
    let agreeing = elements.iter().filter(|of| of.r_hat <= 1.01).count();
    println!("weights: {agreeing} of {} have an R̂ of at most 1.01", elements.len());
    let (of_invariant, of_predicted) = (count("invariant quantities", &invariant), count("predictions", &predicted));
    let chains = sampled.chains();
    let gradients: usize = chains.iter().map(|chain| chain.gradients).sum();
    println!(
        "{} divergences, {} of {} trees at the largest depth, E-BFMI {:.2?}; {gradients} gradients in {seconds:.0} s",
        diagnostics.divergences, diagnostics.saturated, diagnostics.draws, diagnostics.e_bfmi
    );
    let findings = diagnostics.findings();
    println!("the library's verdict: {}", if findings.is_empty() { "the draws can be used" } else { "not to be used" });
    findings.iter().for_each(|finding| println!("- {finding}"));
    json!({
        "how": how, "seconds": seconds, "gradients": gradients, "is_good": diagnostics.is_good(), "findings": findings,
        "divergences": diagnostics.divergences, "saturated": diagnostics.saturated, "e_bfmi": diagnostics.e_bfmi,
        "step_sizes": chains.iter().map(|chain| chain.step_size).collect::<Vec<_>>(),
        "weights": { "r_hat_at_most_1.01": agreeing, "of": elements.len() },
        "invariant": of_invariant, "predictions": of_predicted, "quantities": invariant,
    })
}
