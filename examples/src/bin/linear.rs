//! Steps until the posterior of a linear model agrees with the exact one.
//!
//! ```text
//! cargo run --release --bin linear -- --data DIR
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo::prelude::*;
use elbo_examples::cli::{data_folder, integer};
use elbo_examples::convergence::problem::Problem;
use elbo_examples::failure::{Failure, exit};

/// The standard deviation of an observation.
const NOISE: f64 = 0.7;

/// How close every mean and standard deviation must come, relative to the exact one; a mean also relative to its standard
/// deviation.
const CLOSE: f64 = 0.01;

/// The shortest training, in steps; each next one is twice as long.
const FIRST: usize = 250;

/// Fits Bayesian linear regression to the 442 rows of diabetes (10 standardised inputs, prior N(0, 1), noise 0.7), whose
/// posterior has a closed form, and prints the steps after which every mean and standard deviation is within 1 % of the exact
/// one.
///
/// MeanField is compared with the best normal with independent weights, whose means are the exact ones and whose standard
/// deviations are 1/√Pᵢᵢ for the exact precision P; FullCovariance with the exact posterior. Each training of 250, 500, 1,000, ..
/// steps starts anew. The row "fixed rate" is Adam with the rate 1e-3 and sampled weights.
#[derive(Parser)]
#[command(name = "linear", version)]
struct Options {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The longest training, in steps
    #[arg(long, value_name = "N", default_value = "128000", value_parser = integer::<1>)]
    steps: usize,

    /// Trainings of each kind
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer::<1>)]
    seeds: usize,
}

#[bayesian]
struct Linear<Q: Divergence<Normal, Scalar = f64>> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

#[bayesian]
impl<Q: Divergence<Normal, Scalar = f64>> Linear<Q> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.linear(self.weight)
    }
}

/// The exact posterior: means, standard deviations, and those of the best independent normals.
struct Exact {
    means: Vec<f64>,
    sds: Vec<f64>,
    independent: Vec<f64>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let data = data_folder(options.data.as_deref())?;
    let Problem::Numbers(data, _) = Problem::load("diabetes", &data)? else { unreachable!("its targets are numbers") };
    let data = Examples::new(data.inputs().cast::<f64>(), data.targets().cast::<f64>())?;
    let exact = exact(&data);
    println!("{:<16} {:<11} steps until every mean and sd is within 1 %, by seed", "posterior", "method");
    for automatic in [false, true] {
        let method = if automatic { "default" } else { "fixed rate" };
        let [mut independent, mut full] = [Vec::new(), Vec::new()];
        for seed in 1..=options.seeds as u64 {
            independent.push(steps(
                &data,
                options,
                automatic,
                seed,
                |model: &Linear<MeanField<f64>>| {
                    is_close(model.weight.mean.data(), model.weight.sd().data(), &exact.means, &exact.independent)
                },
                || Linear { weight: MeanField::new([1, 10]) },
            )?);
            full.push(steps(
                &data,
                options,
                automatic,
                seed,
                |model: &Linear<FullCovariance<f64>>| {
                    is_close(model.weight.mean.data(), &full_sds(&model.weight), &exact.means, &exact.sds)
                },
                || Linear { weight: FullCovariance::new([1, 10]) },
            )?);
        }
        println!("{:<16} {method:<11} {}", "MeanField", independent.join(" "));
        println!("{:<16} {method:<11} {}", "FullCovariance", full.join(" "));
    }
    Ok(())
}

/// The shortest training of 250, 500, 1,000, .. steps after which the model `is_close`.
fn steps<M: elbo::Model<Scalar = f64> + Send + Sync>(
    data: &Examples<f64, Tensor<f64>>,
    options: &Options,
    automatic: bool,
    seed: u64,
    is_close: impl Fn(&M) -> bool,
    new: impl Fn() -> M,
) -> Result<String, Failure> {
    let mut steps = FIRST;
    while steps <= options.steps {
        let mut model = new();
        // One batch, so that an epoch is a step.
        let elbo = Elbo::new(Gaussian::new(NOISE)).batch_size(data.len()).seed(seed).threads(1).quiet();
        if automatic {
            elbo.clone().fit(&mut model, data, Epochs(steps))?;
        } else {
            elbo.clone().optimizer(Adam::new(1e-3)).fit(&mut model, data, Epochs(steps))?;
        }
        if is_close(&model) {
            return Ok(steps.to_string());
        }
        steps *= 2;
    }
    Ok(format!(">{}", options.steps))
}

fn is_close(means: &[f64], sds: &[f64], exact_means: &[f64], exact_sds: &[f64]) -> bool {
    let exact = exact_means.iter().zip(exact_sds);
    means.iter().zip(sds).zip(exact).all(|((mean, sd), (exact_mean, exact_sd))| {
        let of_mean = exact_mean.abs().max(*exact_sd);
        (mean - exact_mean).abs() <= CLOSE * of_mean && (sd / exact_sd - 1.0).abs() <= CLOSE
    })
}

/// The standard deviations of a posterior with a full covariance.
fn full_sds(weight: &FullCovariance<f64>) -> Vec<f64> {
    let rows = weight.factor.rows();
    let softplus = |rho: f64| rho.max(0.0) + (-rho.abs()).exp().ln_1p();
    let row = |i: usize| {
        let below = &weight.factor.lower.data()[i * i.saturating_sub(1) / 2..][..i];
        (below.iter().map(|l| l * l).sum::<f64>() + softplus(weight.factor.rho.data()[i]).powi(2)).sqrt()
    };
    (0..rows).map(row).collect()
}

/// The exact posterior: the precision is I + XᵀX/σ², and the mean solves P μ = Xᵀy/σ².
fn exact(data: &Examples<f64, Tensor<f64>>) -> Exact {
    let tape = Tape::inference();
    let (x, y) = (tape.input(data.inputs()), tape.input(data.targets()));
    let width = data.inputs().shape()[1];
    let eye = tape.constant([width, width], |i| if i % (width + 1) == 0 { 1.0 } else { 0.0 });
    let precision = eye + x.transpose().matmul(x) * (1.0 / (NOISE * NOISE));
    let covariance = precision.inverse();
    let means = covariance.matmul(x.transpose().matmul(y)) * (1.0 / (NOISE * NOISE));
    let diagonal = |matrix: Var<'_, f64>| (0..width).map(|i| matrix.value()[i * (width + 1)]).collect::<Vec<f64>>();
    Exact {
        means: means.value().to_vec(),
        sds: diagonal(covariance).iter().map(|variance| variance.sqrt()).collect(),
        independent: diagonal(precision).iter().map(|precision| precision.powf(-0.5)).collect(),
    }
}
