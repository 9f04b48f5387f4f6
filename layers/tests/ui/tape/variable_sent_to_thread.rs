//! A variable sent to another thread.
use elbo::prelude::*;

fn main() {
    let tape: Tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    let variable = tape.input(&x);
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{}", variable.item()));
    });
}
