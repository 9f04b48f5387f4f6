//! Errors of the examples, and their exit codes.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use elbo::data::DataError;
use elbo::prune::PruneError;
use elbo::{McmcError, TrainError};

/// An error that ends an example.
#[derive(Debug)]
pub enum Failure {
    /// Invalid options or data: exit code 2, as for an unknown option.
    Input(String),
    /// Training or writing failed: exit code 1.
    Run(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input(message) => f.write_str(message),
            Failure::Run(error) => error.fmt(f),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Failure::Input(error.to_string())
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        Failure::Run(error.into())
    }
}

impl From<McmcError> for Failure {
    fn from(error: McmcError) -> Self {
        Failure::Run(error.into())
    }
}

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        Failure::Run(error.into())
    }
}

/// Prints the error, if there is one, and returns the exit code for `main`.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {failure}");
    match failure {
        Failure::Input(_) => ExitCode::from(2),
        Failure::Run(_) => ExitCode::FAILURE,
    }
}
