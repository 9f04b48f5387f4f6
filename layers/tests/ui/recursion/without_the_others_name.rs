//! Of models that contain each other each names the others.
use elbo::prelude::*;

#[bayesian(recursive(Branch))]
struct Leaf {
    layer: Dense,
    branch: Option<Box<Branch>>,
}

#[bayesian]
struct Branch {
    leaves: Vec<Leaf>,
}

fn main() {}
