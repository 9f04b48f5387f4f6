//! The log-normal posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

fn sd(i: usize) -> f64 {
    0.1 + 0.08 * i as f64
}

fn weight<T: Real>() -> LogNormal<T> {
    LogNormal::with_log_moments(Tensor::from_fn([2, 3], number), &Tensor::from_fn([2, 3], sd))
}

fn model<T: Real>() -> One<LogNormal<T>, LogNormalPrior> {
    One { weight: weight(), prior: LogNormalPrior(0.2, 0.8) }
}

fn under_a_normal<T: Real>() -> One<LogNormal<T>, Normal> {
    One { weight: weight(), prior: Normal(0.7, 1.3) }
}

fn mean(i: usize) -> f64 {
    (number(i) + 0.5 * sd(i).powi(2)).exp()
}

fn variance(i: usize) -> f64 {
    mean(i).powi(2) * sd(i).powi(2).exp_m1()
}

#[test]
fn samples_have_the_mean_and_the_variance_and_are_positive() {
    check_moments(&model(), mean, |i, j| if i == j { variance(i) } else { 0.0 });
    assert!(samples(&model()).iter().all(|&w| w > 0.0));
}

#[test]
fn sampled_outputs_have_the_mean_and_the_variance() {
    check_outputs(&model(), Estimator::Local, mean, variance);
    check_outputs(&model(), Estimator::Sample, mean, variance);
}

#[test]
fn the_variance_is_accurate_for_small_and_large_scales() {
    for (sd, exact) in [(1e-8, 1e-16), (1e-3, 1e-6f64.exp() * 1e-6f64.exp_m1()), (4.0, 16f64.exp() * 16f64.exp_m1())] {
        let model = LogNormal::<f64>::with_log_moments(Tensor::zeros([1]), &Tensor::full([1], sd));
        let tape = Tape::new();
        let elbo::Variance::Independent(variance) = model.variance(&tape) else { panic!("elements are independent") };
        assert!((variance.item() / exact - 1.0).abs() < 1e-12, "σ {sd}: {} {exact}", variance.item());
    }
}

#[test]
fn the_divergences_are_the_means_of_their_estimates() {
    check_divergence(&model());
    check_divergence(&under_a_normal());
    check_closed_form(&model::<f64>(), &model::<f32>());
    check_closed_form(&under_a_normal::<f64>(), &under_a_normal::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let noise = || FixedNoise::new().set("weight", Tensor::from_fn([2, 3], |i| 2.0 * number(i + 3)));
    check_gradients(&mut model(), noise(), 1e-7);
    check_gradients(&mut under_a_normal(), noise(), 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

#[test]
fn the_divergence_stays_finite_at_extreme_parameters() {
    for rho in [-1e4, -100.0, 0.0, 1e4] {
        for mean in [0.0, 1e4, -1e4] {
            let mut model = model::<f64>();
            model.weight.log.rho.data_mut().fill(rho);
            model.weight.log.mean.data_mut().fill(0.2 + mean * 0.8);
            let mut gradients = Gradients::of(&model);
            let tape = Tape::new();
            let kl = model.draw(&tape, Key::new(1)).kl().var().unwrap();
            kl.backward(&mut gradients);
            assert!(model.kl().is_finite() && kl.item().is_finite(), "ρ {rho}, μ {mean}");
            assert!(gradients.first_non_finite().is_none(), "ρ {rho}, μ {mean}");
        }
    }
}
