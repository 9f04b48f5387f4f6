//! Markov chain Monte Carlo.

mod chain;
mod checkpoint;
mod cost;
mod nuts_rs;
mod run;
mod samplers;
mod share;
mod stuck;
mod target;

pub use samplers::{Mclmc, Nuts};
