//! Stochastic-gradient Markov chain Monte Carlo: SGLD, SGHMC, and cycles of either.

mod batches;
mod chain;
#[cfg(feature = "files")]
mod checkpoint;
mod integrator;
mod learning_rate;
mod options;
mod preconditioner;
mod run;
mod samplers;
mod schedule;
mod temperature;

pub(in crate::infer) use learning_rate::largest_curvature;
pub use samplers::{Sghmc, Sgld};
