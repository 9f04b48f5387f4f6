//! The divergence of a network whose means and standard deviations are in a file.
//!
//! ```text
//! layers/benches/peers/kl
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo::engine::io::npz::Npz;
use elbo::prelude::*;
use elbo_examples::cli::positive;
use elbo_examples::failure::{Failure, exit};

/// Prints the divergence, in nats, of dense layers with mean-field normal posteriors from N(0, sd²) for every weight and bias, in
/// single and in double precision: the sum and each weight's. `layers/benches/peers/kl` compares it with other libraries.
#[derive(Parser)]
#[command(name = "kl", version)]
struct Options {
    /// An .npz file with the arrays "0.weight.mean" and "0.weight.sd" of shape (outputs, inputs), "0.bias.mean" and "0.bias.sd" of shape
    /// (outputs), "1.weight.mean" and so on
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Standard deviation of the normal prior of every weight and bias
    #[arg(long, value_name = "SD", default_value = "1", value_parser = positive)]
    prior_sd: f64,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let (single, double) = (terms::<f32>(options)?, terms::<f64>(options)?);
    println!("{:<12} {:>24} {:>24}", "", "f32", "f64");
    for ((name, single), (_, double)) in single.iter().zip(&double) {
        println!("{name:<12} {single:>24.17e} {double:>24.17e}");
    }
    let [single, double] = [single, double].map(|terms| terms.iter().map(|(_, nats)| nats).sum::<f64>());
    println!("{:<12} {single:>24.17e} {double:>24.17e}", "sum");
    Ok(())
}

/// The divergence of each weight and bias.
fn terms<T: Real>(options: &Options) -> Result<Vec<(String, f64)>, Failure> {
    let failed = |error| Failure::Input(format!("{error}"));
    let file = Npz::open(&options.file).map_err(failed)?;
    let of = |layer: usize, part: &str| -> Result<MeanField<T>, Failure> {
        let read = |what: &str| file.tensor::<T>(&format!("{layer}.{part}.{what}")).map_err(failed);
        let (mean, sd) = (read("mean")?, read("sd")?);
        if mean.shape() != sd.shape() || sd.data().iter().any(|sd| sd.to_f64() <= 0.0_f64) {
            let path = options.file.display();
            return Err(Failure::Input(format!(
                "{path}: `{layer}.{part}.sd` must be positive numbers of the shape {:?} of the mean",
                mean.shape()
            )));
        }
        // σ = ln(1 + e^ρ).
        let rho = sd.data().iter().map(|sd| sd.to_f64()).map(|sd| T::from_f64(sd + (-(-sd).exp_m1()).ln()));
        let rho = Tensor::new(sd.shape().to_vec(), rho.collect::<Vec<_>>());
        Ok(MeanField { mean, rho })
    };
    let count = file.names().filter(|name| name.ends_with(".weight.mean")).count();
    let mut layers = Vec::new();
    for layer in 0..count {
        let (weight, bias) = (of(layer, "weight")?, of(layer, "bias")?);
        let sizes = [weight.mean.shape().to_vec(), bias.mean.shape().to_vec()];
        let (&[outputs, inputs], true) = (&sizes[0][..], sizes[1] == sizes[0][..1]) else {
            return Err(Failure::Input(format!(
                "{}: layer {layer} has a weight of shape {:?} and a bias of shape {:?}, expected (outputs, inputs) and (outputs)",
                options.file.display(),
                sizes[0],
                sizes[1]
            )));
        };
        let mut dense = Dense::of(inputs, outputs, |shape| MeanField::<T>::new(shape), Normal(0.0, options.prior_sd));
        (dense.weight, dense.bias) = (weight, bias);
        layers.push(dense);
    }
    Ok(layers.kl_terms())
}
