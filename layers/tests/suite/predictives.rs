//! Predictive distributions: probabilities that underflow, excluded classes, distributions along axes, custom
//! likelihoods.

use elbo::prelude::*;
use elbo::{LogLikelihood, TrainError};

fn outputs<const D: usize>(shape: [usize; D], of: &[f32]) -> Outputs {
    Outputs::new(Tensor::new(shape, of))
}

#[test]
fn a_label_whose_probability_underflows_has_a_finite_nll() {
    let predicted = outputs([1, 1, 2], &[800.0, 0.0]).under(&Categorical);
    assert_eq!(predicted.mean(), [1.0, 0.0]);
    assert_eq!((predicted.nll(&[1]), predicted.nll(&[0])), (800.0, 0.0));
    // Probabilities are averaged, so the draw with the larger one decides: ½ e^−800.
    let predicted = outputs([2, 1, 2], &[800.0, 0.0, 2000.0, 0.0]).under(&Categorical);
    assert!((predicted.nll(&[1]) - (800.0 + 2f64.ln())).abs() < 1e-12);
    let predicted = outputs([2, 1, 2], &[800.0, 0.0, 0.0, 0.0]).under(&Categorical);
    assert!((predicted.nll(&[1]) - 4f64.ln()).abs() < 1e-12);
}

#[test]
fn improbable_labels_keep_their_places_among_others() {
    let rows: Vec<f32> = (0..300).flat_map(|row| if row % 3 == 0 { [900.0, 0.0] } else { [0.0, 0.0] }).collect();
    let predicted = outputs([1, 300, 2], &rows).under(&Categorical);
    assert!((predicted.nll(&vec![1; 300]) - (100.0 * 900.0 + 200.0 * 2f64.ln()) / 300.0).abs() < 1e-9);
}

#[test]
fn a_logit_of_minus_infinity_excludes_its_class() {
    let ruled_out = f32::NEG_INFINITY;
    let predicted = outputs([1, 1, 3], &[0.0, ruled_out, 0.0]).under(&Categorical);
    assert_eq!(predicted.mean(), [0.5, 0.0, 0.5]);
    assert!((predicted.entropy()[0] - 2f64.ln()).abs() < 1e-15);
    assert!((predicted.expected_entropy()[0] - 2f64.ln()).abs() < 1e-15);
    assert!(predicted.mutual_information()[0].abs() < 1e-15);
    assert_eq!(predicted.nll(&[1]), f64::INFINITY);
    let allows = |output: &[f32]| Likelihood::<f32>::allows(&Categorical, output);
    assert!(
        allows(&[0.0, ruled_out])
            && !allows(&[ruled_out; 2])
            && !allows(&[f32::INFINITY, 0.0])
            && !allows(&[f32::NAN, 0.0])
    );
    assert!(!Likelihood::<f32>::allows(&Gaussian::new(1.0), &[ruled_out]));
}

#[bayesian]
struct Masked {
    layer: Dense,
}

#[bayesian]
impl Masked {
    fn forward(&self, x: Var) -> Var {
        let y = self.layer.forward(x);
        let mask = y.tape().constant([y.shape()[0], 3], |i| if i % 3 == 2 { f32::NEG_INFINITY } else { 0.0 });
        y + mask
    }
}

#[test]
fn a_model_may_exclude_classes() {
    let model = Masked { layer: Dense::new(4, 3) };
    let x = Tensor::from_fn([5, 4], |i| (i as f64).sin());
    let predicted = model.predict(&Categorical, &x, Draws(4));
    assert!(predicted.mean().chunks(3).all(|row| row[2] == 0.0 && (row[0] + row[1] - 1.0).abs() < 1e-12));
    assert!(predicted.entropy().iter().all(|nats| nats.is_finite()));
    let data = Examples::new(x, vec![0, 1, 0, 1, 0]).unwrap();
    let report = Elbo::new(Categorical).quiet().fit(&mut Masked { layer: Dense::new(4, 3) }, &data, Epochs(3)).unwrap();
    assert!(report.last().nll.is_finite());
}

#[test]
fn every_step_of_a_sequence_has_a_distribution() {
    let logits: Vec<f32> = (0..2 * 3 * 4 * 5).map(|i| (i as f32 * 0.7).sin()).collect();
    let predicted = outputs([2, 3, 4, 5], &logits).under(&Categorical);
    assert_eq!((predicted.shape(), predicted.classes(), predicted.len()), (vec![3, 4], 5, 12));
    let softmax = |logits: &[f32]| {
        let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        logits.iter().map(|&x| f64::from(x).exp() / total).collect::<Vec<_>>()
    };
    for step in 0..12 {
        let [first, second] = [0, 1].map(|draw| softmax(&logits[(draw * 12 + step) * 5..][..5]));
        for ((p, a), b) in predicted.row(step).iter().zip(first).zip(second) {
            assert!((p - (a + b) / 2.0).abs() < 1e-15);
        }
    }
}

#[test]
fn a_model_s_axes_are_kept() {
    #[bayesian]
    struct Tagger {
        layer: Dense,
    }
    #[bayesian]
    impl Tagger {
        fn forward(&self, x: Var) -> Var {
            self.layer.forward(x)
        }
    }
    let (model, x) = (Tagger { layer: Dense::new(2, 3) }, Tensor::from_fn([300, 4, 2], |i| (i as f64).sin()));
    assert_eq!(model.outputs(&x, Draws(2)).tensor().shape(), [2, 300, 4, 3]);
    assert_eq!(model.predict(&Categorical, &x, Draws(2)).shape(), [300, 4]);
    assert_eq!(model.predict(&Gaussian::new(1.0), &x, Draws(2)).mean().len(), 300 * 12);
}

#[test]
fn a_single_logit_needs_bernoulli() {
    let data = Examples::new(Tensor::full([4, 2], 1.0), vec![0, 1, 0, 1]).unwrap();
    let mistake = Elbo::new(Categorical).quiet().fit(&mut Dense::new(2, 1), &data, Epochs(1)).unwrap_err();
    assert!(mistake.to_string().contains("`Bernoulli`"), "{mistake}");
    let mistake = Dense::new(2, 1).posterior(Draws(2)).log_likelihood(&Categorical, &data).unwrap_err();
    assert!(mistake.to_string().contains("`Bernoulli`"), "{mistake}");
}

#[test]
#[should_panic(expected = "`Bernoulli`")]
fn categorical_does_not_predict_from_a_single_logit() {
    let _ = Dense::new(2, 1).predict(&Categorical, &Tensor::full([4, 2], 1.0), Draws(2));
}

#[test]
#[should_panic(expected = "every logit is −∞")]
fn a_step_without_a_class_is_refused() {
    let ruled_out = f32::NEG_INFINITY;
    outputs([1, 1, 2, 2], &[0.0, 0.0, ruled_out, ruled_out]).under(&Categorical);
}

#[test]
fn targets_other_than_0_and_1_are_refused() {
    let data = Examples::new(Tensor::full([3, 2], 1.0), Tensor::new([3, 1], [0.0, 1.0, 2.0])).unwrap();
    let mistake = Elbo::new(Bernoulli).quiet().fit(&mut Dense::new(2, 1), &data, Epochs(1)).unwrap_err();
    assert_eq!(mistake.to_string(), "example 2 (from 0) has the target 2, but Bernoulli's targets must be 0 or 1");
}

#[test]
fn labels_are_sampled_with_their_probabilities() {
    let predicted = outputs([1, 2, 3], &[0.0, f32::NEG_INFINITY, 1.0, 0.3, 0.2, 0.1]).under(&Categorical);
    let samples = predicted.samples(40_000, Key::new(1));
    for (i, p) in predicted.mean().iter().enumerate() {
        let (row, class) = (i / 3, i % 3);
        let share = samples.iter().skip(row).step_by(2).filter(|&&label| label == class).count() as f64 / 4e4;
        assert!((share - p).abs() <= 5.0 * (p * (1.0 - p) / 4e4).sqrt(), "{i}: {share} {p}");
    }
    assert_ne!(samples, predicted.samples(40_000, Key::new(2)));
}

/// Waiting times with P(0) = ½, without a check of shapes, so that targets of another shape are broadcast.
#[derive(Clone, Debug)]
struct Waiting;

impl<T: Real> Likelihood<T> for Waiting {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    fn log_likelihood<'t>(&self, log_mean: Var<'t, T>, times: &'t Tensor<T>) -> Var<'t, T> {
        -log_mean - log_mean.tape().input(times) / log_mean.exp()
    }

    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(Waiting, outputs)
    }
}

impl Univariate for Waiting {
    fn mean(&self, log_mean: &[f64]) -> f64 {
        0.5 * log_mean[0].exp()
    }
    fn variance(&self, log_mean: &[f64]) -> f64 {
        0.75 * (2.0 * log_mean[0]).exp()
    }
    fn cdf(&self, log_mean: &[f64], time: f64) -> f64 {
        if time < 0.0 { 0.0 } else { 1.0 - 0.5 * (-time / log_mean[0].exp()).exp() }
    }
}

#[test]
fn targets_that_are_broadcast_are_refused() {
    let data = |shape: &[usize]| Examples::new(Tensor::full([20, 2], 0.5), Tensor::full(shape, 1.0)).unwrap();
    let fit = |shape: &[usize]| Elbo::new(Waiting).quiet().fit(&mut Dense::new(2, 1), &data(shape), Epochs(1));
    fit(&[20, 1]).unwrap();
    let error = fit(&[20]).unwrap_err();
    assert!(matches!(error, TrainError::Forward { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("[20, 20]") && message.contains("broadcast") && message.contains("(20, 1)"), "{message}");
}

#[test]
fn a_jump_of_the_cdf_is_a_quantile_and_is_covered() {
    let predicted = outputs([2, 1, 1], &[0.0, 1.0]).under(&Waiting);
    assert_eq!(predicted.quantile(0.3), [0.0]);
    assert_eq!(predicted.coverage(&Tensor::<f64>::zeros([1, 1]), 0.5), 1.0);
    assert_eq!(predicted.coverage(&Tensor::<f64>::full([1, 1], 100.0), 0.5), 0.0);
}

/// Without a mean and a variance.
#[derive(Clone, Debug)]
struct CauchyNoise;

impl Univariate for CauchyNoise {
    fn mean(&self, _: &[f64]) -> f64 {
        f64::NAN
    }
    fn variance(&self, _: &[f64]) -> f64 {
        f64::INFINITY
    }
    fn cdf(&self, place: &[f64], y: f64) -> f64 {
        0.5 + (y - place[0]).atan() / std::f64::consts::PI
    }
}

#[test]
fn a_distribution_without_moments_has_intervals() {
    let predicted = Mixture::new(CauchyNoise, &outputs([1, 2, 1], &[0.0, 3.0]));
    let (low, high) = predicted.interval(0.5);
    for ((low, high), place) in low.iter().zip(&high).zip([0.0, 3.0]) {
        assert!((low - (place - 1.0)).abs() < 1e-9 && (high - (place + 1.0)).abs() < 1e-9, "{low} {high}");
    }
    let both = Mixture::new(CauchyNoise, &outputs([2, 1, 1], &[-5.0, 5.0]));
    assert!(both.quantile(0.5)[0].abs() < 1e-9);
}

#[test]
#[should_panic(
    expected = "interval: the level must be between 0 and 1, and less than 1 - 1e-15, got 0.9999999999999999"
)]
fn a_level_whose_upper_probability_rounds_to_one_is_refused() {
    outputs([1, 1, 1], &[0.0]).under(&Gaussian::new(1.0)).interval(1.0 - f64::EPSILON / 2.0);
}

#[test]
fn bernoulli_as_two_classes_keeps_small_probabilities_and_axes() {
    let predicted = outputs([1, 1, 1], &[800.0]).under(&Bernoulli);
    assert_eq!(predicted.nll(&Tensor::<f64>::zeros([1, 1])), 800.0);
    assert_eq!(predicted.classes().nll(&[0]), 800.0);
    assert_eq!(outputs([1, 3, 4], &[0.0; 12]).under(&Bernoulli).classes().shape(), [3, 4]);
}

#[test]
#[should_panic(expected = "is not finite under draw 0")]
fn the_likelihood_of_an_output_that_overflows_is_refused() {
    let model = Dense::new(1, 2);
    let data = Examples::new(Tensor::full([2, 1], 1e38), vec![0, 1]).unwrap();
    let mut weights = model.mean_weights();
    weights.set_flat(&[10.0, 0.0, 0.0, 0.0]).unwrap();
    let _: Result<LogLikelihood, _> = KeptDraws::of(&model, vec![weights]).unwrap().log_likelihood(&Categorical, &data);
}
