//! The low-rank normal posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

const ELEMENTS: usize = 6;
const RANK: usize = 2;

fn sd(i: usize) -> f64 {
    0.4 + 0.1 * i as f64
}

/// B, element by direction.
fn factor(i: usize) -> f64 {
    number(i + 7)
}

fn model<T: Real>() -> One<LowRank<T>, Normal> {
    let weight = LowRank::with_covariance(
        Tensor::from_fn([2, 3], number),
        &Tensor::from_fn([2, 3], sd),
        &Tensor::from_fn([ELEMENTS, RANK], factor),
    );
    One { weight, prior: Normal(0.2, 0.8) }
}

fn covariance(i: usize, j: usize) -> f64 {
    let together: f64 = (0..RANK).map(|k| factor(i * RANK + k) * factor(j * RANK + k)).sum();
    together + if i == j { sd(i).powi(2) } else { 0.0 }
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    check_moments(&model(), number, covariance);
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let (diagonal, directions) = ([0.3, -1.0, 0.5, 2.0, -0.2, 0.0], [0.7, -1.3]);
    let noise = FixedNoise::new()
        .set("weight", Tensor::new([2, 3], diagonal))
        .set("weight.factor", Tensor::new([RANK], directions));
    let together = |i: usize| (0..RANK).map(|k| factor(i * RANK + k) * directions[k]).sum::<f64>();
    check_sample(&model(), &noise, |i| number(i) + sd(i) * diagonal[i] + together(i));
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&model());
    check_closed_form(&model::<f64>(), &model::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new()
        .set("weight", Tensor::from_fn([2, 3], |i| 2.0 * number(i + 3)))
        .set("weight.factor", Tensor::from_fn([RANK], |i| 2.0 * number(i + 1)));
    check_gradients(&mut model(), noise, 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

/// ln N(w; μ, diag(σ²) + B Bᵀ) for two elements and one direction, with the matrix inverted by hand.
#[test]
fn the_density_is_that_of_the_covariance() {
    let (mean, [a, b], [u, v], w) = ([0.5, -1.0], [0.3, 0.9], [1.2, -0.7], [1.1, 0.4]);
    let [xx, xy, yy] = [a * a + u * u, u * v, b * b + v * v];
    let determinant: f64 = xx * yy - xy * xy;
    let [x, y] = [w[0] - mean[0], w[1] - mean[1]];
    let square = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / determinant;
    let expected = -0.5 * square - 0.5 * determinant.ln() - std::f64::consts::TAU.ln();

    let weight =
        LowRank::with_covariance(Tensor::new([2], mean), &Tensor::new([2], [a, b]), &Tensor::new([2, 1], [u, v]));
    let model = One { weight, prior: MonteCarlo(Normal(0.0, 1.0)) };
    let (tape, mut weights) = (Tape::new(), model.mean_weights());
    weights.set_flat(&w).unwrap();
    // At given weights, the estimate is ln q − ln p.
    let net = model.at(&tape, &weights);
    let prior: f64 = w.iter().map(|w| -0.5 * w * w).sum::<f64>() - std::f64::consts::TAU.ln();
    assert!((net.kl().nats() + prior - expected).abs() < 1e-13);
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&model(), 0.8);
}

#[test]
#[should_panic(expected = "local reparameterisation of `weight` needs a posterior whose elements are independent")]
fn local_reparameterisation_is_refused() {
    let model = model::<f64>();
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Estimator::Local));
    tape.constant([1, 3], |_| 1.0).linear(net.weight);
}

#[test]
#[should_panic(expected = "Flipout of `weight` needs a posterior that is symmetric about its mean in every element")]
fn flipout_is_refused() {
    let model = model::<f64>();
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Estimator::Flipout));
    tape.constant([1, 3], |_| 1.0).linear(net.weight);
}
