//! Accumulated gradients: steps of several batches are steps on one large batch.

use elbo::nn::{BatchNorm, Dropout};
use elbo::prelude::*;
use elbo::{Clip, KlWeight, Path, TrainError, WarmUp};

fn parameters<M: Parameters<Scalar = f64>>(model: &M) -> Vec<f64> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
    all
}

/// 50 examples: batches of 8 leave 2, and steps of 24 leave 2 as well.
fn data() -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([50, 3], |i| (i as f64 * 0.7).sin());
    let y = Tensor::from_fn([50, 2], |i| if i % 7 == 3 { f64::NAN } else { (i as f64 * 0.3).cos() });
    Examples::with_missing(x, y).unwrap().with_weights((0..50).map(|i| f64::from(i % 4)).collect::<Vec<_>>()).unwrap()
}

fn trained(elbo: Elbo<Gaussian>) -> (Vec<f64>, Vec<[f64; 4]>) {
    let mut model = Dense::<MeanField<f64>>::mean_field(3, 2);
    let report = elbo.optimizer(Sgd::new(0.1)).quiet().fit(&mut model, &data(), Epochs(3)).unwrap();
    let epochs = report.epochs.iter().map(|epoch| [epoch.nll, epoch.kl, epoch.kl_weight, epoch.elbo]);
    (parameters(&model), epochs.collect())
}

#[test]
fn accumulated_batches_are_one_large_batch_for_every_kl_weight() {
    let custom = KlWeight::from_fn(|i, _| [0.2, 0.5, 0.3][i]);
    let weights = [KlWeight::PerExample, KlWeight::PerBatch, KlWeight::Halving, custom];
    for weight in weights {
        let elbo = || {
            let warm_up = WarmUp::linear(5);
            Elbo::new(Gaussian::new(0.5)).kl_weight(weight.clone()).warm_up(warm_up).draws(2).free_nats(0.5)
        };
        let (whole, expected) = trained(elbo().batch_size(24));
        let (accumulated, found) = trained(elbo().batch_size(8).accumulate(3));
        assert_eq!(whole.len(), 16);
        for (a, b) in whole.iter().zip(&accumulated) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{weight:?}: {a} {b}");
        }
        for (a, b) in expected.iter().flatten().zip(found.iter().flatten()) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{weight:?}: {a} {b}");
        }
    }
}

#[bayesian]
struct Noisy {
    dropout: Dropout<f64>,
    dense: Dense<MeanField<f64>>,
}

#[bayesian]
impl Noisy {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.dense.forward(self.dropout.forward(x))
    }
}

#[test]
fn noise_of_examples_differs_between_the_batches_of_a_step() {
    // Equal examples: with the same noise in both batches, a step on two would be a step on one.
    let step = |examples: usize, rate, estimator| {
        let (x, y) = (Tensor::full([examples, 2], 1.0), Tensor::full([examples, 1], 0.5));
        let mut model = Noisy { dropout: Dropout::new(rate), dense: Dense::mean_field(2, 1).initial_sd(0.5) };
        // Free nats above the divergence, because its weight depends on N.
        let elbo = Elbo::new(Gaussian::new(0.5)).optimizer(Sgd::new(0.1)).free_nats(1e6).estimator(estimator).quiet();
        let data = Examples::new(x, y).unwrap();
        elbo.batch_size(8).accumulate(2).fit(&mut model, &data, Epochs(1)).unwrap();
        parameters(&model)
    };
    for (rate, estimator) in [(0.5, Estimator::Sample), (0.0, Estimator::Local), (0.0, Estimator::Flipout)] {
        let [one, two] = [8, 16].map(|examples| step(examples, rate, estimator));
        assert!(one.iter().zip(&two).any(|(a, b)| (a - b).abs() > 1e-6), "{estimator:?}: {one:?} {two:?}");
    }
    let [one, two] = [8, 16].map(|examples| step(examples, 0.0, Estimator::Sample));
    assert!(one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-14), "{one:?} {two:?}");
}

#[bayesian]
#[derive(Clone)]
struct Slope {
    slope: Point<f64>,
}

#[bayesian]
impl Slope {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x * self.slope
    }
}

#[test]
fn a_step_is_undone_if_a_later_batch_has_an_infinite_loss() {
    // The loss of the first example is infinite for any slope but 0.
    let x = Tensor::from_fn([8, 1], |i| if i == 0 { 1e200 } else { 1.0 });
    let data = Examples::new(x, Tensor::full([8, 1], 1.0)).unwrap();
    for seed in 0..8 {
        let mut model = Slope { slope: Point(Tensor::zeros([1])) };
        let mut elbo = Elbo::new(Gaussian::new(1.0)).optimizer(Sgd::new(0.1)).clip(Clip::Norm(1.0)).seed(seed).quiet();
        elbo = elbo.batch_size(2).accumulate(4);
        let error = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err();
        assert!(matches!(error, TrainError::NonFinite { step: 1, .. }), "{error}");
        assert_eq!(model.slope.0.data(), [0.0], "seed {seed}");
    }
}

#[test]
#[should_panic(expected = "Elbo: at least one batch must be accumulated, got 0")]
fn no_batches_are_refused() {
    let _ = Elbo::new(Categorical).accumulate(0);
}

#[test]
fn running_statistics_take_the_mean_of_the_batches() {
    let mut norm = BatchNorm::new(1);
    let data = Examples::new(Tensor::from_fn([8, 1], |i| i as f64), Tensor::zeros([8, 1])).unwrap();
    let mut elbo = Elbo::new(Gaussian::new(1.0)).optimizer(Sgd::new(1e-9)).batch_size(2).accumulate(4).quiet();
    elbo.fit(&mut norm, &data, Epochs(1)).unwrap();
    // The mean of the batches' means is that of all examples; a tenth of it was taken.
    let mut means: Vec<f32> = Vec::new();
    norm.visit(&Path::ROOT, &mut |path, _, tensor| {
        if path.to_string().contains("mean") {
            means.extend_from_slice(tensor.data());
        }
    });
    assert_eq!(means.len(), 1);
    assert!((means[0] - 0.35).abs() < 1e-6, "{means:?}");
}

#[test]
fn a_panic_names_the_batch_within_its_step() {
    let data = Examples::new(Tensor::from_fn([10, 1], |_| 1.0), Tensor::zeros([10, 1])).unwrap();
    let mut elbo = Elbo::new(Gaussian::new(1.0)).batch_size(4).accumulate(3).quiet();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let error = elbo.fit_with(&mut Dense::new(1, 1), &data, Epochs(1), |net, x| {
        // Not in the checks before the first step, of batches of 4 and of 2.
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(call < 4 || x.shape()[0] == 4, "two rows");
        net.forward(x)
    });
    let Err(TrainError::Forward { batch, batches, inputs, .. }) = error else { panic!("{error:?}") };
    assert_eq!((batch, batches, inputs), (3, 3, vec![2, 1]));
}
