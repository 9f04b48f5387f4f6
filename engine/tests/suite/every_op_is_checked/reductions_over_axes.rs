//! Gradient checks of reductions over axes: products, extremes, variance, norms, log-sum-exp, cumulative sums.

use elbo_engine::{Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("prod", |random| of_all(random, Random::tensor, |x| x.prod())),
    ("prod_axes", |random| {
        // Plus a term with nonzero gradient, as the scale of the relative error.
        over_axes(random, with_zeros, |x, axes, keep| x.prod_axes(axes, keep) + x.sum() * 0.1);
        over_axes(random, Random::tensor, |x, axes, keep| x.prod_axes(axes, keep));
    }),
    ("max", |random| of_all(random, some_apart, |x| x.max())),
    ("max_axes", |random| over_axes(random, some_apart, |x, axes, keep| x.max_axes(axes, keep))),
    ("min", |random| of_all(random, some_apart, |x| x.min())),
    ("min_axes", |random| over_axes(random, some_apart, |x, axes, keep| x.min_axes(axes, keep))),
    ("argmax", |random| places(random, |x, axis| x.argmax(axis), |x, best| x > best)),
    ("argmin", |random| places(random, |x, axis| x.argmin(axis), |x, best| x < best)),
    ("variance", |random| of_all(random, several, |x| x.variance(1))),
    ("variance_axes", |random| {
        over_axes(random, some, |x, axes, keep| x.variance_axes(axes, keep, 0));
        over_axes(random, several, |x, axes, keep| x.variance_axes(axes, keep, 1));
    }),
    ("std", |random| of_all(random, several_apart, |x| x.std(1))),
    ("std_axes", |random| {
        over_axes(random, several_apart, |x, axes, keep| x.std_axes(axes, keep, 0));
        over_axes(random, several_apart, |x, axes, keep| x.std_axes(axes, keep, 1));
    }),
    ("norm", |random| of_all(random, Random::tensor, |x| x.norm())),
    ("norm_axes", |random| over_axes(random, Random::tensor, |x, axes, keep| x.norm_axes(axes, keep))),
    ("log_sum_exp", |random| of_all(random, some, |x| x.log_sum_exp())),
    ("log_sum_exp_axes", |random| over_axes(random, some, |x, axes, keep| x.log_sum_exp_axes(axes, keep))),
    ("log_sum_exp_weighted", |random| of_all(random, some, |x| x.log_sum_exp_weighted(x.square()))),
    ("log_sum_exp_weighted_axes", |random| {
        over_axes(random, some, |x, axes, keep| x.log_sum_exp_weighted_axes(x.sigmoid(), axes, keep));
        over_axes(random, some, |x, axes, keep| (x * 2.0).log_sum_exp_weighted_axes(x.exp().sum() * 0.1, axes, keep));
    }),
    ("softmax", |random| along_each_axis(random, Random::tensor, |x, axis| x.softmax(axis))),
    ("cumsum", |random| along_each_axis(random, Random::tensor, |x, axis| x.cumsum(axis))),
    ("cumprod", |random| {
        along_each_axis(random, Random::tensor, |x, axis| x.cumprod(axis));
        along_each_axis(random, with_zeros, |x, axis| x.cumprod(axis) + x.sum() * 0.1);
    }),
];

type Numbers = fn(&mut Random, &[usize]) -> Tensor<f64>;

/// About a third of the elements zero.
fn with_zeros(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |_| if random.below(3) == 0 { 0.0 } else { random.signed() })
}

/// Replaces axes of length 0 by 1, for operations that reject empty axes.
fn some(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = shape.iter().map(|&length| length.max(1)).collect();
    random.tensor(&shape)
}

fn some_apart(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = shape.iter().map(|&length| length.max(1)).collect();
    random.apart(&shape)
}

/// At least one axis, and two elements along each.
fn several(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = shape.iter().map(|&length| length.max(2)).chain([2]).collect();
    random.tensor(&shape)
}

fn several_apart(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = shape.iter().map(|&length| length.max(2)).chain([2]).collect();
    random.apart(&shape)
}

fn of_all(random: &mut Random, numbers: Numbers, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    let shape = random.shape();
    agree(&mut numbers(random, &shape), |tape, x| f(tape.param(x)).tanh());
    agree(&mut numbers(random, &[37]), |tape, x| f(tape.param(x)));
}

/// Over some axes, at least one, of a random shape; and in a block that is wider than a vector.
fn over_axes(random: &mut Random, numbers: Numbers, f: impl for<'t> Fn(Var<'t, f64>, &[isize], bool) -> Var<'t, f64>) {
    let shape = random.shape();
    let mut x = numbers(random, &shape);
    let rank = x.shape().len() as isize;
    let mut axes: Vec<isize> = (0..rank).filter(|_| random.below(2) == 0).collect();
    if axes.is_empty() && rank > 0 {
        axes.push(random.below(rank as usize) as isize);
    }
    let axes: Vec<isize> = axes.iter().map(|axis| if random.below(2) == 0 { axis - rank } else { *axis }).collect();
    for keep in [true, false] {
        agree(&mut x, |tape, x| f(tape.param(x), &axes, keep).square());
    }
    let wide = numbers(random, &[2, 3, 19]);
    // The trailing elements of the helper stay unchanged.
    agree(&mut wide.clone(), |tape, x| f(tape.param(x), &[1], false));
    agree(&mut wide.clone(), |tape, x| f(tape.param(x), &[0, 2], true));
    agree(&mut wide.clone(), |tape, x| f(tape.param(x), &[0], true));
}

fn along_each_axis(random: &mut Random, numbers: Numbers, f: impl for<'t> Fn(Var<'t, f64>, isize) -> Var<'t, f64>) {
    for shape in [&random.shape()[..], &[2, 3, 19], &[23]] {
        let mut x = numbers(random, shape);
        let rank = x.shape().len() as isize;
        for axis in -rank..rank {
            agree(&mut x, |tape, x| f(tape.param(x), axis));
        }
    }
}

/// Indices against their definition, with ties among small integers.
fn places(
    random: &mut Random,
    f: impl for<'t> Fn(Var<'t, f64>, isize) -> &'t [usize],
    better: impl Fn(f64, f64) -> bool,
) {
    let mut shape: Vec<usize> = random.shape();
    shape.push(1 + random.below(7));
    let axis = shape.len() - 1;
    let to = random.below(shape.len());
    shape.swap(axis, to);
    let x: Tensor<f64> = Tensor::from_fn(shape.clone(), |_| random.below(4) as f64);
    let tape = Tape::new();
    let found = f(tape.input(&x), to as isize);
    assert_eq!(found, f(tape.input(&x), to as isize - shape.len() as isize));
    let inner: usize = shape[to + 1..].iter().product();
    assert_eq!(found.len(), x.len() / shape[to]);
    for (run, &index) in found.iter().enumerate() {
        let at = |i: usize| x.data()[(run / inner * shape[to] + i) * inner + run % inner];
        assert!((0..shape[to]).all(|i| !better(at(i), at(index))), "a better element exists");
        assert!((0..index).all(|i| at(i) != at(index)), "an earlier element is equal");
    }
}

#[test]
fn equal_extremes_share_the_gradient() {
    let x = Tensor::new([2, 3], [1.0, 5.0, 5.0, 5.0, 2.0, 0.0]);
    let mut gradients = elbo_engine::Gradients::of(&x);
    let tape = Tape::new();
    let x = tape.param(&x);
    (x.max() * 6.0 + x.min_axes(&[0], false).sum()).backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [1.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
}

#[test]
fn every_extreme_propagates_nan() {
    let x = Tensor::new([3], [1.0, f64::NAN, 2.0]);
    let tape = Tape::new();
    let x = tape.input(&x);
    assert!(x.max().item().is_nan() && x.min().item().is_nan() && x.norm().item().is_nan());
    assert_eq!((x.argmax(0), x.argmin(0)), (&[1][..], &[1][..]));
}

#[test]
fn the_gradient_of_a_zero_norm_or_deviation_is_zero() {
    let x: Tensor<f64> = Tensor::zeros([4]);
    let mut gradients = elbo_engine::Gradients::of(&x);
    let tape = Tape::new();
    let x = tape.param(&x);
    (x.norm() + x.std(1)).backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [0.0; 4]);
}

#[test]
fn extreme_numbers_do_not_overflow() {
    let x: Tensor<f64> = Tensor::new([2], [3e200, 4e200]);
    let small: Tensor<f64> = Tensor::new([2], [3e-200, 4e-200]);
    let mixed: Tensor<f32> = Tensor::new([4], [1e30, 1e30, 1e-30, 1e-30]);
    let (tape, single) = (Tape::new(), Tape::new());
    assert!((tape.input(&x).norm().item() / 5e200 - 1.0).abs() < 1e-15);
    assert!((tape.input(&small).norm().item() / 5e-200 - 1.0).abs() < 1e-15);
    assert_eq!(tape.input(&x).log_sum_exp().item(), 4e200);
    assert!((single.input(&mixed).prod().item() - 1.0).abs() < 1e-6);
}

#[test]
fn infinities_in_a_sum_of_exponentials() {
    let lowest = f64::NEG_INFINITY;
    let x = Tensor::new([4, 2], [lowest, lowest, 1.0, lowest, f64::INFINITY, 0.0, f64::NAN, 0.0]);
    let tape = Tape::new();
    let y = tape.input(&x).log_sum_exp_axes(&[1], false);
    assert_eq!(y.value()[..3], [lowest, 1.0, f64::INFINITY]);
    assert!(y.value()[3].is_nan());
    let empty: Tensor<f64> = Tensor::zeros([0]);
    assert_eq!(tape.input(&empty).log_sum_exp().item(), lowest);
}

#[test]
fn a_variance_is_accurate_far_from_zero() {
    let exact = [-1.5f64, -0.5, 0.5, 1.5];
    let x: Tensor = Tensor::from_fn([4], |i| 1e6 + exact[i]);
    let tape = Tape::new();
    assert_eq!(tape.input(&x).variance(0).item(), 1.25);
}

#[test]
fn products_and_norms_of_empty_values() {
    let x: Tensor<f64> = Tensor::zeros([2, 0, 3]);
    let tape = Tape::new();
    let x = tape.input(&x);
    assert_eq!(x.prod().item(), 1.0);
    assert_eq!(x.prod_axes(&[1], false).value(), [1.0; 6]);
    assert_eq!(x.norm_axes(&[0, 1], true).value(), [0.0; 3]);
    assert!(x.max_axes(&[2], false).value().is_empty());
}
