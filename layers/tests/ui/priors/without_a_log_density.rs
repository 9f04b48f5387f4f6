//! A prior is its log-density.
use elbo::prelude::*;

#[derive(Clone, Copy)]
struct Uniform;

impl Prior for Uniform {}

fn main() {}
