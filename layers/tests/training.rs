//! Training and prediction: what goes right, and what is said when it goes wrong.

mod common;

use common::{classifier, examples};
use elbo::TrainError;
use elbo::prelude::*;

#[test]
fn a_network_learns_and_its_predictions_are_probabilities() {
    // Enough examples for the number of weights: with few, the posterior rightly stays with the prior.
    let (x, labels) = examples(3000, 6, 3);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(6, 8, 3);
    let mut elbo = Elbo::new(Categorical, data.len()).optimizer(Adam::new(1e-2)).batch(64).quiet();
    let report = elbo.fit(&mut model, &data, Epochs(40)).unwrap();
    assert!(report.last().nll < 0.5 * report.epochs[0].nll, "{report:?}");
    assert!(report.last().elbo > report.epochs[0].elbo);

    let streamed = Categorical.predict(&model, data.inputs(), Draws(20).seed(1));
    assert!(streamed.accuracy(data.targets()) > 0.9, "{}", streamed.accuracy(data.targets()));
    let kept = model.predict(data.inputs(), Draws(20).seed(1));
    assert_eq!(kept.outputs().shape(), [20, 3000, 3]);
    for (a, b) in streamed.mean().iter().zip(kept.categorical().mean()) {
        assert!((a - b).abs() < 1e-12);
    }
    for row in streamed.mean().chunks(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!(streamed.mutual_information().iter().all(|nats| *nats > -1e-12));
}

#[test]
fn a_prediction_s_draws_are_the_model_s() {
    let model = classifier(4, 5, 2);
    let (x, _) = examples(3, 4, 2);
    let predictive = model.predict(&x, Draws(3).seed(8));
    let tape = Tape::inference();
    for draw in 0..3 {
        let net = model.draw(&tape, Key::new(8).at("predict").draw(draw));
        let by_hand = net.forward(tape.input(&x));
        assert_eq!(&predictive.outputs().data()[draw * 6..][..6], by_hand.value());
    }
    let mean: f64 = (0..3).map(|s| f64::from(predictive.outputs().data()[s * 6])).sum::<f64>() / 3.0;
    assert!((predictive.mean()[0] - mean).abs() < 1e-9);
}

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

fn parameters(model: &impl Bayesian<Scalar = f32>) -> Vec<f32> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
    all
}

#[test]
fn a_loss_that_is_not_finite_stops_training_and_keeps_the_last_good_parameters() {
    let x: Tensor = Tensor::from_fn([4, 2], |i| if i == 5 { 9.0 } else { 0.1 * i as f64 });
    let data = Examples::new(x, vec![0, 1, 0, 1]).unwrap();
    let mut model = Overflowing { layer: Dense::new(2, 2), from: 1.0 };
    let mut elbo = Elbo::new(Categorical, 4).batch(1).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
    let TrainError::NonFinite { step, epoch, what, place } = &error else {
        panic!("{error}");
    };
    assert!(*step < 4 && *epoch == 1 && *what == "the loss", "{error}");
    assert!(place.contains("`exp` of `layer.weight.mean`") && place.contains("training.rs"), "{error}");

    // The steps before it, and no more.
    let mut same = Overflowing { layer: model.layer.clone(), from: f32::INFINITY };
    assert!(parameters(&model).iter().all(|x| x.is_finite()));
    assert!(Elbo::new(Categorical, 4).quiet().fit(&mut same, &data, Epochs(1)).is_ok());
}

#[test]
fn a_step_that_blew_up_is_taken_back() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(4, 6, 2);
    let start = parameters(&model);
    let mut elbo = Elbo::new(Categorical, 8).optimizer(Sgd::new(1e38)).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn what_the_likelihood_cannot_explain_is_refused_before_training() {
    let (x, _) = examples(3, 4, 2);
    let data = Examples::new(x, vec![0, 2, 1]).unwrap();
    let mut model = classifier(4, 6, 2);
    let error = Elbo::new(Categorical, 3).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert_eq!(error.to_string(), "example 1 has the label 2, and the model's output has 2 classes");
    let error = Elbo::new(Categorical, 5).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::Examples { expected: 5, found: 3 }), "{error}");
}

#[test]
fn a_regression_learns_its_function() {
    let x: Tensor = Tensor::from_fn([64, 1], |i| i as f64 / 32.0 - 1.0);
    let y: Tensor = Tensor::from_fn([64, 1], |i| (3.0 * (i as f64 / 32.0 - 1.0)).sin());
    let data = Examples::new(x, y).unwrap();
    let mut model = classifier(1, 32, 1);
    let mut elbo = Elbo::new(Gaussian::new(0.1), 64).optimizer(Adam::new(1e-2)).batch(64).quiet();
    elbo.fit(&mut model, &data, Epochs(400)).unwrap();
    let predictive = model.predict(data.inputs(), Draws(50));
    let mean = predictive.mean();
    let squares: f64 = mean.iter().zip(data.targets().data()).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum();
    assert!((squares / 64.0).sqrt() < 0.15, "{}", (squares / 64.0).sqrt());
    assert!(predictive.sd().iter().all(|&sd| sd > 0.0));
}

#[test]
#[should_panic(expected = "Elbo: a batch must have at least one example, got 0")]
fn a_batch_of_none_is_refused() {
    let _ = Elbo::new(Categorical, 3).batch(0);
}

#[test]
#[should_panic(expected = "Objective: N, the number of training examples, must be positive")]
fn no_examples_are_refused() {
    let _ = Objective::new(0);
}

#[test]
fn a_buffer_takes_its_new_value_with_the_step() {
    #[bayesian]
    struct Running {
        layer: Dense,
        seen: Buffer,
    }
    #[bayesian]
    impl Running {
        fn forward(&self, x: Var) -> Var {
            let h = self.layer.forward(x);
            self.seen.update(self.seen.var() * 0.5 + x.mean_axes(&[0], false));
            h
        }
    }
    let mut model = Running { layer: Dense::new(2, 2), seen: Buffer(Tensor::zeros([2])) };
    let x: Tensor = Tensor::new([2, 2], [1.0, 2.0, 3.0, 4.0]);
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::of(&model), Sgd::new(0.1));
    for step in 0..2 {
        tape.reset();
        let net = model.draw(&tape, Key::new(0).step(step));
        let nll = Categorical.nll(net.forward(tape.input(&x)), &[0, 1]);
        Objective::new(2).loss(nll, net.kl(), step).backward(&mut gradients);
        sgd.step(&mut model, &mut gradients);
    }
    assert_eq!(model.seen.0.data(), [3.0, 4.5]);
}
