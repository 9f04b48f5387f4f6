//! `#[prior(..)]` on a field whose type is not a posterior family.
use elbo::prelude::*;

struct Settings {
    width: usize,
}

#[bayesian]
struct Network {
    layer: Dense,
    #[prior(Normal(0.0, 1.0))]
    settings: Settings,
}

fn main() {}
