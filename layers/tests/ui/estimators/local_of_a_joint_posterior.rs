//! `Local` for a posterior whose elements are not independent.
use elbo::prelude::*;

fn main() {
    let layer = Dense::of(4, 3, FullCovariance::new, Normal(0.0, 1.0));
    let tape = Tape::new();
    let draw = layer.draw(&tape, Drawing::new(Key::new(1)).estimator(Local));
}
