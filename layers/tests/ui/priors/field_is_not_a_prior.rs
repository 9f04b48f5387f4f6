//! `#[prior(self.field)]` of a field whose type is not a prior.
use elbo::prelude::*;

struct Settings {
    sd: f64,
}

#[bayesian]
struct Network {
    #[prior(self.settings)]
    weight: MeanField,
    settings: Settings,
}

fn main() {}
