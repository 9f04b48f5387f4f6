//! Layers, written with `#[bayesian]` as a user would write them.

mod dense;

pub use dense::{Dense, DenseDraw};
