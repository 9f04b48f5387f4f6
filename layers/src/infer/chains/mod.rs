//! What chains of all samplers share: their draws, options, checks, errors and diagnostics.

mod chain_draws;
mod check;
mod diagnostics;
mod error;
#[cfg(feature = "files")]
mod file;
mod options;
mod progress;

pub use chain_draws::{Chain, Chains, Temperature, TemperatureEstimate};
#[cfg(feature = "files")]
pub(in crate::infer) use check::check_folder;
pub(in crate::infer) use check::{check_model, check_start, finite_density, panicked};
pub use diagnostics::{ChainDiagnostics, DivergentElement, ElementDiagnostics};
pub use error::McmcError;
#[cfg(feature = "files")]
pub use file::ChainsError;
#[cfg(feature = "mcmc")]
pub(in crate::infer) use file::{Read, contents};
pub(in crate::infer) use options::Options;
pub(in crate::infer) use progress::Progress;
