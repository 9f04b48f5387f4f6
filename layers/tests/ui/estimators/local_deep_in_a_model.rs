//! `Local` for a model with one incompatible weight in a nested layer.
use elbo::prelude::*;

#[bayesian]
struct Block {
    dense: Dense,
    #[prior(Normal(0.0, 1.0))]
    gain: Radial,
}

#[bayesian]
struct Network {
    blocks: Vec<Block>,
    head: Dense,
}

fn draw(network: &Network, tape: &Tape) {
    let draw = network.draw(tape, Drawing::new(Key::new(1)).draws(4).estimator(Local));
}

fn main() {}
