//! Trainings that fail: non-finite losses undo the last step; invalid targets, shapes and sizes are refused.

use crate::common::{classifier, examples, parameters};
use elbo::prelude::*;
use elbo::{Monitor, TrainError};

#[bayesian]
struct Overflowing {
    layer: Dense,
    #[skip]
    from: f32,
}

#[bayesian]
impl Overflowing {
    fn forward(&self, x: Var) -> Var {
        let h = self.layer.forward(x);
        // e^x overflows as soon as an input is large.
        if x.value().iter().any(|&x| x > *self.from) { (h * 0.0 + 100.0).exp() } else { h }
    }
}

#[bayesian]
struct Buffered {
    layer: Dense,
    /// Never updated by the forward.
    kept: Buffer,
}

#[bayesian]
impl Buffered {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_training_and_keeps_the_last_good_parameters() {
    let x: Tensor = Tensor::from_fn([4, 2], |i| if i == 5 { 9.0 } else { 0.1 * i as f64 });
    let data = Examples::new(x, vec![0, 1, 0, 1]).unwrap();
    let mut model = Overflowing { layer: Dense::new(2, 2), from: 1.0 };
    let mut elbo = Elbo::new(Categorical).batch_size(1).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
    let TrainError::NonFinite { step, epoch, what, place } = &error else {
        panic!("{error}");
    };
    assert!(*step < 4 && *epoch == 1 && *what == "the loss", "{error}");
    assert!(place.contains("`exp` of `layer.weight.mean`") && place.contains("training_failures.rs"), "{error}");

    // The model keeps the steps before, so it trains on with a forward that does not overflow.
    let mut same = Overflowing { layer: model.layer.clone(), from: f32::INFINITY };
    assert!(parameters(&model).iter().all(|x| x.is_finite()));
    assert!(Elbo::new(Categorical).quiet().fit(&mut same, &data, Epochs(1)).is_ok());
}

#[test]
fn a_diverged_step_is_undone() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(4, 6, 2);
    let start = parameters(&model);
    let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn a_step_is_undone_beside_a_buffer_that_no_forward_updates() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = Buffered { layer: Dense::new(4, 2), kept: Buffer(Tensor::full([3], 7.0)) };
    let start = parameters(&model);
    let error = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet().fit(&mut model, &data, Epochs(3)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn a_diverged_last_step_is_undone_too() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(4, 6, 2);
    let start = parameters(&model);
    // A single step in total, so no later step evaluates its parameters.
    let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, epoch: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn a_diverged_step_is_undone_before_training_ends_early() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    for watched in [false, true] {
        let mut model = classifier(4, 6, 2);
        let start = parameters(&model);
        let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet();
        let mut training = elbo.training(&mut model, &data).on_epoch_end(|_, _| std::ops::ControlFlow::Break(()));
        if watched {
            training = training.early_stopping(Monitor::Elbo, 1);
        }
        let error = training.run(Epochs(usize::MAX)).unwrap_err();
        assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
        assert_eq!(parameters(&model), start);
    }
}

#[test]
fn targets_that_are_impossible_under_the_likelihood_are_refused_before_training() {
    let (x, _) = examples(3, 4, 2);
    let data = Examples::new(x, vec![0, 2, 1]).unwrap();
    let mut model = classifier(4, 6, 2);
    let error = Elbo::new(Categorical).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert_eq!(error.to_string(), "example 1 (from 0) has the label 2, but the model's output has 2 classes, 0 to 1");
}

#[test]
fn the_validation_set_must_have_the_shape_of_the_training_set() {
    let (x, labels) = examples(8, 4, 2);
    let (wide, others) = examples(8, 5, 2);
    let data = Examples::new(x, labels).unwrap();
    let held_out = Examples::new(wide, others).unwrap();
    let mut model = classifier(4, 6, 2);
    let mut elbo = Elbo::new(Categorical).quiet();
    let error = elbo.training(&mut model, &data).validate(&held_out, Draws(2)).run(Epochs(1)).unwrap_err();
    assert!(
        matches!(&error, TrainError::Validation { training, validation } if training == &[4] && validation == &[5])
    );
}

#[test]
#[should_panic(expected = "Elbo: a batch must have at least one example, got 0")]
fn a_batch_size_of_zero_is_refused() {
    let _ = Elbo::new(Categorical).batch_size(0);
}

#[test]
#[should_panic(expected = "Objective: N, the number of training examples, must be positive")]
fn no_examples_are_refused() {
    let _ = Objective::new(0);
}
