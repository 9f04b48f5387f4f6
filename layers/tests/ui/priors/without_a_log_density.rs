//! An `impl Prior` without `log_density`.
use elbo::prelude::*;

#[derive(Clone, Copy)]
struct Uniform;

impl Prior for Uniform {}

fn main() {}
