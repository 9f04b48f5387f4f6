//! A variable used after its tape was reset.
use elbo::prelude::*;

fn main() {
    let mut tape: Tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    let variable = tape.input(&x);
    tape.reset();
    println!("{}", variable.item());
}
