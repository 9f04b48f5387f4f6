//! A bound `Layer` for a model whose `forward` takes two arguments.
use elbo::prelude::*;

#[bayesian]
struct Gate {
    layer: Dense,
}

#[bayesian]
impl Gate {
    fn forward(&self, x: Var, gate: Var) -> Var {
        self.layer.forward(x) * gate
    }
}

fn wants<M: Layer>(_: &M) {}

fn give(gate: &Gate) {
    wants(gate);
}

fn main() {}
