//! Command-line options of training and evaluation. Errors name the option and exit with code 2.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, Parser};

use crate::Failure;

/// The options of `digits` and `mnist`. Their defaults differ, so they are passed to [`parse`].
#[derive(Args, Clone, Debug)]
pub struct Training {
    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", value_parser = integer::<1>)]
    pub hidden: usize,

    /// Passes over the training examples; without it, training ends when the bound has converged
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    pub epochs: Option<usize>,

    /// Examples in a minibatch; without it, it is chosen
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    pub batch: Option<usize>,

    /// Adam's learning rate, which is then constant and the same for all parameters; without it, rates, their schedule, the
    /// estimator and the weights' initial standard deviations are chosen
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub lr: Option<f64>,

    /// Standard deviation of the normal prior of every weight and bias
    #[arg(long, value_name = "SD", value_parser = positive)]
    pub prior_sd: f64,

    /// Learn the standard deviation of each layer's prior, starting at --prior-sd
    #[arg(long)]
    pub learn_prior: bool,

    /// Standard deviation of every weight before training; without it, it is chosen, or 0.0067 with --lr
    #[arg(long, value_name = "SD", value_parser = positive)]
    pub initial_sd: Option<f64>,

    /// Posterior draws to average a prediction over
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    pub draws: usize,

    /// Seed of everything random: initial means, order of the examples, noise
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    pub threads: Option<usize>,

    /// Split each batch into this many shards, whose gradients are added in a fixed order; with --ranks, as many as there are
    /// processes or more [default: 8 with --ranks]
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    pub shards: Option<usize>,

    /// Train together with the other processes that `mpirun` has started, each on --threads; needs the feature `mpi`
    #[arg(long)]
    pub ranks: bool,

    /// Also evaluate on the test examples after these epochs, such as 5,10,20
    #[arg(long, value_name = "EPOCHS", value_delimiter = ',', value_parser = integer::<1>)]
    pub evaluate_at: Vec<usize>,

    /// Also write the results to this file, as JSON: test_error (a fraction from 0 to 1), test_nll,
    /// elbo, kl and kl_terms {name: nats} (all in nats; null where infinite), ece (15 bins), brier,
    /// entropy_right and entropy_wrong (mean predictive entropy of right and of wrong answers, null
    /// if there are none), parameters, weights, epochs, seconds_per_epoch, and history, a list of
    /// {epoch, test_error, test_nll} for --evaluate-at
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// A command with options for training.
pub trait Options: Parser {
    /// The training options.
    fn training(&self) -> &Training;
}

/// Parses this process's options, with `defaults` (pairs of name and value). On errors and `--help` it exits.
pub fn parse<O: Options>(defaults: &[(&'static str, &'static str)]) -> O {
    let with_defaults = defaults.iter().fold(O::command(), |command, &(option, value)| {
        command.mut_arg(option.replace('-', "_"), |arg| arg.default_value(value).required(false))
    });
    let mut command = with_defaults
        // So that `--lr -1` is reported as a wrong rate, not as an unknown option.
        .allow_negative_numbers(true)
        .after_help("Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.");
    let matches = command.get_matches_mut();
    let options = O::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    if let Err(message) = options.training().check() {
        command.error(ErrorKind::ValueValidation, message).exit();
    }
    options
}

impl Training {
    /// The number of threads: `--threads`, or one per core.
    pub fn threads(&self) -> usize {
        threads(self.threads)
    }

    /// The epochs after which to evaluate, sorted and without duplicates.
    pub fn evaluations(&self) -> Vec<usize> {
        let mut epochs = self.evaluate_at.clone();
        epochs.sort_unstable();
        epochs.dedup();
        epochs
    }

    /// Checks that need more than one option's text.
    fn check(&self) -> Result<(), String> {
        let epochs = self.epochs.unwrap_or(usize::MAX);
        if let Some(late) = self.evaluate_at.iter().find(|&&epoch| epoch > epochs) {
            return Err(format!("'--evaluate-at {late}' is greater than '--epochs {epochs}'"));
        }
        let folder = self.json.as_ref().and_then(|file| file.parent()).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(format!("'--json {}': folder {} does not exist", self.json_text(), folder.display()));
        }
        if self.json.as_ref().is_some_and(|file| file.is_dir()) {
            return Err(format!("'--json {}' is a folder; pass a file", self.json_text()));
        }
        Ok(())
    }

    fn json_text(&self) -> String {
        self.json.as_ref().map(|file| file.display().to_string()).unwrap_or_default()
    }
}

/// The number of threads: `--threads`, or one per core.
pub fn threads(chosen: Option<usize>) -> usize {
    chosen.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The folder of the data: `--data`, or that of the environment variable `ELBO_DATA`.
///
/// # Errors
/// If there is neither.
pub fn data_folder(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
    chosen.map(Path::to_owned).or_else(|| std::env::var_os("ELBO_DATA").map(PathBuf::from)).ok_or_else(|| {
        Failure::Input("no data: pass --data or set ELBO_DATA; examples/README.md says where to get it".to_owned())
    })
}

/// Parses an integer of at least `MIN`.
pub fn integer<const MIN: usize>(text: &str) -> Result<usize, String> {
    // Anything above 32 bits is a typing error, and could overflow products.
    let number = text.parse().ok().filter(|number| (MIN..=u32::MAX as usize).contains(number));
    number.ok_or_else(|| format!("expected an integer of at least {MIN}"))
}

/// Parses a finite number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "expected a finite number above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_numbers_are_refused() {
        for text in ["0", "-1", "1.5", "", "ten", "99999999999999999999"] {
            assert!(integer::<1>(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "nan", "inf", "-inf", "", "ten", "1e999"] {
            assert!(positive(text).is_err(), "{text}");
        }
        assert_eq!((integer::<1>("128"), positive("1e-3")), (Ok(128), Ok(1e-3)));
    }
}
