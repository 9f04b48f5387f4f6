//! A `PhantomData` without `#[skip]`.
use std::marker::PhantomData;

use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
    marker: PhantomData<usize>,
}

fn main() {}
