//! What the programs of real jobs share: options, and results as text and as JSON.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Map, json};

use crate::Failure;
use crate::cli::{self, integer};

/// Options.
#[derive(Args, Clone, Debug)]
pub struct Job {
    /// The folder of the data [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Passes over the training examples [default: chosen for the data]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// Posterior draws to average a prediction over
    #[arg(long, value_name = "N", default_value = "200", value_parser = integer::<1>)]
    pub draws: usize,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Results on the test part.
pub struct Results {
    /// NLL of the prediction, in nats per example.
    pub test_nll: f64,
    /// NLL of what the program compares with, in nats per example.
    pub baseline_nll: f64,
    /// `test_error` (a share) or `rmse` (in the targets' unit).
    pub score: (&'static str, f64),
    /// More numbers by name.
    pub others: Vec<(&'static str, f64)>,
}

impl Job {
    /// A file of the data.
    ///
    /// # Errors
    /// If neither `--data` nor `ELBO_DATA` names the folder.
    pub fn file(&self, name: &str) -> Result<PathBuf, Failure> {
        match (&self.data, std::env::var_os("ELBO_DATA")) {
            (Some(folder), _) => Ok(folder.join(name)),
            (None, Some(folder)) => Ok(Path::new(&folder).join(name)),
            (None, None) => Err(Failure::Input(format!(
                "no data: pass --data or set ELBO_DATA to a folder with the file {name}; examples/README.md says where to \
                 get it"
            ))),
        }
    }

    /// The number of epochs: `--epochs`, or this.
    pub fn epochs(&self, default: usize) -> usize {
        self.epochs.unwrap_or(default)
    }

    /// The number of threads: `--threads`, or one per core.
    pub fn threads(&self) -> usize {
        cli::threads(self.threads)
    }

    /// Prints the results, and writes them to the file of `--json`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report(&self, results: &Results, start: Instant) -> Result<(), Failure> {
        let Results { test_nll, baseline_nll, score, others } = results;
        let seconds = start.elapsed().as_secs_f64();
        let fixed = [("test_nll", *test_nll), ("baseline_nll", *baseline_nll), *score, ("seconds", seconds)];
        let all = fixed.iter().chain(others);
        for (name, value) in all.clone() {
            println!("{name:<22} {value:.4}");
        }
        let Some(file) = &self.json else { return Ok(()) };
        let object: Map<_, _> = all.map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        std::fs::write(file, format!("{:#}\n", serde_json::Value::Object(object)))
            .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
    }
}
