//! Adding the divergence, a sum over weights, to a mean over examples.
use elbo::prelude::*;

fn main() {
    let layer = Dense::new(2, 2);
    let tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    let net = layer.draw(&tape, Key::new(1));
    let nll = Categorical.nll(net.forward(tape.input(&x)), &[0]);
    let loss = nll + net.kl();
}
