//! Why an example stops, and what it tells the shell.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use elbo::TrainError;
use elbo::data::DataError;

/// Why an example stops early.
#[derive(Debug)]
pub enum Failure {
    /// The options or the data are at fault: exit code 2, as for an unknown option.
    Input(String),
    /// What came after went wrong: exit code 1.
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

/// Says what went wrong, if anything did; what `main` gives back.
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
