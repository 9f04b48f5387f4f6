//! Every likelihood against values in 50 digits (`layers/tests/reference/likelihoods.py`): NLL, gradient, and the
//! predictive mixture's mean, sd, quantiles and NLL.

use elbo::data::Examples;
use elbo::prelude::*;
use elbo::{
    BetaRegression, Binomial, Censored, HeteroscedasticGaussian, LaplaceNoise, LogNormalNoise, MixtureDensity,
    NegativeBinomial, Poisson, StudentTNoise, Truncated, ZeroInflated,
};
use serde_json::Value;

use super::nll_and_gradient;

fn numbers(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| numbers(value, into)),
        number => into.push(number.as_f64().unwrap()),
    }
}

fn flat(value: &Value) -> Vec<f64> {
    let mut all = Vec::new();
    numbers(value, &mut all);
    all
}

#[track_caller]
fn close(name: &str, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}: {what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{name}: {what} {i}: {found:e}, expected {expected:e}, off by {error:e}");
    }
}

fn check<L>(case: &Value, likelihood: &L)
where
    L: Likelihood<f64, Targets = Tensor<f64>, Predictive = Mixture<L>> + elbo::Univariate,
{
    let name = case["name"].as_str().unwrap();
    let (draws, rows) = (case["outputs"].as_array().unwrap(), case["targets"].as_array().unwrap().len());
    let (outputs, targets) = (flat(&case["outputs"]), flat(&case["targets"]));
    let width = outputs.len() / draws.len() / rows;
    let targets = Tensor::new([rows, targets.len() / rows], targets);
    let of_draw = Tensor::new([rows, width], &outputs[..rows * width]);
    assert_eq!(likelihood.check(&[width], &targets), Ok(()), "{name}");

    let data = Examples::new(of_draw.clone(), targets.clone()).unwrap();
    let (nll, gradient) = nll_and_gradient(likelihood, &of_draw, data.observed());
    close(name, "NLL", &[nll], &[case["nll"].as_f64().unwrap()], 1e-11);
    close(name, "gradient", &gradient, &flat(&case["gradient"]), 1e-10);

    let predicted = Outputs::new(Tensor::new([draws.len(), rows, width], outputs)).under(likelihood);
    close(name, "mean", &predicted.mean(), &flat(&case["mean"]), 1e-12);
    close(name, "sd", &predicted.sd(), &flat(&case["sd"]), 1e-12);
    close(name, "mixture NLL", &[predicted.nll(&targets)], &[case["mixture_nll"].as_f64().unwrap()], 1e-11);
    let quantiles = [0.05, 0.5, 0.95].map(|probability| predicted.quantile(probability));
    let by_element: Vec<f64> = (0..targets.len()).flat_map(|i| quantiles.each_ref().map(|of| of[i])).collect();
    close(name, "quantile", &by_element, &flat(&case["quantiles"]), 1e-9);
}

#[test]
fn values_gradients_and_predictions_agree_with_references() {
    let read: Value = serde_json::from_str(include_str!("../../reference/likelihoods.json")).unwrap();
    for case in read["cases"].as_array().unwrap() {
        match case["name"].as_str().unwrap() {
            "gaussian" => check(case, &Gaussian::new(0.7)),
            "bernoulli" => check(case, &Bernoulli),
            "heteroscedastic" => check(case, &HeteroscedasticGaussian),
            "laplace" => check(case, &LaplaceNoise),
            "log_normal" => check(case, &LogNormalNoise),
            "student_t" => check(case, &StudentTNoise::new(4.0)),
            "poisson" => check(case, &Poisson),
            "negative_binomial" | "nearly_poisson" => check(case, &NegativeBinomial),
            "binomial" => check(case, &Binomial::new(12)),
            "binomial_by_row" => check(case, &Binomial::by_row()),
            "zero_inflated_poisson" => check(case, &ZeroInflated(Poisson)),
            "zero_inflated_negative_binomial" => check(case, &ZeroInflated(NegativeBinomial)),
            "beta" => check(case, &BetaRegression),
            "mixture_density" => check(case, &MixtureDensity::new(3)),
            "censored" => check(case, &Censored::new(-1.0, 2.0)),
            "censored_in_the_tail" => check(case, &Censored::new(f64::NEG_INFINITY, 30.0)),
            "truncated" => check(case, &Truncated::new(-1.0, 2.0)),
            "truncated_in_the_tail" => check(case, &Truncated::new(10.0, f64::INFINITY)),
            "truncated_far" => check(case, &Truncated::new(1000.0, f64::INFINITY)),
            "truncated_below" => check(case, &Truncated::new(f64::NEG_INFINITY, -40.0)),
            "truncated_in_a_narrow_interval" => check(case, &Truncated::new(2.0, 2.125)),
            other => panic!("`{other}` is not tested"),
        }
    }
}
