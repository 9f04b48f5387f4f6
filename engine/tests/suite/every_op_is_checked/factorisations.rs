//! Gradient checks of linear algebra, and values by the equations they solve.

use elbo_engine::{Tape, Tensor, Triangle, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("outer", outer),
    ("cholesky", cholesky),
    ("cholesky_with_jitter", cholesky_with_jitter),
    ("try_cholesky", |random| {
        let (batch, n) = (batch(random), rows(random));
        agree(&mut positive_definite(random, &batch, n), |tape, a| tape.param(a).try_cholesky(0.1).unwrap());
    }),
    ("triangular_solve", triangular_solve),
    ("solve", solve),
    ("inverse", inverse),
    ("logdet", |random| determinant(random, |x| x.logdet())),
    ("slogdet", |random| determinant(random, |x| x.slogdet()[1])),
    ("logdet_positive_definite", logdet_positive_definite),
    ("eigenvalues", eigenvalues),
];

/// Mostly few rows; sometimes more than one block of the kernels.
fn rows(random: &mut Random) -> usize {
    if random.below(15) == 0 { 50 } else { random.below(6) }
}

fn batch(random: &mut Random) -> Vec<usize> {
    (0..random.below(3)).map(|_| if random.below(12) == 0 { 0 } else { 1 + random.below(2) }).collect()
}

/// Square matrices with a dominant diagonal of either sign, far from singular.
fn regular(random: &mut Random, batch: &[usize], n: usize) -> Tensor<f64> {
    let mut x = random.tensor(&[batch, &[n, n]].concat());
    for i in 0..x.len() {
        if (i / n) % n == i % n {
            x.data_mut()[i] += x.data()[i].signum() * 1.5 * n as f64;
        }
    }
    x
}

/// Matrices whose symmetric part is positive definite.
fn positive_definite(random: &mut Random, batch: &[usize], n: usize) -> Tensor<f64> {
    let x = regular(random, batch, n);
    Tensor::from_fn(x.shape(), |i| if (i / n) % n == i % n { x.data()[i].abs() } else { x.data()[i] })
}

#[track_caller]
fn close(a: Var<'_, f64>, b: Var<'_, f64>) {
    assert_eq!(a.shape(), b.shape());
    assert!(a.value().iter().zip(b.value()).all(|(a, b)| (a - b).abs() < 1e-11), "{a:?} and {b:?}");
}

fn identity(tape: &Tape<f64>, n: usize) -> Var<'_, f64> {
    tape.constant([n, n], |i| f64::from(i / n == i % n))
}

fn outer(random: &mut Random) {
    let [m, n] = [(); 2].map(|()| random.below(5));
    let mut model = [random.tensor(&[m]), random.tensor(&[n])];
    agree(&mut model, |tape, [a, b]| tape.param(a).outer(tape.param(b)));
    agree(&mut model[0], |tape, a| tape.param(a).outer(tape.param(a)));
    let tape = Tape::new();
    let product = tape.input(&model[0]).outer(tape.input(&model[1]));
    assert_eq!(product.shape(), [m, n]);
    let expected = model[0].data().iter().flat_map(|a| model[1].data().iter().map(move |b| a * b));
    assert!(product.value().iter().copied().eq(expected));
}

fn cholesky(random: &mut Random) {
    let (batch, n) = (batch(random), rows(random));
    let mut a = positive_definite(random, &batch, n);
    agree(&mut a, |tape, a| tape.param(a).cholesky());
    agree(&mut a, |tape, a| {
        let a = tape.param(a);
        a.cholesky().sum() + a.square().sum()
    });
    let tape = Tape::new();
    let a = tape.input(&a);
    let l = a.cholesky();
    close(l.matmul(l.transpose()), (a + a.transpose()) * 0.5);
    close(l, l.tril(0));
}

fn cholesky_with_jitter(random: &mut Random) {
    let (batch, n) = (batch(random), rows(random));
    let mut a = positive_definite(random, &batch, n);
    agree(&mut a, |tape, a| tape.param(a).cholesky_with_jitter(0.3));
    let tape = Tape::new();
    let a = tape.input(&a);
    close(a.cholesky_with_jitter(0.3), (a + identity(&tape, n) * 0.3).cholesky());
    close(a.cholesky_with_jitter(0.0), a.cholesky());
}

/// Batches of matrices and of right-hand sides that broadcast to each other.
fn broadcast_batches(random: &mut Random) -> [Vec<usize>; 2] {
    let batch = batch(random);
    [random.narrower(&batch), random.narrower(&batch)]
}

fn triangular_solve(random: &mut Random) {
    let ([a_batch, b_batch], n, columns) = (broadcast_batches(random), rows(random), random.below(4));
    let triangle = [Triangle::LOWER, Triangle::UPPER][random.below(2)];
    let mut triangle = if random.below(2) == 0 { triangle } else { triangle.transposed() };
    // With ones on the diagonal, solutions of large systems would grow too much.
    let ones = n < 5 && random.below(2) == 0;
    if ones {
        triangle = triangle.unit_diagonal();
    }
    let mut model = [regular(random, &a_batch, n), random.tensor(&[&b_batch[..], &[n, columns]].concat())];
    agree(&mut model, |tape, [a, b]| tape.param(a).triangular_solve(tape.param(b), triangle));
    let tape = Tape::new();
    let [a, b] = [tape.input(&model[0]), tape.input(&model[1])];
    let plain = [triangle, triangle.transposed()].contains(&Triangle::LOWER)
        || [triangle, triangle.transposed()].contains(&Triangle::LOWER.unit_diagonal());
    let part = match (plain, ones) {
        (true, false) => a.tril(0),
        (false, false) => a.triu(0),
        (true, true) => a.tril(-1) + identity(&tape, n),
        (false, true) => a.triu(1) + identity(&tape, n),
    };
    let is_transposed = [Triangle::LOWER, Triangle::UPPER].map(Triangle::transposed).contains(&triangle)
        || [Triangle::LOWER, Triangle::UPPER].map(|t| t.transposed().unit_diagonal()).contains(&triangle);
    let part = if is_transposed { part.transpose() } else { part };
    let product = part.matmul(a.triangular_solve(b, triangle));
    close(product, b.broadcast_to(product.shape()));
}

fn solve(random: &mut Random) {
    let ([a_batch, b_batch], n, columns) = (broadcast_batches(random), rows(random), random.below(4));
    let mut model = [regular(random, &a_batch, n), random.tensor(&[&b_batch[..], &[n, columns]].concat())];
    // Permuted rows, so that pivoting exchanges them.
    model[0] = {
        let tape = Tape::new();
        tape.input(&model[0]).roll(-2, random.below(n + 1) as isize).to_tensor()
    };
    agree(&mut model, |tape, [a, b]| tape.param(a).solve(tape.param(b)));
    let tape = Tape::new();
    let [a, b] = [tape.input(&model[0]), tape.input(&model[1])];
    let product = a.matmul(a.solve(b));
    close(product, b.broadcast_to(product.shape()));

    let mut vector = [model[0].clone(), random.tensor(&[n])];
    agree(&mut vector, |tape, [a, b]| tape.param(a).solve(tape.param(b)));
}

fn inverse(random: &mut Random) {
    let (batch, n) = (batch(random), rows(random));
    let mut a = regular(random, &batch, n);
    agree(&mut a, |tape, a| tape.param(a).inverse());
    let tape = Tape::new();
    let a = tape.input(&a);
    close(a.matmul(a.inverse()), identity(&tape, n).broadcast_to(a.shape()));
}

fn determinant(random: &mut Random, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) {
    let (batch, n) = (batch(random), rows(random));
    let mut a = positive_definite(random, &batch, n);
    agree(&mut a, |tape, a| f(tape.param(a)));
    // ln det AB = ln det A + ln det B.
    let other = positive_definite(random, &batch, n);
    let tape = Tape::new();
    let [a, b] = [tape.input(&a), tape.input(&other)];
    close(f(a.matmul(b)), f(a) + f(b));
    close(a.slogdet()[0], tape.constant(&batch, |_| 1.0));
    // Exchanging two rows flips the sign.
    if n > 1 {
        let mut order: Vec<usize> = (0..n).collect();
        order.swap(0, n - 1);
        let [sign, size] = a.index_select(-2, &order).slogdet();
        close(sign, tape.constant(&batch, |_| -1.0));
        close(size, f(a));
        assert!(a.index_select(-2, &order).logdet().value().iter().all(|x| x.is_nan()));
    }
}

fn logdet_positive_definite(random: &mut Random) {
    let (batch, n) = (batch(random), rows(random));
    let mut a = positive_definite(random, &batch, n);
    agree(&mut a, |tape, a| tape.param(a).logdet_positive_definite());
    let tape = Tape::new();
    let a = tape.input(&a);
    let symmetric = (a + a.transpose()) * 0.5;
    close(a.logdet_positive_definite(), symmetric.logdet());
}

fn eigenvalues(random: &mut Random) {
    let (batch, n) = (batch(random), rows(random).min(7));
    // Well separated eigenvalues: n on the diagonal, n − 1, and so on, and small other elements.
    let mut a = random.tensor(&[&batch[..], &[n, n]].concat());
    for (i, x) in a.data_mut().iter_mut().enumerate() {
        let at = i % (n * n).max(1);
        *x = if at / n == at % n { (at / n) as f64 * 4.0 + *x } else { 0.3 * *x };
    }
    agree(&mut a, |tape, a| tape.param(a).eigenvalues());
    agree(&mut a, |tape, a| {
        let a = tape.param(a);
        a.eigenvalues().square().sum() + a.square().sum()
    });
    let tape = Tape::new();
    let a = tape.input(&a);
    let (values, symmetric) = (a.eigenvalues(), (a + a.transpose()) * 0.5);
    assert!(values.value().chunks(n.max(1)).all(|values| values.is_sorted()));
    // Trace, squared norm and determinant of the matrix.
    close(values.sum_axes(&[-1], false), a.diagonal().sum_axes(&[-1], false));
    close(values.square().sum_axes(&[-1], false), symmetric.square().sum_axes(&[-2, -1], false));
    let [sign, size] = symmetric.slogdet();
    let ratio = values.prod_axes(&[-1], false) / (sign * size.exp());
    close(ratio, tape.constant(ratio.shape(), |_| 1.0));
}
