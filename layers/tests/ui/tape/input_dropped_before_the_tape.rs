//! An input dropped before the tape that borrows it.
use elbo::prelude::*;

fn main() {
    let tape: Tape = Tape::new();
    let variable = tape.input(&Tensor::full([1, 2], 1.0));
    println!("{}", variable.item());
}
