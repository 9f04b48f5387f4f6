//! Gradient checks of special elementwise functions, with kinks from both sides, comparisons and choices.

use elbo_engine::{Gradients, Tape, Tensor, Var};

use super::elementwise::{binary, unary, unary_of_positive};
use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("abs", |random| unary(random, |x| x.abs())),
    ("sign", |random| unary(random, |x| x.sign() * x)),
    ("rsqrt", |random| unary_of_positive(random, |x| x.rsqrt())),
    ("exp_m1", |random| unary(random, |x| x.exp_m1())),
    ("ln_1p", |random| unary_of_positive(random, |x| x.ln_1p() + (x * -0.3).ln_1p())),
    ("log_sigmoid", |random| unary(random, |x| x.log_sigmoid())),
    ("silu", |random| unary(random, |x| x.silu())),
    ("gelu_tanh", |random| unary(random, |x| x.gelu_tanh())),
    ("gelu", |random| unary(random, |x| x.gelu())),
    ("sin", |random| unary(random, |x| (x * 3.0).sin())),
    ("cos", |random| unary(random, |x| (x * 3.0).cos())),
    ("atan", |random| unary(random, |x| (x * 2.0).atan())),
    ("sinh", |random| unary(random, |x| x.sinh())),
    ("cosh", |random| unary(random, |x| x.cosh())),
    ("atan2", |random| binary(random, |a, b| a.atan2(b))),
    ("ln_add_exp", |random| binary(random, |a, b| a.ln_add_exp(b * 3.0))),
    ("xlogx", |random| unary_of_positive(random, |x| x.xlogx())),
    ("xlogy", |random| binary(random, |a, b| a.xlogy(b.square() + 0.3) + a.square().xlogy(b.exp()))),
    ("ln_normal_cdf", |random| unary(random, |x| (x * 3.0).ln_normal_cdf() + (x * 30.0).ln_normal_cdf() * 0.01)),
    ("inverse_mills_ratio", |random| {
        unary(random, |x| (x * 3.0).inverse_mills_ratio() + (x * 30.0).inverse_mills_ratio());
    }),
    ("erf", |random| unary(random, |x| x.erf())),
    ("erfc", |random| unary(random, |x| (x * 2.0).erfc())),
    ("ln_gamma", |random| {
        unary_of_positive(random, |x| (x * x * 2.0).ln_gamma());
        // Between the poles of negative numbers.
        unary(random, |x| (x.sigmoid() - 3.0).ln_gamma());
    }),
    ("digamma", |random| {
        unary_of_positive(random, |x| (x * x * 2.0 + 0.2).digamma());
        unary(random, |x| (x.sigmoid() * 0.6 - 2.8).digamma());
    }),
    ("pow", |random| {
        binary(random, |a, b| (a.square() + 0.3).pow(b * 2.0));
        // A negative base has a derivative with respect to the base, but not the exponent, and masks have none.
        binary(random, |a, b| a.pow(b.gt(0.0) * 2.0 + 1.0));
    }),
    ("powf", |random| {
        unary_of_positive(random, |x| x.powf(-1.5) + x.powf(0.5));
        unary(random, |x| x.powf(2.0) + x.powf(3.0) * x.powf(0.0) + x.powf(1.0));
    }),
    ("powi", |random| unary(random, |x| x.powi(4) + x.powi(-3) + x.powi(0) + x.powi(1))),
    ("leaky_relu", |random| unary(random, |x| x.leaky_relu(0.1))),
    ("elu", |random| unary(random, |x| x.elu(0.7))),
    ("clamp", clamp),
    ("maximum", |random| apart(random, |a, b| a.maximum(b))),
    ("minimum", |random| apart(random, |a, b| a.minimum(b))),
    ("select", select),
    ("gt", |random| mask(random, |a, b| a.gt(b), |a, n| a.gt(n), |a, b| a > b)),
    ("ge", |random| mask(random, |a, b| a.ge(b), |a, n| a.ge(n), |a, b| a >= b)),
    ("lt", |random| mask(random, |a, b| a.lt(b), |a, n| a.lt(n), |a, b| a < b)),
    ("le", |random| mask(random, |a, b| a.le(b), |a, n| a.le(n), |a, b| a <= b)),
    ("eq", |random| mask(random, |a, b| a.eq(b), |a, n| a.eq(n), |a, b| a == b)),
    ("ne", |random| mask(random, |a, b| a.ne(b), |a, n| a.ne(n), |a, b| a != b)),
];

/// The elements are away from both bounds, on all sides of them.
fn clamp(random: &mut Random) {
    let shape = random.shape();
    let mut x = Tensor::from_fn(shape.clone(), |_| [-1.2, -0.2, 0.4, 1.5][random.below(4)] + random.between(-0.1, 0.1));
    agree(&mut x, |tape, x| tape.param(x).clamp(-0.6, 1.0));
    agree(&mut x, |tape, x| tape.param(x).clamp(-0.6, f64::INFINITY));
    agree(&mut x, |tape, x| tape.param(x).clamp(f64::NEG_INFINITY, 1.0).square());
}

/// Operands that differ by at least 0.2 in every pair of elements.
fn apart(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) {
    binary(random, |a, b| f(a.sign() * 2.0 + a, b.sign() * 0.7 + b * 0.1));
}

/// A mask against the definition, with broadcasting and ties among small integers; it has no gradient.
fn mask(
    random: &mut Random,
    with_var: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>,
    with_number: impl for<'t> Fn(Var<'t, f64>, f64) -> Var<'t, f64>,
    holds: impl Fn(f64, f64) -> bool,
) {
    let shape = random.shape();
    let mut integers = |shape: &[usize]| Tensor::from_fn(shape, |_| [-1.0, 0.0, 1.0, f64::NAN][random.below(4)]);
    let (a, b, row) = (integers(&shape), integers(&shape), integers(&[1]));
    let tape = Tape::new();
    let expected = |a: f64, b: f64| if holds(a, b) { 1.0 } else { 0.0 };
    let pairs = a.data().iter().zip(b.data());
    let both: Vec<f64> = pairs.map(|(&a, &b)| expected(a, b)).collect();
    assert_eq!(with_var(tape.input(&a), tape.input(&b)).value(), both);
    let one: Vec<f64> = a.data().iter().map(|&a| expected(a, row.data()[0])).collect();
    assert_eq!(with_var(tape.input(&a), tape.input(&row)).value(), one);
    let number: Vec<f64> = a.data().iter().map(|&a| expected(a, 1.0)).collect();
    assert_eq!(with_number(tape.input(&a), 1.0).value(), number);

    agree(&mut random.tensor(&[5]), |tape, x| {
        let x = tape.param(x);
        with_var(x, x.sign() * 3.0) * x + with_number(x, 0.0)
    });
}

fn select(random: &mut Random) {
    let shape = random.shape();
    for _ in 0..4 {
        let parts = [random.narrower(&shape), random.narrower(&shape), random.narrower(&shape)];
        let mask = Tensor::from_fn(parts[0].clone(), |_| random.below(2) as f64);
        let mut model = [random.tensor(&parts[1]), random.tensor(&parts[2])];
        let mask = &mask;
        agree(&mut model, |tape, [a, b]| {
            let mask = tape.constant(mask.shape(), |i| mask.data()[i]);
            mask.select(tape.param(a), tape.param(b)).square()
        });
        agree(&mut model, |tape, [a, b]| {
            let (a, b) = (tape.param(a), tape.param(b));
            a.gt(0.0).select(a + b, b) + a.gt(-9.0).select(b.exp(), a)
        });
    }
}

fn gradient(x: &Tensor<f64>, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) -> Vec<f64> {
    let mut gradients = Gradients::of(x);
    let tape = Tape::new();
    f(tape.param(x)).sum().backward(&mut gradients);
    gradients.get("").unwrap().to_vec()
}

#[test]
fn derivatives_at_kinks_are_as_documented() {
    let zero = Tensor::zeros([1]);
    assert_eq!(gradient(&zero, |x| x.abs()), [0.0]);
    assert_eq!(gradient(&zero, |x| x.sign()), [0.0]);
    assert_eq!(gradient(&zero, |x| x.relu()), [0.0]);
    assert_eq!(gradient(&zero, |x| x.leaky_relu(0.1)), [0.1]);
    assert_eq!(gradient(&zero, |x| x.elu(0.7)), [0.7]);
    let bounds = Tensor::new([6], [-1.0, 1.0, -1.1, 1.1, -0.9, 0.9]);
    assert_eq!(gradient(&bounds, |x| x.clamp(-1.0, 1.0)), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(gradient(&zero, |x| x.maximum(x.sign() * 2.0)), [0.5]);
    assert_eq!(gradient(&zero, |x| x.minimum(x.sign() * 2.0)), [0.5]);
}

#[test]
fn derivatives_at_kinks_lie_between_those_of_both_sides() {
    let mut x = Tensor::new([5], [0.0, 1.0, -1.0, 0.4, -0.7]);
    agree(&mut x, |tape, x| tape.param(x).abs());
    agree(&mut x, |tape, x| tape.param(x).relu().exp());
    agree(&mut x, |tape, x| tape.param(x).leaky_relu(0.1));
    agree(&mut x, |tape, x| tape.param(x).elu(0.7));
    agree(&mut x, |tape, x| tape.param(x).clamp(-1.0, 1.0) * 3.0);
    agree(&mut x, |tape, x| tape.param(x).maximum(tape.constant([5], |_| 0.0)));
    agree(&mut x, |tape, x| tape.param(x).minimum(tape.param(x) * 0.5));
}

#[test]
fn nan_propagates_through_comparisons() {
    let x = Tensor::new([2], [f64::NAN, 1.0]);
    let swapped = Tensor::new([2], [1.0, f64::NAN]);
    let tape = Tape::new();
    let (x, y) = (tape.input(&x), tape.input(&swapped));
    assert!(x.maximum(y).value().iter().chain(x.minimum(y).value()).all(|x| x.is_nan()));
    let through = [x.sign(), x.abs(), x.clamp(0.0, 1.0), x.leaky_relu(0.1), x.elu(1.0), x.relu()];
    assert!(through.iter().all(|y| y.value()[0].is_nan() && !y.value()[1].is_nan()));
}

#[test]
fn values_that_are_not_selected_may_be_nan() {
    let x = Tensor::new([2], [4.0, -1.0]);
    assert_eq!(gradient(&x, |x| x.gt(0.0).select(x.square(), x.tape().constant([2], |_| f64::NAN))), [8.0, 0.0]);
    let tape = Tape::new();
    let x = tape.input(&x);
    assert_eq!(x.gt(0.0).select(x.sqrt(), x).value(), [2.0, -1.0]);
}

#[test]
fn tails_are_accurate() {
    let x = Tensor::new([4], [-700.0, -30.0, 30.0, 700.0]);
    let tape = Tape::new();
    let x = tape.input(&x);
    let close = |ours: &[f64], expected: [f64; 4]| {
        assert_eq!(ours.len(), expected.len());
        let pairs = ours.iter().zip(expected);
        assert!(pairs.clone().all(|(x, y)| (x - y).abs() <= 1e-14 * y.abs()), "{ours:?}, expected {expected:?}");
    };
    let tail = [(-700f64).exp(), (-30f64).exp()];
    close(x.log_sigmoid().value(), [-700.0, -30.0 - tail[1].ln_1p(), -tail[1].ln_1p(), -tail[0]]);
    close(x.silu().value(), [-700.0 * tail[0], -30.0 * tail[1] / (1.0 + tail[1]), 30.0 / (1.0 + tail[1]), 700.0]);
    close(x.elu(2.0).value(), [-2.0, 2.0 * (-30f64).exp_m1(), 30.0, 700.0]);
}

#[test]
fn gradients_of_powers_at_zero_are_correct() {
    let x = Tensor::zeros([1]);
    assert_eq!(gradient(&x, |x| x.powf(1.0)), [1.0]);
    assert_eq!(gradient(&x, |x| x.powi(3)), [0.0]);
    assert_eq!(gradient(&x, |x| x.powi(0)), [0.0]);
    assert_eq!(gradient(&x, |x| x.powf(0.5)), [f64::INFINITY]);
    assert_eq!(gradient(&x, |exponent| (exponent * 0.0).pow(exponent + 2.0)), [0.0]);
    let negative = Tensor::new([1], [-2.0]);
    assert_eq!(gradient(&negative, |x| x.powi(-1)), [-0.25]);
    assert_eq!(gradient(&negative, |x| x.powi(5)), [80.0]);
}

#[test]
fn the_sine_of_a_large_number_is_correct() {
    let large = [1e6, 1.000_001e6, -1e22, 1e300, f64::MAX, -1e9];
    let x = Tensor::new([6], large);
    let tape = Tape::new();
    let (sin, cos) = (tape.input(&x).sin().value(), tape.input(&x).cos().value());
    let slopes = [gradient(&x, |x| x.sin()), gradient(&x, |x| x.cos())];
    for (i, x) in large.iter().enumerate() {
        assert!((sin[i] - x.sin()).abs() < 1e-15 && (cos[i] - x.cos()).abs() < 1e-15, "{x:e}");
        assert!((slopes[0][i] - x.cos()).abs() < 1e-15 && (slopes[1][i] + x.sin()).abs() < 1e-15, "{x:e}");
    }
    let single: Tensor = Tensor::new([2], [2e6, f32::INFINITY]);
    let tape = Tape::new();
    let sin = tape.input(&single).sin().value();
    assert!((f64::from(sin[0]) - 2e6f64.sin()).abs() < 1e-7 && sin[1].is_nan());
}

#[test]
fn ln_add_exp_of_infinities_is_correct() {
    let lowest = f64::NEG_INFINITY;
    let [a, b] =
        [[lowest, lowest, f64::INFINITY, 800.0], [lowest, 1.0, f64::INFINITY, 800.0]].map(|x| Tensor::new([4], x));
    let tape = Tape::new();
    let sum = tape.input(&a).ln_add_exp(tape.input(&b));
    assert_eq!(sum.value(), [lowest, 1.0, f64::INFINITY, 800.0 + std::f64::consts::LN_2]);
}

#[test]
fn equal_operands_of_ln_add_exp_share_the_gradient() {
    let lowest = f64::NEG_INFINITY;
    let pairs =
        Tensor::new([2, 5], [lowest, lowest, f64::INFINITY, 800.0, 1.0, lowest, 1.0, f64::INFINITY, 800.0, 1.0 - 1e3]);
    let parts = gradient(&pairs, |x| x.at(0, 0).ln_add_exp(x.at(0, 1)));
    assert_eq!(parts, [0.5, 0.0, 0.5, 0.5, 1.0, 0.5, 1.0, 0.5, 0.5, 0.0]);
}

#[test]
fn atan2_is_exact_on_the_axes_and_its_gradient_finite_at_the_origin() {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};
    let far = f64::INFINITY;
    let points = Tensor::new([2, 7], [0.0, -0.0, 2.0, 0.0, far, 1e200, -2.0, 0.0, -3.0, 0.0, 4.0, far, 1e200, 0.0]);
    let angle = |x: Var<'_, f64>| -> Vec<f64> { x.at(0, 0).atan2(x.at(0, 1)).value().to_vec() };
    let tape = Tape::new();
    let quarter = FRAC_PI_4;
    assert_eq!(angle(tape.input(&points)), [0.0, -PI, FRAC_PI_2, 0.0, quarter, quarter, -FRAC_PI_2]);
    let slopes = gradient(&points, |x| x.at(0, 0).atan2(x.at(0, 1)));
    let third = -1.0 / 3.0;
    assert_eq!(slopes[..7], [0.0, third, 0.0, 0.25, 0.0, 0.5e-200, 0.0]);
    assert_eq!(slopes[7..], [0.0, 0.0, -0.5, 0.0, 0.0, -0.5e-200, 0.5]);
}
