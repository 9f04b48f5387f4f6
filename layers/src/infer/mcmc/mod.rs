//! Markov chain Monte Carlo.

mod nuts_rs;
mod progress;
mod run;
mod samplers;
mod target;

pub use samplers::{Mclmc, Nuts};
