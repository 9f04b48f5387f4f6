//! A method that uses the model's own weights, in a block without the attribute.
use elbo::prelude::*;

#[bayesian]
struct Layer {
    #[prior(Normal::new(0.0, 1.0))]
    weight: MeanField,
}

impl Layer {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.linear(self.weight)
    }
}

fn main() {}
