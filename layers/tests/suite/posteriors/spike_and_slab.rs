//! The spike-and-slab posterior.

use elbo::FixedNoise;
use elbo::engine::gradcheck;
use elbo::prelude::*;

use crate::posteriors::checks::*;

fn sd(i: usize) -> f64 {
    0.3 + 0.1 * i as f64
}

fn inclusion(i: usize) -> f64 {
    0.15 + 0.14 * i as f64
}

fn model<T: Real>() -> One<SpikeAndSlab<T>, SpikeAndSlabPrior> {
    let slab = MeanField::with_sds(Tensor::from_fn([2, 3], number), &Tensor::from_fn([2, 3], sd));
    let weight = SpikeAndSlab::with_inclusion(slab, &Tensor::from_fn([2, 3], inclusion));
    One { weight, prior: SpikeAndSlabPrior(0.35, 0.8) }
}

fn mean(i: usize) -> f64 {
    inclusion(i) * number(i)
}

fn variance(i: usize) -> f64 {
    inclusion(i) * (sd(i).powi(2) + number(i).powi(2)) - mean(i).powi(2)
}

#[test]
fn samples_have_the_mean_and_the_variance_and_the_zeros() {
    check_moments(&model(), mean, |i, j| if i == j { variance(i) } else { 0.0 });
    let samples = samples(&model());
    for i in 0..6 {
        let there = samples.iter().skip(i).step_by(6).map(|&w| f64::from(u8::from(w != 0.0)));
        assert_mean(there, inclusion(i), &format!("inclusion of element {i}"));
    }
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let model = model::<f64>();
    let (slab, gate) = ([0.3, -1.0, 0.5, 2.0, -0.2, 0.7], [-1.1, -1.0, 0.0, 0.1, 0.5, 1.1]);
    let noise =
        FixedNoise::new().set("weight", Tensor::new([2, 3], slab)).set("weight.gate", Tensor::new([2, 3], gate));
    let tape = Tape::new();
    let w = model.draw(&tape, Drawing::new(Key::new(0)).noise(&noise)).weight.value();
    // Φ of the gates' noise: 0.136, 0.159, 0.5, 0.540, 0.691, 0.864; inclusions from 0.15 in steps of 0.14.
    let open = [true, true, false, true, true, false];
    for (i, w) in w.iter().enumerate() {
        let expected = if open[i] { number(i) + sd(i) * slab[i] } else { 0.0 };
        assert!((w - expected).abs() < 1e-14, "{i}: {w} {expected}");
    }
}

#[test]
fn sampled_outputs_have_the_mean_and_the_variance() {
    check_outputs(&model(), Estimator::Local, mean, variance);
    check_outputs(&model(), Estimator::Sample, mean, variance);
}

/// ln q(w)/p(w), with probabilities for zeros and densities for other values.
#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    let model = model::<f64>();
    let samples = samples(&model);
    let log_normal = |w: f64, mean: f64, sd: f64| -0.5 * ((w - mean) / sd).powi(2) - sd.ln();
    let estimates = samples.chunks_exact(6).map(|w| {
        let terms = w.iter().enumerate().map(|(i, &w)| match w == 0.0 {
            true => ((1.0 - inclusion(i)) / (1.0 - 0.35)).ln(),
            false => (inclusion(i) / 0.35).ln() + log_normal(w, number(i), sd(i)) - log_normal(w, 0.0, 0.8),
        });
        terms.sum::<f64>()
    });
    assert_mean(estimates, model.kl(), "the divergence");
    check_closed_form(&model, &self::model::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let mut model = model();
    gradcheck(&mut model, |tape, model| model.draw(tape, Key::new(3)).kl().var().unwrap()).assert_within(1e-7);
    // For samples, all gradients but those of the gates, which are not differentiable.
    let report = gradcheck(&mut model, |tape, model| model.draw(tape, Key::new(3)).weight.tanh());
    let smooth: Vec<_> = report.comparisons().iter().filter(|one| one.parameter != "weight.inclusion").collect();
    assert_eq!(smooth.len(), 6);
    assert!(smooth.iter().all(|one| one.error < 1e-7), "{report}");
    // For sampled outputs, all gradients.
    let local = Drawing::new(Key::new(3)).estimator(Estimator::Local);
    gradcheck(&mut model, |tape, model| tape.constant([2, 3], number).linear(model.draw(tape, local).weight).tanh())
        .assert_within(1e-7);
}

#[test]
fn gates_learn_from_the_expectation_of_a_linear_loss() {
    let model = model::<f64>();
    let mut tape = Tape::new();
    let mut gradients = Gradients::of(&model);
    let mut seen: Vec<f64> = Vec::new();
    for draw in 0..4000 {
        tape.reset();
        combined(*model.draw(&tape, Key::new(7).draw(draw)).weight).backward(&mut gradients);
        seen.extend(gradients.get("weight.inclusion").unwrap());
        gradients.clear();
    }
    for i in 0..6 {
        // ∂/∂λ E c w = c μ π (1 − π).
        let exact = (i as f64 * 0.9 + 1.0).cos() * number(i) * inclusion(i) * (1.0 - inclusion(i));
        assert_mean(seen.iter().skip(i).step_by(6).copied(), exact, &format!("inclusion of element {i}"));
    }
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

#[test]
fn extreme_scales_means_and_inclusions_stay_finite() {
    check_extremes(&model(), 0.8);
    for log_odds in [-1e4, 1e4] {
        let mut model = model::<f64>();
        model.weight.inclusion.data_mut().fill(log_odds);
        check_extremes(&model, 0.8);
        let tape = Tape::new();
        let w = model.draw(&tape, Key::new(1)).weight.value();
        assert!(w.iter().all(|&w| (w != 0.0) == (log_odds > 0.0)));
    }
}
