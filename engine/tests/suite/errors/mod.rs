//! Shape errors panic at the caller's line and name the operation and the shapes.

mod factorisations;
mod losses;
mod moving;
mod networks;

use crate::common::panics::panics;
use elbo_engine::{Activation, Gradients, Tape, Tensor, with_threads};

fn zeros(shape: &[usize]) -> Tensor<f64> {
    Tensor::zeros(shape)
}

#[test]
fn elementwise_operands_that_do_not_match() {
    let [a, b] = [zeros(&[2, 3]), zeros(&[4])];
    let tape = Tape::new();
    let [a, b] = [tape.input(&a), tape.input(&b)];
    panics(&["add", "[2, 3]", "[4]"], || a + b);
    panics(&["sub", "[2, 3]", "[4]"], || a - b);
    panics(&["mul", "[4]", "[2, 3]"], || b * a);
    panics(&["div", "[2, 3]", "[4]"], || a / b);
}

#[test]
fn matrices_that_do_not_match() {
    let [a, b, scalar] = [zeros(&[2, 3]), zeros(&[4, 5]), zeros(&[])];
    let [c, d] = [zeros(&[2, 2, 3]), zeros(&[3, 3, 4])];
    let tape = Tape::new();
    let [a, b, scalar, c, d] = [&a, &b, &scalar, &c, &d].map(|x| tape.input(x));
    panics(&["matmul", "[2, 3]", "[4, 5]"], || a.matmul(b));
    panics(&["matmul", "[]", "[2, 3]"], || scalar.matmul(a));
    panics(&["matmul", "[2, 2, 3]", "[3, 3, 4]"], || c.matmul(d));
}

#[test]
fn affine_maps_that_do_not_match() {
    let [x, w, b] = [zeros(&[8, 3]), zeros(&[5, 4]), zeros(&[4])];
    let [fits, scalar, batch] = [zeros(&[5, 3]), zeros(&[]), zeros(&[2, 5, 3])];
    let tape = Tape::new();
    let [x, w, b, fits, scalar, batch] = [&x, &w, &b, &fits, &scalar, &batch].map(|x| tape.input(x));
    panics(&["affine", "[8, 3]", "[5, 4]", "3 features"], || x.affine(w, b));
    panics(&["affine", "[5, 3]", "5 outputs", "[4]"], || x.affine(fits, b));
    panics(&["affine", "[]", "[5, 3]"], || scalar.affine(fits, b));
    panics(&["affine", "[8, 3]", "[2, 5, 3]"], || x.linear(batch));
    panics(&["affine", "[5, 3]", "[4]"], || x.affine_activated(fits, b, Activation::Relu));
}

#[test]
fn invalid_shapes_and_axes() {
    let x = zeros(&[2, 3]);
    let line = zeros(&[3]);
    let tape = Tape::new();
    let [x, line] = [tape.input(&x), tape.input(&line)];
    panics(&["reshape", "[2, 3]", "6", "[4]"], || x.reshape([4]));
    panics(&["permute", "[0, 0]", "[2, 3]"], || x.permute(&[0, 0]));
    panics(&["permute", "[1]", "[2, 3]"], || x.permute(&[1]));
    panics(&["permute", "axis 2", "[2, 3]"], || x.permute(&[0, 2]));
    panics(&["transpose", "[3]"], || line.transpose());
    panics(&["sum_axes", "axis -3", "[2, 3]"], || x.sum_axes(&[-3], false));
    panics(&["mean_axes", "repeated", "[1, -1]"], || x.mean_axes(&[1, -1], false));
    panics(&["log_softmax", "axis 2", "[2, 3]"], || x.log_softmax(2));
}

#[test]
fn labels_that_do_not_match() {
    let x = zeros(&[2, 3]);
    let cube = zeros(&[2, 3, 4]);
    let tape = Tape::new();
    let [x, cube] = [tape.input(&x), tape.input(&cube)];
    panics(&["cross_entropy", "row 1", "label 3", "3 classes"], || x.cross_entropy(&[0, 3]));
    panics(&["cross_entropy", "[2, 3]", "3 labels"], || x.cross_entropy(&[0, 1, 2]));
    panics(&["cross_entropy", "[2, 3, 4]"], || cube.cross_entropy(&[0, 1]));
}

#[test]
fn invalid_backward_passes() {
    let [w, other] = [zeros(&[2, 3]), zeros(&[1])];
    let (mut gradients, mut others) = (Gradients::of(&w), Gradients::of(&other));
    let tape = Tape::new();
    let x = tape.param(&w);
    let loss = x.sum();
    panics(&["backward", "[2, 3]"], || x.backward(&mut gradients));
    panics(&["another model"], || loss.backward(&mut others));
    let silent = Tape::inference();
    let value = silent.param(&w).sum();
    panics(&["backward", "does not record"], || value.backward(&mut gradients));
    panics(&["[2, 3]", "one element"], || x.item());
}

#[test]
fn values_of_two_tapes() {
    let x = zeros(&[2]);
    let [here, there] = [Tape::new(), Tape::new()];
    let mut gradients = Gradients::of(&x);
    let [a, b] = [here.param(&x), there.param(&x)];
    let far = b.sum();
    panics(&["two tapes"], || a + b);
    panics(&["two tapes"], || a.matmul(b));
    panics(&["two tapes"], || here.backward(&[(far, 1.0)], &mut gradients));
}

#[test]
fn invalid_arguments() {
    panics(&["[2, 3]", "6", "5"], || Tensor::<f32>::new([2, 3], [0.0; 5]));
    panics(&["with_threads", "0"], || with_threads(0, || ()));
}

#[test]
fn choices_that_do_not_match() {
    let [a, b] = [zeros(&[2, 3]), zeros(&[4])];
    let tape = Tape::new();
    let [a, b] = [tape.input(&a), tape.input(&b)];
    panics(&["maximum", "[2, 3]", "[4]"], || a.maximum(b));
    panics(&["minimum", "[4]", "[2, 3]"], || b.minimum(a));
    panics(&["gt", "[2, 3]", "[4]"], || a.gt(b));
    panics(&["eq", "[2, 3]", "[4]"], || a.eq(b));
    panics(&["select", "mask", "[4]", "[2, 3]"], || b.select(a, a));
    panics(&["select", "[2, 3]", "[4]"], || a.select(a, b));
    panics(&["pow", "[2, 3]", "[4]"], || a.pow(b));
    panics(&["atan2", "[2, 3]", "[4]"], || a.atan2(b));
    panics(&["ln_add_exp", "[4]", "[2, 3]"], || b.ln_add_exp(a));
    panics(&["powf", "NaN"], || a.powf(f64::NAN));
    panics(&["clamp", "1", "-1"], || a.clamp(1.0, -1.0));
    panics(&["clamp", "NaN"], || a.clamp(f64::NAN, 1.0));
    panics(&["leaky_relu", "inf"], || a.leaky_relu(f64::INFINITY));
    panics(&["elu", "NaN"], || a.elu(f64::NAN));
}

#[test]
fn runs_that_are_too_short() {
    let [x, empty] = [zeros(&[2, 3]), zeros(&[2, 0])];
    let tape = Tape::new();
    let [x, empty] = [tape.input(&x), tape.input(&empty)];
    panics(&["max", "[2, 0]", "no element"], || empty.max());
    panics(&["min_axes", "[2, 0]", "[1]"], || empty.min_axes(&[-1], true));
    panics(&["argmax", "[2, 0]", "axis 1"], || empty.argmax(1));
    panics(&["variance_axes", "[2, 3]", "3 elements", "[1]", "ddof 3"], || x.variance_axes(&[1], false, 3));
    panics(&["std", "[2, 0]", "0 elements"], || empty.std(0));
    panics(&["prod_axes", "axis 2", "[2, 3]"], || x.prod_axes(&[2], false));
    panics(&["log_sum_exp_axes", "repeated"], || x.log_sum_exp_axes(&[0, -2], false));
    panics(&["norm_axes", "axis -3"], || x.norm_axes(&[-3], false));
    panics(&["softmax", "axis 2"], || x.softmax(2));
    panics(&["cumsum", "axis 2"], || x.cumsum(2));
    panics(&["cumprod", "axis -3"], || x.cumprod(-3));
}
