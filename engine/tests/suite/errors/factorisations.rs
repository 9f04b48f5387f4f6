//! Errors of linear algebra: shapes, and matrices that are singular or indefinite.

use elbo_engine::{Tape, Tensor, Triangle};

use super::{panics, zeros};

#[test]
fn matrices_that_are_not_square() {
    let [x, line] = [zeros(&[2, 3]), zeros(&[3])];
    let tape = Tape::new();
    let [x, line] = [tape.input(&x), tape.input(&line)];
    panics(&["cholesky", "[2, 3]", "(.., n, n)"], || x.cholesky());
    panics(&["inverse", "[2, 3]", "(.., n, n)"], || x.inverse());
    panics(&["logdet", "[3]", "(.., n, n)"], || line.logdet());
    panics(&["slogdet", "[2, 3]", "(.., n, n)"], || x.slogdet());
    panics(&["logdet_positive_definite", "[2, 3]"], || x.logdet_positive_definite());
    panics(&["solve", "[2, 3]", "(.., n, n)"], || x.solve(x));
    panics(&["triangular_solve", "[3]", "(.., n, n)"], || line.triangular_solve(x, Triangle::LOWER));
    panics(&["outer", "[2, 3]", "[3]", "two vectors"], || x.outer(line));
}

#[test]
fn right_hand_sides_that_do_not_match() {
    let [a, b, many, others] = [zeros(&[3, 3]), zeros(&[2, 3]), zeros(&[2, 3, 3]), zeros(&[4, 3, 1])];
    let tape = Tape::new();
    let [a, b, many, others] = [&a, &b, &many, &others].map(|x| tape.input(x));
    panics(&["solve", "[3, 3]", "[2, 3]", "(.., 3, columns)"], || a.solve(b));
    panics(&["solve", "[3, 3]", "[]"], || a.solve(b.sum()));
    panics(&["triangular_solve", "[2, 3, 3]", "[4, 3, 1]"], || many.triangular_solve(others, Triangle::UPPER));
}

#[test]
fn matrices_that_are_not_positive_definite() {
    let batch: Tensor<f64> = Tensor::new([2, 2, 2], [2.0, 1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0]);
    let (one, bad) = (Tensor::<f64>::new([1, 1], [-0.5]), Tensor::<f64>::new([1, 1], [f64::NAN]));
    let tape = Tape::new();
    let [batch, one, bad] = [&batch, &one, &bad].map(|x| tape.input(x));
    let words = ["cholesky", "matrix [1] of the batch [2]", "pivot 1 is -3e0", "cholesky_with_jitter"];
    panics(&words, || batch.cholesky());
    panics(&["logdet_positive_definite: ", "matrix [1]", "pivot 1"], || batch.logdet_positive_definite());
    panics(&["cholesky_with_jitter: ", "pivot 1", "with the jitter 5e-1"], || batch.cholesky_with_jitter(0.5));
    panics(&["cholesky", "the matrix", "pivot 0 is -5e-1"], || one.cholesky());
    panics(&["cholesky", "pivot 0 is NaN", "not finite", "first_non_finite"], || bad.cholesky());
    panics(&["cholesky_with_jitter", "-1", "not negative"], || one.cholesky_with_jitter(-1.0));
    panics(&["cholesky_with_jitter", "NaN", "finite"], || one.cholesky_with_jitter(f64::NAN));
    panics(&["try_cholesky", "inf", "finite"], || one.try_cholesky(f64::INFINITY));
}

#[test]
fn a_factorisation_that_fails_is_an_error_of_try_cholesky() {
    let a: Tensor<f64> = Tensor::new([1, 2, 2, 2], [4.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let tape = Tape::new();
    let a = tape.input(&a);
    let error = a.try_cholesky(0.0).unwrap_err();
    assert_eq!((&error.batch[..], error.matrix), (&[1, 2][..], 1));
    assert_eq!((error.draw, error.pivot, error.value), (0, 1, 0.0));
    assert_eq!((error.jitter, error.mean_of_diagonal), (0.0, 1.0));
    let text = error.to_string();
    assert!(text.starts_with("matrix [0, 1] of the batch [1, 2] is not positive definite: pivot 1 is 0e0"), "{text}");
    let l = a.try_cholesky(0.25).unwrap();
    assert_eq!(l.value()[..4], [4.25f64.sqrt(), 0.0, 0.0, 1.25f64.sqrt()]);
    assert_eq!(l.value(), a.cholesky_with_jitter(0.25).value());
}

#[test]
fn the_draw_of_a_matrix_that_is_not_positive_definite_is_named() {
    let tape: Tape<f64> = Tape::new();
    let draws = crate::common::draws_of(&tape, &[[2.0, 1.0, 1.0, 2.0], [1.0, 2.0, 2.0, 1.0]]);
    panics(&["the matrix in draw 1", "pivot 1"], || draws.reshape([2, 2]).cholesky());
}

#[test]
fn singular_systems() {
    let a: Tensor<f64> = Tensor::new([2, 2, 2], [1.0, 0.0, 0.0, 2.0, 1.0, 2.0, 2.0, 4.0]);
    let triangle: Tensor<f64> = Tensor::new([2, 2], [1.0, 0.0, 3.0, 0.0]);
    let b = Tensor::new([2, 1], [1.0, 0.0]);
    let tape = Tape::new();
    let [a, triangle, b] = [&a, &triangle, &b].map(|x| tape.input(x));
    panics(&["solve: matrix [1] of the batch [2] is singular", "pivot 1 is 0"], || a.solve(b));
    panics(&["inverse: matrix [1] of the batch [2] is singular", "pivot 1 is 0"], || a.inverse());
    let lower = Triangle::LOWER;
    panics(&["triangular_solve: the matrix is singular", "pivot 1 is 0"], || triangle.triangular_solve(b, lower));
    let unit = triangle.triangular_solve(b, Triangle::LOWER.unit_diagonal());
    assert_eq!(unit.value(), [1.0, -3.0]);
    assert_eq!(a.logdet().value(), [2f64.ln(), f64::NEG_INFINITY]);
    assert_eq!(a.slogdet()[0].value(), [1.0, 0.0]);
}

/// A number that is not finite is not a singular matrix: it passes through, and its operation can be found.
#[test]
fn systems_with_nan() {
    let a: Tensor<f64> = Tensor::new([2, 2], [1.0, f64::NAN, 0.0, 2.0]);
    let tape = Tape::new();
    let a = tape.input(&a);
    assert!(a.solve(a).value().iter().any(|x| x.is_nan()));
    assert!(a.inverse().value().iter().any(|x| x.is_nan()));
}
