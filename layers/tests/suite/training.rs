//! Training and prediction: what goes right, and what is said when it goes wrong.

use crate::common::{assert_near, classifier, examples};
use elbo::prelude::*;
use elbo::{Clip, Schedule, TrainError, Watch};

#[test]
fn a_network_learns_and_its_predictions_are_probabilities() {
    // Enough examples for the number of weights: with few, the posterior rightly stays with the prior.
    let (x, labels) = examples(3000, 6, 3);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(6, 8, 3);
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).batch(64).quiet();
    let report = elbo.fit(&mut model, &data, Epochs(40)).unwrap();
    assert!(report.last().nll < 0.5 * report.epochs[0].nll, "{report:?}");
    assert!(report.last().elbo > report.epochs[0].elbo);

    let streamed = model.predict(&Categorical, data.inputs(), Draws(20).seed(1));
    assert!(streamed.accuracy(data.targets()) > 0.9, "{}", streamed.accuracy(data.targets()));
    let kept = model.outputs(data.inputs(), Draws(20).seed(1));
    assert_eq!(kept.tensor().shape(), [20, 3000, 3]);
    assert_eq!(streamed.mean().len(), 3000 * 3);
    assert_near(streamed.mean(), kept.under(&Categorical).mean(), 1e-12);
    for row in streamed.mean().chunks(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!(streamed.mutual_information().iter().all(|nats| *nats > -1e-12));
}

#[test]
fn a_prediction_s_draws_are_the_model_s() {
    let model = classifier(4, 5, 2);
    let (x, _) = examples(3, 4, 2);
    let predictive = model.outputs(&x, Draws(3).seed(8));
    let tape = Tape::inference();
    for draw in 0..3 {
        let net = model.draw(&tape, Key::new(8).at("predict").draw(draw));
        let by_hand = net.forward(tape.input(&x));
        assert_eq!(&predictive.tensor().data()[draw * 6..][..6], by_hand.value());
    }
    let mean: f64 = (0..3).map(|s| f64::from(predictive.tensor().data()[s * 6])).sum::<f64>() / 3.0;
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
    let mut elbo = Elbo::new(Categorical).batch(1).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
    let TrainError::NonFinite { step, epoch, what, place } = &error else {
        panic!("{error}");
    };
    assert!(*step < 4 && *epoch == 1 && *what == "the loss", "{error}");
    assert!(place.contains("`exp` of `layer.weight.mean`") && place.contains("training.rs"), "{error}");

    // The steps before it, and no more.
    let mut same = Overflowing { layer: model.layer.clone(), from: f32::INFINITY };
    assert!(parameters(&model).iter().all(|x| x.is_finite()));
    assert!(Elbo::new(Categorical).quiet().fit(&mut same, &data, Epochs(1)).is_ok());
}

#[test]
fn a_step_that_blew_up_is_taken_back() {
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
fn what_the_likelihood_cannot_explain_is_refused_before_training() {
    let (x, _) = examples(3, 4, 2);
    let data = Examples::new(x, vec![0, 2, 1]).unwrap();
    let mut model = classifier(4, 6, 2);
    let error = Elbo::new(Categorical).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert_eq!(error.to_string(), "example 1 has the label 2, and the model's output has 2 classes");
}

#[test]
fn the_number_of_examples_is_that_of_the_data_set() {
    let (x, labels) = examples(12, 4, 2);
    let whole = Examples::new(x, labels).unwrap();
    let half = whole.split(0.5, 1).unwrap().0;
    let mut elbo = Elbo::new(Categorical).quiet();
    for data in [&whole, &half] {
        let mut model = classifier(4, 6, 2);
        let epoch = elbo.fit(&mut model, data, Epochs(1)).unwrap().last();
        let n = data.len() as f64;
        assert!((epoch.kl_weight * n - 1.0).abs() < 1e-12, "{epoch:?}");
        assert!((epoch.elbo + n * epoch.nll + epoch.kl).abs() < 1e-6 * epoch.kl, "{epoch:?}");
        let bound = elbo.evaluate(&model, data, Draws(2)).unwrap();
        assert!((bound.elbo + n * bound.nll + bound.kl).abs() < 1e-6 * bound.kl, "{bound:?}");
        elbo = Elbo::new(Categorical).quiet();
    }
}

#[test]
fn a_regression_learns_its_function() {
    let x: Tensor = Tensor::from_fn([64, 1], |i| i as f64 / 32.0 - 1.0);
    let y: Tensor = Tensor::from_fn([64, 1], |i| (3.0 * (i as f64 / 32.0 - 1.0)).sin());
    let data = Examples::new(x, y).unwrap();
    let mut model = classifier(1, 32, 1);
    let mut elbo = Elbo::new(Gaussian::new(0.1)).optimizer(Adam::new(1e-2)).batch(64).quiet();
    elbo.fit(&mut model, &data, Epochs(400)).unwrap();
    let predictive = model.outputs(data.inputs(), Draws(50));
    let mean = predictive.mean();
    let squares: f64 = mean.iter().zip(data.targets().data()).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum();
    assert!((squares / 64.0).sqrt() < 0.15, "{}", (squares / 64.0).sqrt());
    assert!(predictive.sd().iter().all(|&sd| sd > 0.0));
}

#[test]
#[should_panic(expected = "Elbo: a batch must have at least one example, got 0")]
fn a_batch_of_none_is_refused() {
    let _ = Elbo::new(Categorical).batch(0);
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

#[bayesian]
struct Buffered {
    layer: Dense,
    /// Never updated.
    kept: Buffer,
}

#[bayesian]
impl Buffered {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(x)
    }
}

#[test]
fn a_step_is_taken_back_beside_a_buffer_that_no_forward_updates() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = Buffered { layer: Dense::new(4, 2), kept: Buffer(Tensor::full([3], 7.0)) };
    let start = parameters(&model);
    let error = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet().fit(&mut model, &data, Epochs(3)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn a_last_step_that_blew_up_is_taken_back_too() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(4, 6, 2);
    let start = parameters(&model);
    // A single step in all: no step after it sees what it led to.
    let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet();
    let error = elbo.fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, epoch: 1, .. }), "{error}");
    assert_eq!(parameters(&model), start);
}

#[test]
fn training_stops_early_with_the_parameters_of_the_best_epoch() {
    let (x, labels) = examples(60, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let (train, held_out) = data.split(0.5, 1).unwrap();
    // A rate so large that the likelihood soon gets worse.
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(0.3)).batch(8).quiet();
    let mut model = classifier(4, 6, 2);
    let mut after = Vec::new();
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(4)).stop_early(Watch::ValidationNll, 3);
    let report = training
        .each_epoch(|_, model| {
            after.push(parameters(model));
            std::ops::ControlFlow::Continue(())
        })
        .run(Epochs(200))
        .unwrap();
    let nll = |epoch: usize| report.epochs[epoch - 1].validation_nll.unwrap();
    let best = report.best.unwrap();
    assert_eq!(report.epochs.len(), best + 3, "{report}");
    assert!((1..=report.epochs.len()).all(|epoch| nll(best) <= nll(epoch)), "{report}");
    assert_eq!(parameters(&model), after[best - 1]);
    // The validation is what one gets afterwards.
    let again = elbo.expected_nll(&model, &held_out, Draws(4)).unwrap();
    assert_eq!(again, nll(best));
    assert!(report.to_string().lines().nth(best).unwrap().ends_with("best"), "{report}");
}

#[test]
fn a_look_at_an_epoch_can_end_training() {
    let (x, labels) = examples(20, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut elbo = Elbo::new(Categorical).quiet();
    let mut model = classifier(4, 6, 2);
    let mut seen = 0;
    let training = elbo.training(&mut model, &data).each_epoch(|_, _| {
        seen += 1;
        if seen == 2 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    assert_eq!(training.run(Epochs(9)).unwrap().epochs.len(), 2);
}

#[test]
fn the_bound_at_fixed_weights_is_what_it_says() {
    let (x, labels) = examples(40, 4, 3);
    let data = Examples::new(x, labels).unwrap();
    let model = classifier(4, 6, 3);
    let elbo = Elbo::new(Categorical).batch(7);
    let bound = elbo.evaluate(&model, &data, Draws(5).seed(2)).unwrap();
    // Draw by draw, in one batch.
    let of_draw = |draw: usize| {
        let tape = Tape::inference();
        let net = model.draw(&tape, Key::new(2).at("predict").draw(draw));
        Categorical.nll(net.forward(tape.input(data.inputs())), data.targets()).nats()
    };
    let each: Vec<f64> = (0..5).map(of_draw).collect();
    let mean = each.iter().sum::<f64>() / 5.0;
    assert!((bound.nll - mean).abs() < 1e-6);
    assert!((bound.kl - model.kl()).abs() < 1e-6 * model.kl());
    assert!((bound.elbo - -(40.0 * bound.nll + bound.kl)).abs() < 1e-6 * bound.kl);
    let variance = each.iter().map(|nll| (40.0 * (nll - mean)).powi(2)).sum::<f64>() / 4.0;
    assert!((bound.standard_error - (variance / 5.0).sqrt()).abs() < 1e-3 * bound.standard_error);
}

#[test]
fn rate_and_length_of_a_step_are_as_asked() {
    let (x, labels) = examples(16, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let start = classifier(4, 6, 2);
    let moved = |schedule: Schedule, clip: Option<Clip>| {
        let mut model = start.clone();
        let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(0.5)).schedule(schedule).quiet();
        if let Some(clip) = clip {
            elbo = elbo.clip(clip);
        }
        elbo.fit(&mut model, &data, Epochs(1)).unwrap();
        let apart = parameters(&model).into_iter().zip(parameters(&start));
        apart.map(|(a, b)| f64::from(a - b)).collect::<Vec<f64>>()
    };
    let norm = |of: &[f64]| of.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (whole, half) = (moved(Schedule::constant(), None), moved(Schedule::of(|_| 0.5), None));
    assert!((norm(&half) / norm(&whole) - 0.5).abs() < 1e-4);
    assert!(norm(&moved(Schedule::constant().warm_up(1), None)) == 0.0, "step 0 of a warm-up has the rate 0");
    let limit = 0.1 * norm(&whole) / 0.5;
    let cut = moved(Schedule::constant(), Some(Clip::Norm(limit)));
    assert!((norm(&cut) / (0.5 * limit) - 1.0).abs() < 1e-4);
    let error = Elbo::new(Categorical).schedule(Schedule::cosine(3)).quiet().fit(&mut start.clone(), &data, Epochs(4));
    assert!(matches!(error, Err(TrainError::Schedule { end: 3, needed: 4 })), "{error:?}");
}

#[test]
fn a_step_s_draws_are_chosen_on_the_objective() {
    let (x, labels) = examples(16, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let train = |elbo: Elbo<Categorical>| {
        let mut model = classifier(4, 6, 2);
        model.initialise(Key::new(1));
        elbo.quiet().clone().fit(&mut model, &data, Epochs(1)).unwrap();
        parameters(&model)
    };
    let new = || Elbo::new(Categorical).optimizer(Adam::new(1e-2));
    let plain = train(new());
    assert_eq!(plain, train(new().draws(1)));
    let others = [
        new().draws(3),
        new().antithetic_pairs(1),
        new().estimator(Estimator::Flipout),
        new().estimator(Estimator::Local),
        new().estimators(Estimators::all(Estimator::Sample).set("hidden", Estimator::Flipout)),
    ];
    for other in others {
        let shown = format!("{other:?}");
        assert_ne!(plain, train(other), "{shown}");
    }
}

#[test]
fn a_model_without_a_forward_of_one_argument_is_fitted_by_a_function() {
    #[bayesian]
    struct Scaled {
        layer: Dense,
    }
    #[bayesian]
    impl Scaled {
        fn outputs(&self, x: Var, by: f64) -> Var {
            self.layer.forward(x) * by
        }
    }
    let (x, labels) = examples(200, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut model = Scaled { layer: Dense::new(4, 2) };
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).quiet();
    let report = elbo.fit_with(&mut model, &data, Epochs(30), |net, x| net.outputs(x, 2.0)).unwrap();
    assert!(report.last().nll < report.epochs[0].nll, "{report}");

    // By the same function it is evaluated and predicts: as the layer does whose outputs are the half.
    #[bayesian]
    struct Doubled {
        layer: Dense,
    }
    #[bayesian]
    impl Doubled {
        fn forward(&self, x: Var) -> Var {
            self.layer.forward(x) * 2.0
        }
    }
    let bound = elbo.evaluate_with(&model, &data, Draws(4), |net, x| net.outputs(x, 2.0)).unwrap();
    let predicted = model.posterior(Draws(4)).outputs_with(data.inputs(), |net, x| net.outputs(x, 2.0));
    let doubled = Doubled { layer: model.layer };
    assert_eq!(bound, elbo.evaluate(&doubled, &data, Draws(4)).unwrap());
    assert_eq!(predicted, doubled.outputs(data.inputs(), Draws(4)));
}

#[test]
fn an_optimiser_trains_one_model() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x.clone(), labels.clone()).unwrap();
    let mut elbo = Elbo::new(Categorical).quiet();
    elbo.fit(&mut classifier(4, 6, 2), &data, Epochs(1)).unwrap();
    let mut other = classifier(4, 7, 2);
    let before = parameters(&other);
    let error = elbo.fit(&mut other, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::Options(_)), "{error}");
    let expected = "Adam: this optimiser has trained another model, and has nothing for `hidden.0.weight.mean`";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(parameters(&other), before);
    // One of fewer tensors, and one of another number type.
    let error = elbo.fit(&mut Dense::new(4, 2), &data, Epochs(1)).unwrap_err();
    assert!(error.to_string().contains("has trained another model"), "{error}");
    let data = Examples::new(Tensor::<f64>::from_fn(x.shape(), |i| f64::from(x.data()[i])), labels).unwrap();
    let error = elbo.fit(&mut Dense::of(4, 2, MeanField::<f64>::new, Normal(0.0, 1.0)), &data, Epochs(1)).unwrap_err();
    let expected = "Adam: this optimiser has trained another model, in f32, and this one is in f64";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
#[should_panic(expected = "Sgd: this optimiser has trained another model, in f64, and this one is in f32")]
fn an_optimiser_trains_models_of_one_number_type() {
    fn step<T: Real>(sgd: &mut Sgd) {
        let mut w = Tensor::<T>::full([2], 1.0);
        let mut gradients = Gradients::of(&w);
        let tape = Tape::new();
        tape.param(&w).sum().backward(&mut gradients);
        drop(tape);
        sgd.step(&mut w, &mut gradients);
    }
    let mut sgd = Sgd::new(0.1);
    step::<f64>(&mut sgd);
    step::<f64>(&mut sgd.clone());
    step::<f32>(&mut sgd);
}

#[test]
fn a_model_in_double_precision_needs_nothing_else() {
    let x = Tensor::<f64>::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    let data = Examples::new(x, labels).unwrap();
    let mut model = Dense::of(2, 2, MeanField::<f64>::new, Normal(0.0, 1.0));
    let mut elbo = Elbo::new(Categorical).batch(10).quiet();
    let report = elbo.fit(&mut model, &data, Epochs(30)).unwrap();
    assert!(report.last().nll < report.epochs[0].nll, "{report}");
    // An optimiser that is cloned with its state goes on as the first.
    let (mut again, mut copy) = (model.clone(), elbo.clone());
    elbo.fit(&mut model, &data, Epochs(2)).unwrap();
    copy.fit(&mut again, &data, Epochs(2)).unwrap();
    assert_eq!(model.weight.mean, again.weight.mean);
}

#[test]
fn gradients_of_another_model_change_nothing() {
    let (small, mut large) = (Dense::new(2, 2), classifier(4, 6, 2));
    let before = parameters(&large);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Sgd::new(0.1).step(&mut large, &mut Gradients::of(&small));
    }));
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("these gradients belong to another model") && message.contains("[6, 4]"), "{message}");
    assert_eq!(parameters(&large), before);
}

#[test]
fn parameters_are_copied_from_a_model_of_the_same_form_alone() {
    let of = |layers: usize| (0..layers).map(|_| Dense::new(3, 3)).collect::<Vec<_>>();
    let (mut two, three) = (of(2), of(3));
    let before = parameters(&two);
    for other in [&three, &of(1)] {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| two.copy_from(other)));
        let message = *panic.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("copy_from: ") && message.contains(".weight.mean"), "{message}");
        assert_eq!(parameters(&two), before);
    }
    let mut same = of(2);
    same.initialise(Key::new(1));
    assert_ne!(parameters(&two), parameters(&same));
    two.copy_from(&same);
    assert_eq!(parameters(&two), parameters(&same));
}

#[test]
fn models_of_two_threads_are_made_alike_and_drawn_by_the_key() {
    let made = |key: Option<u64>| {
        let mut model = Dense::new(5, 5);
        if let Some(seed) = key {
            model.initialise(Key::new(seed));
        }
        parameters(&model)
    };
    let two = |keys: [Option<u64>; 2]| {
        std::thread::scope(|scope| keys.map(|key| scope.spawn(move || made(key))).map(|it| it.join().unwrap()))
    };
    let [first, second] = two([None; 2]);
    assert!(first == second && first == made(None));
    let [third, fourth] = two([Some(1), Some(2)]);
    assert!(first != third && first != fourth && third != fourth && third == made(Some(1)));
}

#[test]
fn a_step_that_blew_up_is_taken_back_before_training_is_ended_early() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    for watched in [false, true] {
        let mut model = classifier(4, 6, 2);
        let start = parameters(&model);
        let mut elbo = Elbo::new(Categorical).optimizer(Sgd::new(1e38)).quiet();
        let mut training = elbo.training(&mut model, &data).each_epoch(|_, _| std::ops::ControlFlow::Break(()));
        if watched {
            training = training.stop_early(Watch::Elbo, 1);
        }
        let error = training.run(Epochs(usize::MAX)).unwrap_err();
        assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
        assert_eq!(parameters(&model), start);
    }
}

#[test]
fn examples_to_validate_on_must_be_of_the_same_form() {
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
