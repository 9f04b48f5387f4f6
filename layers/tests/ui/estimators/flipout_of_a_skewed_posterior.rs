//! `Flipout` for a posterior that is not symmetric about its mean.
use elbo::prelude::*;

#[bayesian]
struct Positive {
    #[prior(LogNormalPrior(0.0, 1.0))]
    weight: LogNormal,
}

fn main() {
    let model = Positive { weight: LogNormal::new([3, 2]) };
    let tape = Tape::new();
    let draw = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Flipout));
}
