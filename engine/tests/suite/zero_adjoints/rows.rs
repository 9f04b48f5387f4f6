//! Operations on rows: a row of special numbers whose result has the adjoint 0, and an ordinary one.

use elbo_engine::{Activation, Attention, Convolution, CrossEntropy, Pooling, Recurrent, Reduction, Tensor, Var};

use super::{Check, gradients, ordinary};
use crate::common::Random;

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// Contents of the special row, repeated to its length.
const FILLS: &[&[f64]] =
    &[&[NAN], &[0.0], &[INFINITY], &[-INFINITY], &[1e300], &[0.0, NAN, -1.0, INFINITY, 2.0, -INFINITY]];

pub(super) const CHECKS: &[Check] = &[
    ("sum", || reduction(|x| x.sum())),
    ("mean", || reduction(|x| x.mean())),
    ("prod", || reduction(|x| x.prod())),
    ("max", || reduction(|x| x.max())),
    ("min", || reduction(|x| x.min())),
    ("variance", || reduction(|x| x.variance(1))),
    ("std", || reduction(|x| x.std(0))),
    ("norm", || reduction(|x| x.norm())),
    ("log_sum_exp", || reduction(|x| x.log_sum_exp())),
    ("sum_axes", || along(|x, axis| x.sum_axes(&[axis], true))),
    ("mean_axes", || along(|x, axis| x.mean_axes(&[axis], true))),
    ("prod_axes", || along(|x, axis| x.prod_axes(&[axis], true))),
    ("max_axes", || along(|x, axis| x.max_axes(&[axis], true))),
    ("min_axes", || along(|x, axis| x.min_axes(&[axis], true))),
    ("variance_axes", || along(|x, axis| x.variance_axes(&[axis], true, 0))),
    ("std_axes", || along(|x, axis| x.std_axes(&[axis], true, 1))),
    ("norm_axes", || along(|x, axis| x.norm_axes(&[axis], true))),
    ("log_sum_exp_axes", || along(|x, axis| x.log_sum_exp_axes(&[axis], true))),
    ("log_softmax", || along(|x, axis| x.log_softmax(axis))),
    ("softmax", || along(|x, axis| x.softmax(axis))),
    ("cumsum", || along(|x, axis| x.cumsum(axis))),
    ("cumprod", || along(|x, axis| x.cumprod(axis))),
    ("log_sum_exp_weighted", || {
        let shapes = [Rows(&[5]), Rows(&[5])];
        check(&shapes, FILLS, &|x| each_row(x[0], |i| x[0].at(0, i).log_sum_exp_weighted(x[1].at(0, i).square())));
    }),
    ("log_sum_exp_weighted_axes", || {
        let shapes = [Rows(&[5]), Rows(&[5])];
        check(&shapes, FILLS, &|x| x[0].log_sum_exp_weighted_axes(x[1].square(), &[1], false));
        check(&[Rows(&[5]), Shared(&[5])], FILLS, &|x| x[0].log_sum_exp_weighted_axes(x[1].square(), &[1], false));
    }),
    ("layer_norm", || {
        check(&[Rows(&[6]), Shared(&[6]), Shared(&[6])], FILLS, &|x| x[0].layer_norm(1, (x[1], x[2]), 0.0));
        check(&[Rows(&[2, 3])], FILLS, &|x| x[0].layer_norm(2, (), 0.0));
    }),
    ("rms_norm", || check(&[Rows(&[6]), Shared(&[6])], FILLS, &|x| x[0].rms_norm(1, (x[1],), 0.0))),
    ("group_norm", || {
        let shapes = [Rows(&[4, 3]), Shared(&[4]), Shared(&[4])];
        check(&shapes, FILLS, &|x| x[0].group_norm(2, (x[1], x[2]), 0.0));
        check(&[Rows(&[4]), Shared(&[4])], FILLS, &|x| x[0].group_norm(2, (x[1],), 0.0));
    }),
    ("instance_norm", || {
        let shapes = [Rows(&[2, 5]), Shared(&[2]), Shared(&[2])];
        check(&shapes, FILLS, &|x| x[0].instance_norm((x[1], x[2]), 0.0));
    }),
    // The rows are channels.
    ("batch_norm", || {
        let shapes = [Rows(&[6]), Rows(&[]), Rows(&[])];
        check(&shapes, FILLS, &|x| x[0].transpose().batch_norm((x[1], x[2]), None, 0.0).transpose());
        let shapes = [Rows(&[3, 4]), Rows(&[]), Rows(&[])];
        let swap = [1, 0, 2];
        check(&shapes, FILLS, &|x| x[0].permute(&swap).batch_norm((x[1], x[2]), None, 0.0).permute(&swap));
    }),
    ("batch_norm_with", || {
        for bad in [[0.0, 0.0], [NAN, 1.0], [0.0, NAN], [INFINITY, INFINITY]] {
            check(&[Rows(&[6]), Rows(&[])], FILLS, &|x| {
                let channels = x[0].shape()[0];
                let statistic = |k: usize| {
                    let is_bad = move |c: usize| channels == 2 && c == 0;
                    x[0].tape().constant([channels], move |c| if is_bad(c) { bad[k] } else { [0.3, 2.0][k] })
                };
                x[0].transpose().batch_norm_with((x[1],), statistic(0), statistic(1), 0.0).transpose()
            });
        }
    }),
    ("cross_entropy", || {
        check(&[Rows(&[4])], FILLS, &|x| each_row(x[0], |i| x[0].slice(0, i..=i, 1).cross_entropy(&[2])))
    }),
    ("cross_entropy_with", || {
        for smoothing in [0.0, 0.3] {
            check(&[Rows(&[4])], FILLS, &|x| {
                let labels = x[0].tape().alloc_slice(x[0].shape()[0], |_| 1);
                x[0].cross_entropy_with(
                    labels,
                    CrossEntropy::new().reduction(Reduction::Each).label_smoothing(smoothing),
                )
            });
        }
    }),
    ("affine", || check(&[Rows(&[4]), Product(&[3, 4]), Shared(&[3])], FILLS, &|x| x[0].affine(x[1], x[2]))),
    ("affine_activated", || {
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid] {
            let shapes = [Rows(&[4]), Product(&[3, 4]), Shared(&[3])];
            check(&shapes, FILLS, &|x| x[0].affine_activated(x[1], x[2], activation));
        }
    }),
    ("convolve", || {
        let shapes = [Rows(&[2, 5, 5]), Product(&[3, 2, 3, 3]), Shared(&[3])];
        check(&shapes, FILLS, &|x| x[0].convolve(x[1], Some(x[2]), Convolution::<2>::new().padding([1, 1])));
    }),
    ("convolve_transposed", || {
        let shapes = [Rows(&[2, 4]), Product(&[2, 3, 3]), Shared(&[3])];
        check(&shapes, FILLS, &|x| x[0].convolve_transposed(x[1], Some(x[2]), Convolution::<1>::new().transposed()));
    }),
    ("max_pool", || check(&[Rows(&[1, 4, 4])], FILLS, &|x| x[0].max_pool(Pooling::new([2, 2])))),
    ("avg_pool", || check(&[Rows(&[1, 4, 4])], FILLS, &|x| x[0].avg_pool(Pooling::new([3, 2]).padding([1, 1])))),
    ("adaptive_avg_pool", || check(&[Rows(&[1, 5, 4])], FILLS, &|x| x[0].adaptive_avg_pool([2, 3]))),
    // Scores that overflow: their differences are NaN.
    ("attention", || {
        let shapes = [Rows(&[1, 4]), Shared(&[1, 3, 4]), Shared(&[1, 3, 4])];
        check(&shapes, &[&[1.7e308]], &|x| {
            x[0].permute(&[1, 0, 2]).attention(x[1] * 4.0, x[2], Attention::new()).permute(&[1, 0, 2])
        });
    }),
    ("lstm_cell", || {
        check(&[Rows(&[8]), Rows(&[8]), Rows(&[2])], FILLS, &|x| {
            let [output, cell] = x[0].lstm_cell(x[1], x[2]);
            output + cell
        });
    }),
    ("gru_cell", || check(&[Rows(&[6]), Rows(&[6]), Rows(&[2])], FILLS, &|x| x[0].gru_cell(x[1], x[2]))),
    ("rnn_cell", || check(&[Rows(&[2]), Rows(&[2])], FILLS, &|x| x[0].rnn_cell(x[1]))),
    ("lstm", || recurrent(4, |x, weights, state| x.lstm(weights, [state; 2]).0)),
    ("gru", || recurrent(3, |x, weights, state| x.gru(weights, state).0)),
    ("rnn", || recurrent(1, |x, weights, state| x.rnn(weights, state).0)),
    ("rnn_relu", || recurrent(1, |x, weights, state| x.rnn_relu(weights, state).0)),
    ("lstm_padded", || recurrent(4, |x, weights, state| x.lstm_padded(&lengths(x), weights, [state; 2]).0)),
    ("gru_padded", || recurrent(3, |x, weights, state| x.gru_padded(&lengths(x), weights, state).0)),
    ("rnn_padded", || recurrent(1, |x, weights, state| x.rnn_padded(&lengths(x), weights, state).0)),
    ("rnn_relu_padded", || recurrent(1, |x, weights, state| x.rnn_relu_padded(&lengths(x), weights, state).0)),
    ("cholesky", || check(&[Rows(&[2])], &[&[1.0]], &|x| definite(x[0]).cholesky())),
    ("cholesky_with_jitter", || check(&[Rows(&[2])], &[&[1.0]], &|x| definite(x[0]).cholesky_with_jitter(0.1))),
    ("try_cholesky", || check(&[Rows(&[2])], &[&[1.0]], &|x| definite(x[0]).try_cholesky(0.1).unwrap())),
    ("logdet_positive_definite", || check(&[Rows(&[2])], &[&[1.0]], &|x| definite(x[0]).logdet_positive_definite())),
    ("logdet", || check(&[Rows(&[3, 3])], FILLS, &|x| x[0].logdet())),
    ("slogdet", || check(&[Rows(&[3, 3])], FILLS, &|x| x[0].slogdet()[1])),
    ("solve", || {
        check(&[Rows(&[3, 3]), Rows(&[3, 2])], &[&[NAN]], &|x| x[0].solve(x[1]));
        check(&[Rows(&[3, 3]), Shared(&[3, 2])], &[&[NAN], &[0.5, NAN, 1.0]], &|x| x[0].solve(x[1]));
    }),
    ("triangular_solve", || {
        let lower = elbo_engine::Triangle::LOWER;
        check(&[Rows(&[3, 3]), Shared(&[3, 2])], &[&[NAN], &[INFINITY]], &|x| x[0].triangular_solve(x[1], lower));
    }),
    ("inverse", || check(&[Rows(&[3, 3])], &[&[NAN]], &|x| x[0].inverse())),
    ("eigenvalues", || check(&[Rows(&[3, 3])], &[&[NAN], &[INFINITY]], &|x| x[0].eigenvalues())),
];

/// Lengths of sequences whose last step is padding.
fn lengths(x: Var<'_, f64>) -> Vec<usize> {
    vec![x.shape()[1] - 1; x.shape()[0]]
}

/// An input.
#[derive(Clone, Copy)]
enum Input {
    /// This shape for each of the rows.
    Rows(&'static [usize]),
    /// An input without rows, whose gradient is a sum over them.
    Shared(&'static [usize]),
    /// The same as a factor in sums of products, in which NaN stays NaN: its gradient is not compared.
    Product(&'static [usize]),
}

use Input::{Product, Rows, Shared};

/// A function whose output has as many rows as its inputs.
type Function<'f> = &'f dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>;

fn check(inputs: &[Input], fills: &[&[f64]], f: Function<'_>) {
    for fill in fills {
        let mut random = Random::new(7);
        let alone: Vec<Tensor<f64>> = inputs
            .iter()
            .map(|&input| match input {
                Rows(shape) => ordinary(&mut random, &[&[1], shape].concat(), false),
                Shared(shape) | Product(shape) => ordinary(&mut random, shape, false),
            })
            .collect();
        let both: Vec<Tensor<f64>> = inputs
            .iter()
            .zip(&alone)
            .map(|(&input, alone)| match input {
                Rows(shape) => Tensor::from_fn([&[2], shape].concat(), |i| match i.checked_sub(alone.len()) {
                    None => fill[i % fill.len()],
                    Some(i) => alone.data()[i],
                }),
                Shared(_) | Product(_) => alone.clone(),
            })
            .collect();
        let adjoint = |i: usize| (i as f64).sin() + 0.1;
        let len = elements(&alone, f);
        let expected = gradients(&alone, adjoint, f);
        let found = gradients(&both, |i| i.checked_sub(len).map_or(0.0, adjoint), f);
        for (k, (&input, (found, expected))) in inputs.iter().zip(found.iter().zip(&expected)).enumerate() {
            let (special, others) = match input {
                Rows(_) => found.split_at(expected.len()),
                Shared(_) => (&[][..], &found[..]),
                Product(_) => continue,
            };
            assert!(special.iter().all(|&gradient| gradient == 0.0), "input {k}, a row of {fill:?}: {special:?}");
            let near = others.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs()));
            assert!(near, "input {k}, beside a row of {fill:?}: {others:?}, {expected:?}");
        }
    }
}

fn elements(inputs: &[Tensor<f64>], f: Function<'_>) -> usize {
    let tape = elbo_engine::Tape::new();
    let inputs: Vec<_> = inputs.iter().map(|tensor| tape.input(tensor)).collect();
    f(&inputs).len()
}

/// A function of each row, by its index.
fn each_row<'t>(x: Var<'t, f64>, f: impl Fn(isize) -> Var<'t, f64>) -> Var<'t, f64> {
    let rows: Vec<_> = (0..x.shape()[0] as isize).map(f).collect();
    Var::stack(&rows, 0)
}

/// A reduction of all elements of a row.
fn reduction(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    check(&[Rows(&[5])], FILLS, &|x| each_row(x[0], |i| f(x[0].at(0, i))));
}

/// An operation along an axis that is contiguous, or not: its runs are then side by side.
fn along(f: impl for<'t> Fn(Var<'t, f64>, isize) -> Var<'t, f64>) {
    check(&[Rows(&[5])], FILLS, &|x| f(x[0], 1));
    check(&[Rows(&[20])], FILLS, &|x| f(x[0].transpose(), 0).transpose());
    check(&[Rows(&[3, 4])], FILLS, &|x| f(x[0], 1));
}

/// A whole sequence; only the gradient of x is compared, as the weights are factors in matrix products.
fn recurrent(gates: usize, f: impl for<'t> Fn(Var<'t, f64>, Recurrent<Var<'t, f64>>, Var<'t, f64>) -> Var<'t, f64>) {
    let mut random = Random::new(9);
    let (input, hidden) = (random.tensor(&[gates * 4, 3]), random.tensor(&[gates * 4, 4]));
    check(&[Rows(&[2, 3]), Rows(&[4])], FILLS, &|x| {
        let tape = x[0].tape();
        let constant = |w: &Tensor<f64>| tape.constant(w.shape(), |i| w.data()[i]);
        let weights = Recurrent {
            weight_ih: constant(&input),
            weight_hh: constant(&hidden),
            biases: [None, None],
            projection: None,
            reverse: false,
        };
        f(x[0], weights, x[1])
    });
}

/// Positive-definite matrices 2 · 1 + x xᵀ.
fn definite(x: Var<'_, f64>) -> Var<'_, f64> {
    let [rows, n] = [x.shape()[0], x.shape()[1]];
    let outer = x.reshape([rows, n, 1]) * x.reshape([rows, 1, n]);
    outer + x.tape().constant([n, n], |i| if i % (n + 1) == 0 { 2.0 } else { 0.0 })
}
