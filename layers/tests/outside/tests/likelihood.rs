//! Tests of the user-defined likelihood: training, evaluation, prediction, log-likelihoods and intervals.

use bayes::prelude::*;
use bayes::{KeptDraws, Univariate};
use outside::Poisson;

/// Counts whose mean is e^(½ + x), by inversion.
fn counts(rows: usize) -> Examples<f32, Tensor> {
    let x = Tensor::from_fn([rows, 1], |i| f64::from(i32::try_from(i * 7919 % 1000).unwrap()) / 500.0 - 1.0);
    let y = Tensor::from_fn([rows, 1], |i| {
        let uniform = ((f64::from(i32::try_from(i).unwrap()) + 1.0) * 0.618_033_988_749_895).fract();
        Poisson.quantile(&[0.5 + f64::from(x.data()[i])], uniform)
    });
    Examples::new(x, y).unwrap()
}

/// ln k!.
fn ln_factorial(k: f64) -> f64 {
    std::iter::successors(Some(k), |k| Some(k - 1.0)).take_while(|k| *k > 1.0).map(f64::ln).sum()
}

fn mean(of: &[f64]) -> f64 {
    of.iter().zip(1..).fold(0.0, |mean, (x, count)| mean + (x - mean) / f64::from(count))
}

#[test]
fn counts_are_learned_and_predicted() {
    let (train, test) = counts(2000).split(0.75, 1).unwrap();
    let mut model = Dense::new(1, 1);
    let mut elbo = Elbo::new(Poisson).optimizer(Adam::new(3e-2)).quiet();
    let before = elbo.evaluate(&model, &train, Draws(32)).unwrap();
    elbo.fit(&mut model, &train, Epochs(60)).unwrap();
    let after = elbo.evaluate(&model, &train, Draws(32)).unwrap();
    assert!(after.elbo > before.elbo, "{before:?} {after:?}");

    let predicted = model.predict(&Poisson, test.inputs(), Draws(64));
    // The likelihood at the true rate, by the formula.
    let truth = test.inputs().data().iter().zip(test.targets().data()).map(|(&x, &y)| {
        let (log_mean, y) = (0.5 + f64::from(x), f64::from(y));
        log_mean.exp() - y * log_mean + ln_factorial(y)
    });
    let truth = mean(&truth.collect::<Vec<_>>());
    let nll = predicted.nll(test.targets());
    assert!((nll - truth).abs() < 0.02, "{nll} {truth}");
    assert!(predicted.coverage(test.targets(), 0.9) > 0.88);

    let (lower, upper) = predicted.interval(0.9);
    let within = test.targets().data().iter().zip(lower.iter().zip(&upper));
    let within = within.map(|(&y, (low, high))| f64::from(u8::from((*low..=*high).contains(&f64::from(y)))));
    let share = mean(&within.collect::<Vec<_>>());
    assert!((share - predicted.coverage(test.targets(), 0.9)).abs() < 1e-12, "{share}");
    let parts = predicted.aleatoric_sd().into_iter().zip(predicted.epistemic_sd());
    for (sd, (aleatoric, epistemic)) in predicted.sd().into_iter().zip(parts) {
        assert!((sd * sd - aleatoric * aleatoric - epistemic * epistemic).abs() < 1e-9);
    }

    let by_example = model.posterior(Draws(64)).log_likelihood(&Poisson, &test).unwrap();
    assert!((by_example.nll() - nll).abs() < 1e-5);
    let service = KeptDraws::new(&model, Draws(64));
    assert_eq!(service.predict(&Poisson, test.inputs()), predicted);
}
