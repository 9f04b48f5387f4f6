//! Markov chain Monte Carlo.

mod chains;
mod diagnostics;
mod error;
mod nuts_rs;
mod options;
mod progress;
mod run;
mod samplers;
mod target;

pub use chains::{Chain, Chains};
pub use diagnostics::{ChainDiagnostics, ElementDiagnostics};
pub use error::McmcError;
pub use samplers::{Mclmc, Nuts};
