//! A union's fields share their memory, and no walk could tell which is there. It is no model.
use elbo::prelude::*;

#[bayesian]
union Either {
    one: u32,
    other: f32,
}

fn main() {}
