//! Of models that contain each other each names all others: `Third` contains `Second` by way of `First`.
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
