//! Markov chains of a logistic regression whose posterior is known: the German credit data.
//!
//! ```text
//! cargo run --release --bin credit
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo::prelude::*;
use elbo::{Chains, Mclmc, McmcError, Nuts};
use elbo_examples::cli::{integer, threads};
use elbo_examples::failure::{Failure, exit};
use serde_json::{Value, json};

const DATA: &str = include_str!("../../data/german-credit.csv");
const POSTERIOR: &str = include_str!("../../data/german-credit-posterior.json");

/// Samples the 25 weights of a logistic regression under N(0, 1) on the German credit data (1,000 rows, 24 standardised inputs),
/// and compares their means and standard deviations with those of long runs of Stan.
#[derive(Parser)]
#[command(name = "credit", version)]
struct Options {
    /// The sampler
    #[arg(long, value_name = "NAME", default_value = "nuts")]
    sampler: Sampler,

    /// Chains
    #[arg(long, value_name = "N", default_value = "4", value_parser = integer::<1>)]
    chains: usize,

    /// Transitions of each chain before the first draw [default: 500; mclmc: 2,000]
    #[arg(long, value_name = "N")]
    warmup: Option<usize>,

    /// Draws of each chain [default: 2,500; mclmc: 40,000]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    draws: Option<usize>,

    /// Seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Write the chains to this file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Sampler {
    /// The no-U-turn sampler
    Nuts,
    /// The same with a diagonal mass matrix
    Diagonal,
    /// Unadjusted microcanonical Langevin Monte Carlo
    Mclmc,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let data = data()?;
    let model = Dense::new(24, 1);
    let start = Instant::now();
    let chains = sample(options, &model, &data)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(file) = &options.write {
        chains.write(file).map_err(|error| Failure::Run(error.into()))?;
    }
    let diagnostics = chains.diagnose();
    print!("{diagnostics}");

    let posterior: Value = serde_json::from_str(POSTERIOR).map_err(|error| Failure::Run(error.into()))?;
    let number = |key: &str, i: usize| posterior[key][i].as_f64().unwrap_or(f64::NAN);
    let (mut of_means, mut of_sds, mut ess) = (0.0_f64, 0.0_f64, f64::INFINITY);
    for (i, element) in diagnostics.elements.iter().enumerate() {
        let (mean, sd) = (number("mean", i), number("sd", i));
        of_means = of_means.max((element.mean - mean).abs() / sd);
        of_sds = of_sds.max((element.sd / sd - 1.0).abs());
        ess = ess.min(element.ess_bulk);
    }
    let gradients: usize = chains.chains().iter().map(|chain| chain.gradients).sum();
    println!("worst mean: {of_means:.4} reference sds off; worst sd: {:.2} % off", 100.0 * of_sds);
    println!(
        "{gradients} gradients in {seconds:.2} s ({:.1} microseconds each); smallest ESS {ess:.0}, {:.0} in a second",
        1e6 * seconds / gradients as f64,
        ess / seconds
    );
    if let Some(file) = &options.json {
        let figures = json!({
            "mean_error_in_sds": of_means, "sd_error": of_sds, "seconds": seconds, "gradients": gradients, "ess_bulk": ess,
            "divergences": diagnostics.divergences, "is_good": diagnostics.is_good(),
        });
        std::fs::write(file, format!("{figures:#}\n"))
            .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))?;
    }
    Ok(())
}

fn sample<'m>(
    options: &Options,
    model: &'m Dense,
    data: &Examples<f32, Tensor>,
) -> Result<Chains<&'m Dense>, McmcError> {
    let threads = threads(options.threads);
    match options.sampler {
        Sampler::Mclmc => Mclmc::new(Bernoulli)
            .chains(options.chains)
            .warmup(options.warmup.unwrap_or(2_000))
            .draws(options.draws.unwrap_or(40_000))
            .seed(options.seed)
            .threads(threads)
            .run(model, data),
        sampler => {
            let nuts = Nuts::new(Bernoulli)
                .chains(options.chains)
                .warmup(options.warmup.unwrap_or(500))
                .draws(options.draws.unwrap_or(2_500))
                .seed(options.seed)
                .threads(threads);
            if sampler == Sampler::Diagonal { nuts.diagonal().run(model, data) } else { nuts.run(model, data) }
        }
    }
}

/// Inputs with mean 0 and standard deviation 1, and whether the credit was bad.
fn data() -> Result<Examples<f32, Tensor>, Failure> {
    let rows: Vec<Vec<f64>> = DATA
        .lines()
        .map(|line| line.split(',').map(|number| number.trim().parse::<f64>()).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Run(error.into()))?;
    let mut x = Tensor::from_fn([rows.len(), 24], |i| rows[i / 24][i % 24]);
    elbo::data::Scaling::fit(&x).transform(&mut x);
    let y = Tensor::from_fn([rows.len(), 1], |row| f64::from(rows[row][24] == 2.0));
    Ok(Examples::new(x, y)?)
}
