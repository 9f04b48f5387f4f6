//! `Local` for a generic model without the bound `Local: CompatibleWith<M>`.
use elbo::prelude::*;

fn draw<M: Bayesian<Scalar = f32>>(model: &M, tape: &Tape) {
    let draw = model.draw(tape, Drawing::new(Key::new(1)).estimator(Local));
}

fn main() {}
