//! Adding variables in two scalar types.
use elbo::prelude::*;

fn main() {
    let (single, double) = (Tape::<f32>::new(), Tape::<f64>::new());
    let (x, y) = (Tensor::full([1], 1.0), Tensor::full([1], 1.0));
    let sum = single.input(&x) + double.input(&y);
}
