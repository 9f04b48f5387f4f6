//! Elementwise operations at all combinations of special numbers.

use elbo_engine::{Activation, Reduction, Tensor, Var};

use super::{Check, gradients, ordinary};
use crate::common::Random;

const SPECIAL: [f64; 13] =
    [0.0, -0.0, 1.0, -1.0, -2.0, 800.0, -800.0, 1e300, -1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// The number of ordinary elements: whole vectors and a remainder.
const ORDINARY: usize = 37;

const EACH: Reduction = Reduction::Each;

pub(super) const CHECKS: &[Check] = &[
    ("add", || two(|a, b| a + b)),
    ("sub", || two(|a, b| a - b)),
    ("mul", || two(|a, b| a * b)),
    ("div", || two(|a, b| a / b)),
    ("maximum", || two(|a, b| a.maximum(b))),
    ("minimum", || two(|a, b| a.minimum(b))),
    ("pow", || two(|a, b| a.pow(b))),
    ("atan2", || two(|a, b| a.atan2(b))),
    ("ln_add_exp", || two(|a, b| a.ln_add_exp(b))),
    ("xlogy", || two(|a, b| a.xlogy(b))),
    ("select", || two(|a, b| a.gt(b).select(a.sqrt(), b.ln()))),
    ("square", || one(|x| x.square())),
    ("abs", || one(|x| x.abs())),
    ("sign", || one(|x| x.sign())),
    ("sqrt", || one(|x| x.sqrt())),
    ("rsqrt", || one(|x| x.rsqrt())),
    ("recip", || one(|x| x.recip())),
    ("exp", || one(|x| x.exp())),
    ("exp_m1", || one(|x| x.exp_m1())),
    ("ln", || one(|x| x.ln())),
    ("ln_1p", || one(|x| x.ln_1p())),
    ("xlogx", || one(|x| x.xlogx())),
    ("relu", || one(|x| x.relu())),
    ("tanh", || one(|x| x.tanh())),
    ("sigmoid", || one(|x| x.sigmoid())),
    ("log_sigmoid", || one(|x| x.log_sigmoid())),
    ("softplus", || one(|x| x.softplus())),
    ("silu", || one(|x| x.silu())),
    ("gelu", || one(|x| x.gelu())),
    ("gelu_tanh", || one(|x| x.gelu_tanh())),
    ("activate", || {
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
            one(move |x| x.activate(activation));
        }
    }),
    ("scale_shift", || {
        one(|x| x.scale_shift(2.0, 1.0));
        one(|x| x.scale_shift(f64::INFINITY, 0.0));
        one(|x| x * f64::NAN);
    }),
    ("leaky_relu", || one(|x| x.leaky_relu(0.1))),
    ("elu", || one(|x| x.elu(0.7))),
    ("clamp", || one(|x| x.clamp(-1.0, 1.0))),
    ("powf", || [-1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0].into_iter().for_each(|n| one(move |x| x.powf(n)))),
    ("powi", || [-3, -1, 0, 1, 2, 5].into_iter().for_each(|n| one(move |x| x.powi(n)))),
    ("sin", || one(|x| x.sin())),
    ("cos", || one(|x| x.cos())),
    ("atan", || one(|x| x.atan())),
    ("sinh", || one(|x| x.sinh())),
    ("cosh", || one(|x| x.cosh())),
    ("erf", || one(|x| x.erf())),
    ("erfc", || one(|x| x.erfc())),
    ("ln_gamma", || one(|x| x.ln_gamma())),
    ("digamma", || one(|x| x.digamma())),
    ("ln_normal_cdf", || one(|x| x.ln_normal_cdf())),
    ("inverse_mills_ratio", || one(|x| x.inverse_mills_ratio())),
    ("mse", || many::<2>(|[x, y]| x.mse(y, EACH))),
    ("l1", || many::<2>(|[x, y]| x.l1(y, EACH))),
    ("huber", || many::<2>(|[x, y]| x.huber(y, 0.5, EACH))),
    ("bce_with_logits", || many::<2>(|[x, y]| x.bce_with_logits(y, EACH))),
    ("bce_with_logits_weighted", || many::<2>(|[x, y]| x.bce_with_logits_weighted(y, &vec![2.0; x.len()], EACH))),
    ("gaussian_nll", || many::<3>(|[x, y, v]| x.gaussian_nll(y, v, EACH))),
    ("student_t_nll", || many::<3>(|[x, y, s]| x.student_t_nll(y, s, 4.0, EACH))),
    ("student_t_nll_with_df", || many::<4>(|[x, y, s, df]| x.student_t_nll_with_df(y, s, df, EACH))),
    ("poisson_nll", || many::<2>(|[x, y]| x.poisson_nll(y, EACH))),
    ("negative_binomial_nll", || many::<2>(|[x, y]| x.negative_binomial_nll(y, 3.0, EACH))),
    ("negative_binomial_nll_with_dispersion", || {
        many::<3>(|[x, y, r]| x.negative_binomial_nll_with_dispersion(y, r, EACH));
    }),
];

fn one(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    many::<1>(|[x]| f(x));
}

fn two(f: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) {
    many::<2>(|[a, b]| f(a, b));
    broadcast(f);
}

/// Every combination of special numbers, followed by ordinary positive ones.
fn many<const N: usize>(f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>) {
    let mut random = Random::new(3);
    let combinations = SPECIAL.len().pow(N as u32);
    let digit = |i: usize, k: usize| SPECIAL[i / SPECIAL.len().pow(k as u32) % SPECIAL.len()];
    let alone: [Tensor<f64>; N] = std::array::from_fn(|_| ordinary(&mut random, &[ORDINARY], true));
    let together: [Tensor<f64>; N] = std::array::from_fn(|k| {
        Tensor::from_fn([combinations + ORDINARY], |i| match i.checked_sub(combinations) {
            None => digit(i, k),
            Some(i) => alone[k].data()[i],
        })
    });
    let adjoints = ordinary(&mut random, &[ORDINARY], false);
    let expected = gradients(&alone, |i| adjoints.data()[i], &|x| f(std::array::from_fn(|k| x[k])));
    let adjoint = |i: usize| i.checked_sub(combinations).map_or(0.0, |i| adjoints.data()[i]);
    let found = gradients(&together, adjoint, &|x| f(std::array::from_fn(|k| x[k])));
    for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let (special, others) = found.split_at(combinations);
        if let Some(i) = special.iter().position(|&gradient| gradient != 0.0) {
            let at: [f64; N] = std::array::from_fn(|k| digit(i, k));
            panic!("an adjoint of 0 passes on {} to input {k} at {at:?}", special[i]);
        }
        let same = others.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        assert!(same && others.len() == expected.len(), "input {k}: {others:?}, {expected:?}");
    }
}

/// A row and a column of special numbers, and rows and columns of ordinary ones: an operand's gradient is a sum over
/// elements, some of which have the adjoint 0.
fn broadcast(f: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>) {
    let mut random = Random::new(4);
    let special = SPECIAL.len();
    let both = [[5, 1], [1, 20]].map(|shape| ordinary(&mut random, &shape, true));
    let extended = both.each_ref().map(|x| {
        let shape = [x.shape()[0], x.shape()[1]].map(|length| if length == 1 { 1 } else { length + special });
        Tensor::from_fn(shape, |i| i.checked_sub(special).map_or_else(|| SPECIAL[i], |i| x.data()[i]))
    });
    let columns = both[1].len() + special;
    let adjoint = |row: usize, column: usize| (row as f64 * 3.0 + column as f64).sin();
    let expected = gradients(&both, |i| adjoint(i / both[1].len(), i % both[1].len()), &|x| f(x[0], x[1]));
    let of_extended = |i: usize| match ((i / columns).checked_sub(special), (i % columns).checked_sub(special)) {
        (Some(row), Some(column)) => adjoint(row, column),
        _ => 0.0,
    };
    let found = gradients(&extended, of_extended, &|x| f(x[0], x[1]));
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found[..special].iter().all(|&gradient| gradient == 0.0), "{found:?}");
        let near = found[special..].iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-13 * (1.0 + b.abs()));
        assert!(near, "{found:?}, {expected:?}");
    }
}
