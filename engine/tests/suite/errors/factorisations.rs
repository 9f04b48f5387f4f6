//! Mistakes in linear algebra; and values that no mistake in a shape explains, which are no panic.

use elbo_engine::{CholeskyFactor, Gradients, Origin, Tape, Tensor};

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
    panics(&["triangular_solve", "[3]", "(.., n, n)"], || line.triangular_solve(x, CholeskyFactor::LOWER));
    panics(&["outer", "[2, 3]", "[3]", "two vectors"], || x.outer(line));
}

#[test]
fn right_hand_sides_that_do_not_fit() {
    let [a, b, many, others] = [zeros(&[3, 3]), zeros(&[2, 3]), zeros(&[2, 3, 3]), zeros(&[4, 3, 1])];
    let tape = Tape::new();
    let [a, b, many, others] = [&a, &b, &many, &others].map(|x| tape.input(x));
    panics(&["solve", "[3, 3]", "[2, 3]", "(.., 3, columns)"], || a.solve(b));
    panics(&["solve", "[3, 3]", "[]"], || a.solve(b.sum()));
    panics(&["triangular_solve", "[2, 3, 3]", "[4, 3, 1]"], || many.triangular_solve(others, CholeskyFactor::UPPER));
}

#[test]
fn a_matrix_that_is_not_positive_definite_has_no_factor_and_the_line_is_found() {
    let a: Tensor<f64> = Tensor::new([2, 2, 2], [2.0, 1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0]);
    let gradients = Gradients::of(&a);
    let tape = Tape::new();
    let (l, line) = (tape.param(&a).cholesky(), line!());
    let nan = [false, false, false, false, true, false, true, true];
    assert!(l.value().iter().zip(nan).all(|(x, nan)| x.is_nan() == nan), "{l:?}");
    let found = tape.first_non_finite(&gradients).unwrap();
    let Origin::Operation { name, caller } = found.origin else { panic!("{found}") };
    assert_eq!((name, caller.line()), ("cholesky", line));
}

#[test]
fn a_singular_matrix_has_no_finite_inverse() {
    let a: Tensor<f64> = Tensor::new([2, 2], [1.0, 2.0, 2.0, 4.0]);
    let tape = Tape::new();
    let a = tape.input(&a);
    assert!(a.inverse().value().iter().any(|x| !x.is_finite()));
    assert_eq!(a.logdet().item(), f64::NEG_INFINITY);
    assert_eq!(a.slogdet().map(|x| x.item()), [0.0, f64::NEG_INFINITY]);
}
