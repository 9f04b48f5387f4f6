//! Markov chain Monte Carlo.

mod nuts_rs;
mod run;
mod samplers;
mod target;

pub use samplers::{Mclmc, Nuts};
