//! The full-covariance normal posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

const ELEMENTS: usize = 4;

/// L, row by row.
fn factor(i: usize) -> f64 {
    let (row, column) = (i / ELEMENTS, i % ELEMENTS);
    match column {
        _ if column < row => 0.5 * number(i + 11),
        _ if column == row => 0.3 + 0.2 * row as f64,
        _ => 0.0,
    }
}

fn model<T: Real>() -> One<FullCovariance<T>, Normal> {
    let mean = Tensor::from_fn([2, 2], number);
    One {
        weight: FullCovariance::with_factor(mean, &Tensor::from_fn([ELEMENTS, ELEMENTS], factor)),
        prior: Normal(-0.1, 0.7),
    }
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    let row = |i: usize| (0..ELEMENTS).map(move |k| factor(i * ELEMENTS + k));
    check_moments(&model(), number, |i, j| row(i).zip(row(j)).map(|(a, b)| a * b).sum());
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let given = [0.3, -1.0, 0.5, 2.0];
    let noise = FixedNoise::new().set("weight", Tensor::new([2, 2], given));
    let away = |i: usize| (0..ELEMENTS).map(|k| factor(i * ELEMENTS + k) * given[k]).sum::<f64>();
    check_sample(&model(), &noise, |i| number(i) + away(i));
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&model());
    check_closed_form(&model::<f64>(), &model::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new().set("weight", Tensor::from_fn([2, 2], |i| 2.0 * number(i + 3)));
    check_gradients(&mut model(), noise, 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&model(), 0.7);
}

#[test]
fn it_starts_like_a_mean_field() {
    let weight = FullCovariance::<f64>::new([3, 2]);
    check_starts_like_mean_field(weight.clone(), &weight.mean);
}
