//! Cases from public reports, and targets outside of the support.

use elbo::prelude::*;
use elbo::{
    BetaRegression, Binomial, HeteroscedasticGaussian, LogNormalNoise, NegativeBinomial, Poisson, ZeroInflated,
};

#[track_caller]
fn refused<L: Likelihood<f64>>(likelihood: L, output: &[usize], targets: L::Targets, parts: &[&str]) {
    let message = likelihood.check(output, &targets).unwrap_err();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn a_target_outside_of_the_support_is_refused_by_its_row() {
    let y = |values: [f64; 3]| Tensor::new([3, 1], values);
    refused(Bernoulli, &[1], y([0.0, 1.0, -1.0]), &["example 2", "-1", "0 or 1"]);
    refused(Poisson, &[1], y([0.0, -2.5, 1.0]), &["example 1", "-2.5", "whole numbers"]);
    refused(Poisson, &[1], y([0.5, 2.0, 1.0]), &["example 0", "0.5"]);
    refused(NegativeBinomial, &[2], y([1.0, 2.0, -1.0]), &["example 2", "-1"]);
    refused(ZeroInflated(Poisson), &[2], y([1.0, 2.0, -1.0]), &["example 2", "-1"]);
    refused(Binomial::new(3), &[1], y([1.0, 4.0, 0.0]), &["example 1", "4", "number of trials"]);
    refused(BetaRegression, &[2], y([0.5, 1.0, 0.2]), &["example 1", "strictly between 0 and 1"]);
    refused(LogNormalNoise, &[2], y([0.5, 0.0, 0.2]), &["example 1", "positive"]);
    let two = Tensor::new([2, 2], [0.0, 1.0, 2.0, -3.0]);
    refused(Poisson, &[2], two, &["example 1, element 1", "-3"]);
    refused(Categorical.each_step(), &[2, 3], elbo::data::Labels::new([2, 2], [0, 1, 2, 3]), &["example 1, step 1"]);
}

#[test]
fn an_output_of_another_shape_is_refused_with_the_shape_that_fits() {
    let y = Tensor::new([2, 1], [0.5, 0.2]);
    refused(HeteroscedasticGaussian, &[1], y.clone(), &["[1]", "[2]", "every mean", "every log standard deviation"]);
    refused(Poisson, &[2], y.clone(), &["its log mean", "[1]"]);
    refused(elbo::MixtureDensity::new(2), &[2], y, &["[6]"]);
    refused(Categorical.label_smoothing(0.1), &[1], vec![0, 1], &["Bernoulli"]);
    refused(Categorical.label_smoothing(0.1), &[7, 3], vec![0, 1], &["each_step"]);
}

#[test]
fn training_refuses_impossible_targets_before_the_first_step() {
    let x = Tensor::from_fn([3, 2], |i| i as f64);
    let data = Examples::new(x, Tensor::new([3, 1], [1.0, 0.0, -2.5])).unwrap();
    let mut model = Dense::<MeanField<f64>>::mean_field(2, 1);
    let before = model.mean_weights();
    let error = Elbo::new(Poisson).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err().to_string();
    assert!(error.contains("example 2") && error.contains("-2.5"), "{error}");
    assert_eq!(model.mean_weights().flat(), before.flat());
}

#[test]
fn a_count_of_zero_where_none_is_possible_is_certain() {
    let tape = Tape::new();
    let none = Tensor::new([2, 1], [f64::NEG_INFINITY, 0.0]);
    let counts = Tensor::new([2, 1], [0.0, 0.0]);
    let nats = Likelihood::<f64>::log_likelihood(&Poisson, tape.input(&none), &counts);
    assert_eq!(nats.value(), [0.0, -1.0]);
}

#[test]
fn noise_may_differ_by_draw_and_row() {
    // N(0, 1) and N(1, 2²) in two draws of one row.
    let outputs = Outputs::new(Tensor::new([2, 1, 2], [0.0, 0.0, 1.0, 2f64.ln()]));
    let nll = outputs.under(&HeteroscedasticGaussian).nll(&Tensor::<f64>::new([1, 1], [0.5]));
    assert!((nll - 1.2994).abs() < 5e-5, "{nll}");
}

#[test]
fn a_learned_standard_deviation_is_that_of_the_residuals() {
    // y = 2x + noise of sd 0.3, by a fixed sequence.
    let n = 2000;
    let x: Tensor<f64> = Tensor::from_fn([n, 1], |i| 2.0 * (i as f64 + 0.5) / n as f64 - 1.0);
    let noise = |i: usize| 0.3 * 2f64.sqrt() * (1.0 + i as f64 * 0.754_877_666).sin();
    let y = Tensor::from_fn([n, 1], |i| 2.0 * x.data()[i] + noise(i));
    let data = Examples::new(x.clone(), y.clone()).unwrap();
    let line = Dense::of(1, 1, |shape| Point::new(shape), Normal(0.0, 10.0));
    let mut model = elbo::nn::WithConstants::new(line, [0.0]);
    let mut elbo = Elbo::new(HeteroscedasticGaussian).optimizer(Adam::new(3e-2)).batch_size(n).quiet();
    elbo.fit(&mut model, &data, Epochs(600)).unwrap();
    let (slope, shift) = (model.model.weight.0.data()[0], model.model.bias.0.data()[0]);
    let squares: f64 = x.data().iter().zip(y.data()).map(|(x, y)| (y - slope * x - shift).powi(2)).sum();
    let sd = model.constants.0.data()[0].exp();
    assert!((sd / (squares / n as f64).sqrt() - 1.0).abs() < 1e-3, "{sd}");
    assert!((sd - 0.3).abs() < 0.01, "{sd}");
}

#[test]
fn limits_that_single_precision_rounds_are_limits_of_predictions_too() {
    let limited = elbo::Censored::new(0.1, 0.7);
    // In single precision 0.1 is a little above 0.1, and 0.7 a little below 0.7.
    let y: Tensor = Tensor::new([3, 1], [0.1, 0.7, 0.5]);
    let predicted = Outputs::new(Tensor::<f32>::from_fn([1, 3, 2], |_| 0.0)).under(&limited);
    let nats = predicted.log_likelihood(&y);
    let below = 0.5 * erfc(-0.1 / std::f64::consts::SQRT_2);
    let above = 0.5 * erfc(0.7 / std::f64::consts::SQRT_2);
    assert!((nats[0] - below.ln()).abs() < 1e-7 && (nats[1] - above.ln()).abs() < 1e-7, "{nats:?}");
}

/// 2 Φ(−x√2), from the normal distribution function of the library's own Gaussian.
fn erfc(x: f64) -> f64 {
    let standard = Outputs::new(Tensor::<f64>::zeros([1, 1, 1])).under(&Gaussian::new(1.0));
    2.0 * standard.cdf(-x * std::f64::consts::SQRT_2)[0]
}

#[test]
#[should_panic(expected = "have a probability, which does not change with the unit")]
fn probabilities_and_densities_have_no_common_unit() {
    let scaling = elbo::data::Scaling::fit(&Tensor::<f32>::new([3, 1], [0.0, 5.0, 20.0]));
    let outputs = Outputs::new(Tensor::<f32>::from_fn([1, 3, 2], |_| 0.0));
    let _ = outputs.under(&elbo::Censored::new(0.0, 1.0)).unscaled(&scaling).nll(&Tensor::<f32>::zeros([3, 1]));
}

#[test]
fn a_covariance_that_underflows_is_an_infinite_loss() {
    let data = Examples::new(Tensor::<f64>::zeros([1, 1]), Tensor::new([1, 2], [1.0, 2.0])).unwrap();
    let outputs = Tensor::new([1, 5], [0.0, 0.0, -800.0, 0.0, 0.5]);
    let tape = Tape::new();
    let nll = data.observed().nll(&elbo::MultivariateGaussian, tape.input(&outputs));
    assert!(!nll.nats().is_finite());
}

#[test]
fn an_interval_that_is_open_on_the_wrong_side_is_refused() {
    let open = elbo::IntervalCensored::OPEN;
    for ends in [[open, open], [-open, -open], [2.0 * open, 3.0 * open], [1.0, 0.5]] {
        let targets = Tensor::<f64>::new([1, 2], ends);
        assert!(Likelihood::<f64>::check(&elbo::IntervalCensored, &[2], &targets).is_err(), "{ends:?}");
    }
    assert_eq!(Likelihood::<f64>::check(&elbo::IntervalCensored, &[2], &Tensor::new([1, 2], [-open, open])), Ok(()));
}
