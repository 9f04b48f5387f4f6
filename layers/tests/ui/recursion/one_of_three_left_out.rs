//! Three models that contain each other, where two do not name the third.
use elbo::prelude::*;

#[bayesian(recursive(Second, Third))]
struct First {
    layer: Dense,
    next: Vec<Second>,
}

#[bayesian(recursive(First))]
struct Second {
    next: Vec<Third>,
}

#[bayesian(recursive(First))]
struct Third {
    next: Vec<First>,
}

fn main() {}
