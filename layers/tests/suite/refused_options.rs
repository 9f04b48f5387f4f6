//! Options that do not fit the model or the data are an error of `fit`, before the first step.

use crate::common::{Classifier, classifier, examples};
use elbo::data::Examples;
use elbo::prelude::*;
use elbo::{Estimator, Estimators, KlWeight, Monitor, Schedule, TrainError};

fn data() -> Examples<f32, Vec<usize>> {
    let (x, labels) = examples(20, 3, 2);
    Examples::new(x, labels).unwrap()
}

fn elbo() -> Elbo<Categorical> {
    Elbo::new(Categorical).batch_size(8).quiet()
}

fn parameters(model: &impl Bayesian<Scalar = f32>) -> Vec<u32> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.extend(tensor.data().iter().map(|x| x.to_bits())));
    all
}

/// The error of a fit, which must change neither the model nor the `Elbo`, and contain all of `words`.
fn refusal(mut elbo: Elbo<Categorical>, words: &[&str]) -> TrainError {
    let mut model: Classifier = classifier(3, 4, 2);
    let before = (parameters(&model), format!("{elbo:?}"));
    let error = elbo.fit(&mut model, &data(), Epochs(2)).unwrap_err();
    assert!((parameters(&model), format!("{elbo:?}")) == before, "{error}");
    says(error, words)
}

fn says(error: TrainError, words: &[&str]) -> TrainError {
    let said = error.to_string();
    words.iter().for_each(|word| assert!(said.contains(word), "no `{word}` in: {said}"));
    assert_eq!(format!("{error:?}"), said);
    error
}

#[test]
fn estimators_for_unknown_names_are_refused() {
    for name in ["hidden.7", "head.weight.mean", ""] {
        let estimators = Estimators::all(Estimator::Sample).set(name, Estimator::Local);
        let words = [
            &format!("an estimator is set for `{name}`"),
            "but the model has no random weight or part of that name",
            "`hidden.0.weight`",
        ];
        assert!(matches!(refusal(elbo().estimators(estimators), &words), TrainError::Options(_)));
    }
}

#[test]
fn estimators_that_a_posterior_does_not_support_are_refused() {
    let prior = || Normal(0.0, 1.0);
    for estimator in [Estimator::Local, Estimator::Flipout] {
        let mut model = Dense::of(3, 2, |shape| LowRank::new(shape, 1), prior());
        let before = parameters(&model);
        let error = elbo().estimator(estimator).fit(&mut model, &data(), Epochs(1)).unwrap_err();
        let error = says(error, &["`weight`", "LowRank", "[8, 3]", ".rs:"]);
        assert!(matches!(error, TrainError::Forward { .. }), "{error}");
        assert_eq!(parameters(&model), before);
    }
    // A weight that is used twice.
    let error = elbo()
        .estimator(Estimator::Local)
        .fit_with(&mut Dense::new(3, 2), &data(), Epochs(1), |net, x| net.forward(x) + net.forward(x * 2.0));
    let words = ["local reparameterisation of `weight`: it is used twice in this draw", ".rs:"];
    assert!(matches!(says(error.unwrap_err(), &words), TrainError::Forward { .. }));
}

#[test]
fn monitoring_the_validation_nll_without_a_validation_set_is_refused() {
    let (mut elbo, mut model, data) = (elbo(), classifier(3, 4, 2), data());
    let before = parameters(&model);
    let training = elbo.training(&mut model, &data).early_stopping(Monitor::ValidationNll, 3);
    let error =
        says(training.run(Epochs(2)).unwrap_err(), &["early_stopping", "ValidationNll", ".validate(&data, draws)"]);
    assert!(matches!(error, TrainError::Options(_)), "{error}");
    assert_eq!(parameters(&model), before);
}

#[test]
fn custom_functions_with_invalid_factors_are_refused() {
    let words = ["your function's factor of the learning rate must be finite and at least 0", "got -1"];
    let negative = refusal(elbo().schedule(Schedule::from_fn(|step| 4.0 - step as f64)), &words);
    assert!(matches!(negative, TrainError::Options(_)), "{negative}");
    let words = [
        "your function's weight of the divergence must be finite and at least 0",
        "got NaN for step 2 of an \
                  epoch of 3",
    ];
    let weight = KlWeight::from_fn(|step, _| if step == 2 { f64::NAN } else { 0.3 });
    assert!(matches!(refusal(elbo().kl_weight(weight), &words), TrainError::Options(_)));
    refusal(elbo().schedule(Schedule::step(1, 1e100)), &["Schedule", "inf", "step 5"]);

    // In between, the error is found at its step, and the steps before are kept.
    let dip = Schedule::from_fn(|step| if step == 2 { f64::INFINITY } else { 1.0 });
    let mut model: Classifier = classifier(3, 4, 2);
    let before = parameters(&model);
    let error = elbo().schedule(dip).fit(&mut model, &data(), Epochs(2)).unwrap_err();
    says(error, &["your function's factor of the learning rate", "got inf for step 2"]);
    assert_ne!(parameters(&model), before);
}

#[test]
fn an_evaluation_returns_a_panic_of_the_forward_as_an_error() {
    let data = Examples::new(Tensor::full([5, 3], 1.0), vec![0; 5]).unwrap();
    let (elbo, model) = (Elbo::new(Categorical).quiet(), Dense::new(4, 2));
    for error in
        [elbo.evaluate(&model, &data, Draws(2)).unwrap_err(), elbo.expected_nll(&model, &data, Draws(2)).unwrap_err()]
    {
        let message = error.to_string();
        assert!(matches!(error, TrainError::Forward { .. }), "{message}");
        assert!(message.contains("[5, 3]"), "{message}");
        assert!(message.contains("takes 4"), "{message}");
    }
}
