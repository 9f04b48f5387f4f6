//! A draw that outlives its model.
use elbo::prelude::*;

fn drawn(tape: &Tape) -> f64 {
    let draw = {
        let layer = Dense::new(2, 2);
        layer.draw(tape, Key::new(1))
    };
    draw.kl().nats()
}

fn main() {}
