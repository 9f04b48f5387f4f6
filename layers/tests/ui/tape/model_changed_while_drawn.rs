//! Changing a model while a draw borrows it.
use elbo::prelude::*;

fn main() {
    let mut layer = Dense::new(2, 2);
    let tape = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
    layer.prior = Normal(0.0, 2.0);
    println!("{}", draw.kl().nats());
}
