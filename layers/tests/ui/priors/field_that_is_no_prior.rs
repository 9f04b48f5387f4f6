//! A prior that is a field is a distribution.
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
