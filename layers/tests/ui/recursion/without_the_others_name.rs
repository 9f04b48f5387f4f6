//! Two models that contain each other, where one does not name the other.
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
