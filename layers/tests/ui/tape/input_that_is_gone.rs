//! A tape borrows its inputs.
use elbo::prelude::*;

fn main() {
    let tape: Tape = Tape::new();
    let variable = tape.input(&Tensor::full([1, 2], 1.0));
    println!("{}", variable.item());
}
