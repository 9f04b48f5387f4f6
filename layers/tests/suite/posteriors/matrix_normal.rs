//! The matrix-normal posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

const ROWS: usize = 2;
const COLUMNS: usize = 3;

/// A lower-triangular factor of `n` rows, row by row.
fn factor(n: usize) -> impl Fn(usize) -> f64 {
    move |i| {
        let (row, column) = (i / n, i % n);
        match column {
            _ if column < row => 0.6 * number(i + n),
            _ if column == row => 0.5 + 0.2 * row as f64,
            _ => 0.0,
        }
    }
}

fn model<T: Real>() -> One<MatrixNormal<T>, Normal> {
    let weight = MatrixNormal::with_factors(
        Tensor::from_fn([ROWS, COLUMNS], number),
        &Tensor::from_fn([ROWS, ROWS], factor(ROWS)),
        &Tensor::from_fn([COLUMNS, COLUMNS], factor(COLUMNS)),
    );
    One { weight, prior: Normal(0.1, 0.9) }
}

/// Element (i, j) of L Lᵀ.
fn product(n: usize, i: usize, j: usize) -> f64 {
    (0..n).map(|k| factor(n)(i * n + k) * factor(n)(j * n + k)).sum()
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    check_moments(&model(), number, |i, j| {
        product(ROWS, i / COLUMNS, j / COLUMNS) * product(COLUMNS, i % COLUMNS, j % COLUMNS)
    });
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let given = [0.3, -1.0, 0.5, 2.0, -0.2, 0.7];
    let noise = FixedNoise::new().set("weight", Tensor::new([ROWS, COLUMNS], given));
    check_sample(&model(), &noise, |element| {
        let (i, j) = (element / COLUMNS, element % COLUMNS);
        let term =
            |k: usize, l: usize| factor(ROWS)(i * ROWS + k) * given[k * COLUMNS + l] * factor(COLUMNS)(j * COLUMNS + l);
        number(element) + (0..ROWS).flat_map(|k| (0..COLUMNS).map(move |l| term(k, l))).sum::<f64>()
    });
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&model());
    check_closed_form(&model::<f64>(), &model::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new().set("weight", Tensor::from_fn([ROWS, COLUMNS], |i| 2.0 * number(i + 3)));
    check_gradients(&mut model(), noise, 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&model(), 0.9);
}

#[test]
fn it_starts_like_a_mean_field() {
    let weight = MatrixNormal::<f64>::new([3, 2, 2]);
    assert_eq!(weight.mean.shape(), [3, 2, 2]);
    check_starts_like_mean_field(weight.clone(), &weight.mean);
}
