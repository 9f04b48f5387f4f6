//! A tape holds `Copy` types, as it never drops what it holds; a vector's elements go to it by `alloc_slice`.

use elbo::prelude::*;

fn main() {
    let tape = Tape::<f32>::new();
    let labels = tape.alloc(vec![0usize, 1]);
    println!("{labels:?}");
}
