use elbo::prelude::*;

#[bayesian]
pub fn forward(x: Var) -> Var {
    x.relu()
}

#[bayesian]
trait Network {}

#[bayesian]
union Either {
    one: u32,
    other: f32,
}

#[bayesian]
#[bayesian]
struct Twice {
    layer: Dense,
}

fn main() {
    let _ = forward;
}
