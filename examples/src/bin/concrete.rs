//! Markov chains of a network: the strength of concrete (Yeh 1998), with one hidden layer.
//!
//! ```text
//! cargo run --release --bin concrete -- --folder DIR
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::Scaling;
use elbo::metrics::{ess_bulk, r_hat};
use elbo::prelude::*;
use elbo::{Nuts, with_threads};
use elbo_examples::cli::{integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use serde_json::json;

/// Samples the weights of a network with one hidden layer of tanh units under N(0, 1), with known noise, by NUTS, and reports the
/// error and the effective sample sizes of its outputs for the test rows of a standard split. Weights of a network have many
/// equivalent modes; its outputs can be compared.
#[derive(Parser)]
#[command(name = "concrete", version)]
struct Options {
    /// The folder with data.txt and index_{features,target,train_0,test_0,..}.txt
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,

    /// The split
    #[arg(long, value_name = "N", default_value = "0", value_parser = integer::<0>)]
    split: usize,

    /// Hidden units
    #[arg(long, value_name = "N", default_value = "50", value_parser = integer::<1>)]
    units: usize,

    /// Standard deviation of the noise, in standard deviations of the target
    #[arg(long, value_name = "SD", default_value = "0.3", value_parser = positive)]
    noise: f64,

    /// Chains
    #[arg(long, value_name = "N", default_value = "4", value_parser = integer::<1>)]
    chains: usize,

    /// Transitions of each chain before the first draw
    #[arg(long, value_name = "N", default_value = "500", value_parser = integer::<0>)]
    warmup: usize,

    /// Draws of each chain
    #[arg(long, value_name = "N", default_value = "500", value_parser = integer::<4>)]
    draws: usize,

    /// Adapt the diagonal of the mass matrix only
    #[arg(long)]
    diagonal: bool,

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

/// A network with one hidden layer and one output.
#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let [train, test] = data(&options.folder, options.split)?;
    let [x, y] = [Scaling::fit(train.inputs()), Scaling::fit(train.targets())];
    let scaled = |data: &Examples<f32, Tensor>| {
        let (mut inputs, mut targets) = (data.inputs().clone(), data.targets().clone());
        x.transform(&mut inputs);
        y.transform(&mut targets);
        Examples::new(inputs, targets)
    };
    let (train, scaled_test) = (scaled(&train)?, scaled(&test)?);
    let network =
        Network { hidden: Dense::new(train.inputs().shape()[1], options.units), head: Dense::new(options.units, 1) };
    let threads = threads(options.threads);
    let likelihood = Gaussian::new(options.noise);
    let nuts = Nuts::new(likelihood)
        .chains(options.chains)
        .warmup(options.warmup)
        .draws(options.draws)
        .seed(options.seed)
        .threads(threads);
    let start = Instant::now();
    let chains = if options.diagonal { nuts.diagonal().run(&network, &train)? } else { nuts.run(&network, &train)? };
    let seconds = start.elapsed().as_secs_f64();
    if let Some(file) = &options.write {
        chains.write(file).map_err(|error| Failure::Run(error.into()))?;
    }

    let predicted = with_threads(threads, || chains.predict(&likelihood, scaled_test.inputs()));
    // (draws, rows), chain after chain.
    let (outputs, rows) = (predicted.outputs().tensor(), test.len());
    let of_row = |row: usize| -> Vec<f64> { outputs.data().iter().skip(row).step_by(rows).copied().collect() };
    let mut ess = Vec::new();
    let mut worst = 0.0_f64;
    for row in 0..rows {
        let draws = of_row(row);
        let chains: Vec<&[f64]> = draws.chunks(options.draws).collect();
        ess.push(ess_bulk(&chains));
        worst = worst.max(r_hat(&chains));
    }
    ess.sort_by(f64::total_cmp);
    let (smallest, median) = (ess[0], ess[rows / 2]);
    let gradients: usize = chains.chains().iter().map(|chain| chain.gradients).sum();
    let divergences: usize = chains.chains().iter().map(|chain| chain.divergences.len()).sum();
    let unscaled = predicted.unscaled(&y);
    let (rmse, nll) = (unscaled.rmse(test.targets()), unscaled.nll(test.targets()));
    println!(
        "RMSE {rmse:.3}, NLL {nll:.3} nats; R-hat of the outputs {worst:.3} at most, {divergences} divergent draws"
    );
    println!("{gradients} gradients in {seconds:.2} s: {:.1} microseconds each", 1e6 * seconds / gradients as f64);
    println!(
        "ESS of the outputs: smallest {smallest:.0}, median {median:.0}; {:.1} and {:.1} in a second",
        smallest / seconds,
        median / seconds
    );
    if let Some(file) = &options.json {
        let figures = json!({
            "rmse": rmse, "nll": nll, "seconds": seconds, "gradients": gradients, "divergences": divergences,
            "r_hat": worst, "ess_smallest": smallest, "ess_median": median,
        });
        std::fs::write(file, format!("{figures:#}\n"))
            .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))?;
    }
    Ok(())
}

/// The training and the test rows of a split.
fn data(folder: &Path, split: usize) -> Result<[Examples<f32, Tensor>; 2], Failure> {
    let numbers = |name: &str| -> Result<Vec<Vec<f64>>, Failure> {
        let file = folder.join(name);
        let wrong = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(&error))?;
        let row = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
        text.lines().map(row).collect::<Result<_, _>>().map_err(|error| wrong(&error))
    };
    let indices = |name: &str| -> Result<Vec<usize>, Failure> {
        Ok(numbers(name)?.into_iter().flatten().map(|index| index as usize).collect())
    };
    let (table, features, target) =
        (numbers("data.txt")?, indices("index_features.txt")?, indices("index_target.txt")?);
    let part = |name: &str| -> Result<Examples<f32, Tensor>, Failure> {
        let rows = indices(&format!("index_{name}_{split}.txt"))?;
        let columns = |of: &[usize]| -> Result<Tensor, Failure> {
            let each = rows.iter().flat_map(|&row| of.iter().map(move |&column| (row, column)));
            let numbers: Option<Vec<f64>> = each.map(|(row, column)| table.get(row)?.get(column).copied()).collect();
            let numbers =
                numbers.ok_or_else(|| Failure::Input(format!("index_{name}_{split}.txt: an index is out of range")))?;
            Ok(Tensor::from_fn([rows.len(), of.len()], |i| numbers[i]))
        };
        Ok(Examples::new(columns(&features)?, columns(&target)?)?)
    };
    Ok([part("train")?, part("test")?])
}
