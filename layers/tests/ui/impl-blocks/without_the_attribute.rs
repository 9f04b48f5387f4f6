//! `#[bayesian]` on the struct and not on the `impl` block with the forward.
use elbo::prelude::*;

#[bayesian]
struct Network {
    layer: Dense,
}

impl Network {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.layer.forward(x).relu()
    }
}

fn output<'t>(network: &Network, tape: &'t Tape, x: Var<'t>) -> Var<'t> {
    let net = network.draw(tape, Key::new(1));
    net.forward(x)
}

fn main() {}
