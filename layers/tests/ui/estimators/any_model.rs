//! Of a model of any type it is not known which estimators its weights allow.
use elbo::prelude::*;

fn draw<M: Bayesian<Scalar = f32>>(model: &M, tape: &Tape) {
    let draw = model.draw(tape, Drawing::new(Key::new(1)).estimator(Local));
}

fn main() {}
