//! A prior is a value of a type that implements `Prior`.
use elbo::prelude::*;

#[bayesian]
struct Layer {
    #[prior(1.0)]
    weight: MeanField,
    #[prior(Normal(0.0))]
    bias: MeanField,
    #[prior(self.missing)]
    gain: MeanField,
}

fn main() {}
