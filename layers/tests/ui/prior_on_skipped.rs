use elbo::prelude::*;

#[bayesian]
struct Layer {
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
    #[prior(Normal(0.0, 1.0))]
    #[skip]
    width: usize,
}

#[bayesian]
impl Layer {
    fn forward(&self, x: Var) -> Var {
        x * self.weight
    }
}

fn main() {}
