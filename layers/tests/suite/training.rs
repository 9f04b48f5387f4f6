//! Training with `Elbo`: learning, evaluation, early stopping, callbacks, schedules, clipping, draws.

use crate::common::{assert_near, classifier, examples, parameters};
use elbo::prelude::*;
use elbo::{Clip, Monitor, Schedule, TrainError};

#[test]
fn a_network_learns_and_its_predictions_are_probabilities() {
    // Enough examples for the number of weights: with few, the posterior correctly stays at the prior.
    let (x, labels) = examples(3000, 6, 3);
    let data = Examples::new(x, labels).unwrap();
    let mut model = classifier(6, 8, 3);
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).batch_size(64).quiet();
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
fn a_prediction_uses_the_draws_of_its_seed() {
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
    let mut elbo = Elbo::new(Gaussian::new(0.1)).optimizer(Adam::new(1e-2)).batch_size(64).quiet();
    elbo.fit(&mut model, &data, Epochs(400)).unwrap();
    let predictive = model.outputs(data.inputs(), Draws(50));
    let mean = predictive.mean();
    let squares: f64 = mean.iter().zip(data.targets().data()).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum();
    assert!((squares / 64.0).sqrt() < 0.15, "{}", (squares / 64.0).sqrt());
    assert!(predictive.sd().iter().all(|&sd| sd > 0.0));
}

#[test]
fn training_stops_early_with_the_parameters_of_the_best_epoch() {
    let (x, labels) = examples(60, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let (train, held_out) = data.split(0.5, 1).unwrap();
    // A rate so large that the likelihood soon gets worse.
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(0.3)).batch_size(8).quiet();
    let mut model = classifier(4, 6, 2);
    let mut after = Vec::new();
    let training =
        elbo.training(&mut model, &train).validate(&held_out, Draws(4)).early_stopping(Monitor::ValidationNll, 3);
    let report = training
        .on_epoch_end(|_, model| {
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
    // Evaluating afterwards gives the same validation NLL.
    let again = elbo.expected_nll(&model, &held_out, Draws(4)).unwrap();
    assert_eq!(again, nll(best));
    assert!(report.to_string().lines().nth(best).unwrap().ends_with("best"), "{report}");
}

#[test]
fn a_callback_can_end_training() {
    let (x, labels) = examples(20, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut elbo = Elbo::new(Categorical).quiet();
    let mut model = classifier(4, 6, 2);
    let mut seen = 0;
    let training = elbo.training(&mut model, &data).on_epoch_end(|_, _| {
        seen += 1;
        if seen == 2 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    assert_eq!(training.run(Epochs(9)).unwrap().epochs.len(), 2);
}

#[test]
fn evaluate_returns_the_bound_and_its_standard_error() {
    let (x, labels) = examples(40, 4, 3);
    let data = Examples::new(x, labels).unwrap();
    let model = classifier(4, 6, 3);
    let elbo = Elbo::new(Categorical).batch_size(7);
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
fn a_schedule_scales_the_step_and_clipping_limits_its_norm() {
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
    let (whole, half) = (moved(Schedule::constant(), None), moved(Schedule::from_fn(|_| 0.5), None));
    assert!((norm(&half) / norm(&whole) - 0.5).abs() < 1e-4);
    assert!(norm(&moved(Schedule::constant().warm_up(1), None)) == 0.0, "step 0 of a warm-up has the rate 0");
    let limit = 0.1 * norm(&whole) / 0.5;
    let cut = moved(Schedule::constant(), Some(Clip::Norm(limit)));
    assert!((norm(&cut) / (0.5 * limit) - 1.0).abs() < 1e-4);
    let error = Elbo::new(Categorical).schedule(Schedule::cosine(3)).quiet().fit(&mut start.clone(), &data, Epochs(4));
    assert!(matches!(error, Err(TrainError::Schedule { end: 3, needed: 4 })), "{error:?}");
}

#[test]
fn draws_and_estimators_of_a_step_are_options_of_elbo() {
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

    // It is evaluated and predicts with the same function, like a layer that doubles its outputs.
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
