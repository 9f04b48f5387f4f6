//! A prior is a distribution, also where nothing of it is learned.
use elbo::prelude::*;

struct Settings {
    sd: f64,
}

#[bayesian]
struct Network {
    #[prior(self.settings)]
    weight: MeanField,
    #[skip]
    settings: Settings,
}

fn main() {}
