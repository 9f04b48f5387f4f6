//! Weights of examples and classes, and masks: the epoch's mean of loss and gradient equals the full batch's, and the
//! divergence counts once.

use elbo::data::{Labels, Observed, Targets};
use elbo::prelude::*;
use elbo::{HeteroscedasticGaussian, Poisson, SoftCategorical};

use super::nll_and_gradient;

fn observed<Y: Targets>(data: &Examples<f64, Y>) -> &Observed<f64, Y> {
    data.observed()
}

fn inputs(rows: usize) -> Tensor<f64> {
    Tensor::from_fn([rows, 2], |i| (i as f64 * 0.7).sin())
}

#[test]
fn class_weights_divide_by_the_number_of_examples() {
    let logits = Tensor::new([2, 2], [0.0, 1.0, 0.5, 0.5]);
    let data = Examples::new(inputs(2), vec![0, 1]).unwrap();
    let likelihood = Categorical.class_weights([1.0, 9.0]);
    let (nll, gradient) = nll_and_gradient(&likelihood, &logits, observed(&data));
    assert!((nll - 3.775_793_156_278_87).abs() < 1e-14, "{nll}");
    let by_row = data.with_weights([1.0, 9.0]).unwrap();
    let (same, same_gradient) = nll_and_gradient(&Categorical, &logits, observed(&by_row));
    assert!((same - nll).abs() < 1e-14);
    gradient.iter().zip(&same_gradient).for_each(|(a, b)| assert!((a - b).abs() < 1e-15));
}

#[test]
fn a_batch_without_labels_has_zero_nats_and_gradient() {
    let logits = Tensor::new([2, 2], [0.0, 1.0, 0.5, 0.5]);
    let data = Examples::new(inputs(2), vec![255, 255]).unwrap();
    let (nll, gradient) = nll_and_gradient(&Categorical.ignore_label(255), &logits, observed(&data));
    assert_eq!((nll, gradient), (0.0, vec![0.0; 4]));
    let masked = Examples::with_mask(inputs(3), vec![9, 9, 1], Tensor::new([3], [0.0, 0.0, 1.0])).unwrap();
    let part = masked.rows(0..2);
    let (nll, gradient) = nll_and_gradient(&Categorical, &logits, observed(&part));
    assert_eq!((nll, gradient), (0.0, vec![0.0; 4]));
}

#[test]
fn a_missing_target_counts_nothing_and_the_others_as_before() {
    let y = Tensor::new([2, 2], [f64::NAN, 0.0, 1.0, 2.0]);
    let data = Examples::with_missing(inputs(2), y).unwrap();
    let outputs = Tensor::new([2, 2], [0.5, 0.5, 0.5, 0.5]);
    let (nll, gradient) = nll_and_gradient(&Gaussian::new(1.0), &outputs, observed(&data));
    let normaliser = 0.5 * std::f64::consts::TAU.ln();
    let expected = (0.5 * (0.25 + 0.25 + 2.25) + 3.0 * normaliser) / 2.0;
    assert!((nll - expected).abs() < 1e-15);
    assert_eq!(gradient, [0.0, 0.25, -0.25, -0.75]);
}

#[test]
fn steps_of_sequences_can_be_masked_and_counted() {
    let labels = Labels::new([2, 3], [0, 1, 7, 2, 7, 7]);
    let mask = Tensor::new([2, 3], [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    let logits = Tensor::from_fn([2, 3, 3], |i| (i as f64).cos());
    let masked = Examples::with_mask(inputs(2), labels.clone(), mask).unwrap();
    let (nll, gradient) = nll_and_gradient(&Categorical.each_step(), &logits, observed(&masked));
    let ignored = Examples::new(inputs(2), labels).unwrap();
    let likelihood = Categorical.ignore_label(7).each_step();
    let (same, same_gradient) = nll_and_gradient(&likelihood, &logits, observed(&ignored));
    assert!((nll - same).abs() < 1e-15);
    assert_eq!(gradient, same_gradient);
    assert!(gradient[6..9].iter().chain(&gradient[12..]).all(|&slope| slope == 0.0));
}

#[test]
fn soft_labels_of_zero_and_one_are_labels() {
    let logits = Tensor::new([2, 3], [0.0, 1.0, f64::NEG_INFINITY, 0.5, 0.5, -1.0]);
    let soft = Examples::new(inputs(2), Tensor::new([2, 3], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0])).unwrap();
    let hard = Examples::new(inputs(2), vec![1, 0]).unwrap();
    let (nll, gradient) = nll_and_gradient(&SoftCategorical, &logits, observed(&soft));
    let (same, same_gradient) = nll_and_gradient(&Categorical, &logits, observed(&hard));
    assert!((nll - same).abs() < 1e-15);
    gradient.iter().zip(&same_gradient).for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{gradient:?}"));
    // Smoothing is a soft label.
    let logits = Tensor::from_fn([2, 3], |i| (i as f64).sin());
    let spread = |label: usize| (0..3).map(move |class| 0.1 / 3.0 + if class == label { 0.9 } else { 0.0 });
    let smooth = Examples::new(inputs(2), Tensor::new([2, 3], spread(1).chain(spread(0)).collect::<Vec<_>>())).unwrap();
    let (nll, _) = nll_and_gradient(&SoftCategorical, &logits, observed(&smooth));
    let (same, _) = nll_and_gradient(&Categorical.label_smoothing(0.1), &logits, observed(&hard));
    assert!((nll - same).abs() < 1e-14);
}

/// The loss and its gradient, averaged over an epoch of batches of `size`.
fn epoch<L: Likelihood<f64>>(
    model: &Dense<MeanField<f64>>,
    likelihood: &L,
    data: &Examples<f64, L::Targets>,
    size: usize,
    kl_weight: KlWeight,
) -> (f64, Vec<f64>) {
    let batches = data.len().div_ceil(size);
    let objective = Objective::new(data.len()).num_batches(batches).kl_weight(kl_weight);
    let (mut tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (step, batch) in data.minibatches(size, Key::new(3)).enumerate() {
        tape.reset();
        // The same draw in every batch: then the epoch's mean is the full batch's value.
        let net = model.draw(&tape, Key::new(1));
        let nll = batch.observed().nll(likelihood, net.forward(tape.input(batch.inputs())));
        let of_batch = objective.loss(nll, net.kl(), step);
        of_batch.backward(&mut gradients);
        loss += of_batch.value() / batches as f64;
        let flat: Vec<f64> = gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect();
        gradient.resize(flat.len(), 0.0);
        gradient.iter_mut().zip(&flat).for_each(|(sum, slope)| *sum += slope / batches as f64);
        gradients.clear();
    }
    (loss, gradient)
}

fn check_epochs<L: Likelihood<f64>>(outputs: usize, likelihood: &L, data: &Examples<f64, L::Targets>) {
    let model = Dense::<MeanField<f64>>::mean_field(2, outputs);
    let weights: [fn() -> KlWeight; 4] = [
        || KlWeight::PerBatch,
        || KlWeight::PerExample,
        || KlWeight::Halving,
        || KlWeight::from_fn(|step, steps| 2.0 * (step + 1) as f64 / (steps * (steps + 1)) as f64),
    ];
    for kl_weight in weights {
        let (full, of_full) = epoch(&model, likelihood, data, data.len(), kl_weight());
        for size in [1, 4, 7, 10] {
            let (loss, gradient) = epoch(&model, likelihood, data, size, kl_weight());
            assert!((loss - full).abs() < 1e-12 * full.abs().max(1.0), "{size}: {loss} {full}");
            for (a, b) in gradient.iter().zip(&of_full) {
                assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{size}: {a} {b}");
            }
        }
    }
}

#[test]
fn weighted_and_masked_epochs_equal_the_full_batch_under_every_kl_weight() {
    let n = 17;
    let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64 * 0.8).collect();
    let y = Tensor::from_fn([n, 2], |i| if i % 3 == 1 { f64::NAN } else { (i as f64 * 1.3).cos() });
    let missing = Examples::with_missing(inputs(n), y).unwrap();
    check_epochs(2, &Gaussian::new(0.5), &missing);
    check_epochs(4, &HeteroscedasticGaussian, &missing);
    check_epochs(2, &Gaussian::new(0.5), &missing.with_weights(weights.clone()).unwrap());
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let data = Examples::new(inputs(n), labels.clone()).unwrap();
    check_epochs(3, &Categorical.class_weights([1.0, 4.0, 0.2]), &data);
    check_epochs(3, &Categorical, &data.with_weights(weights.clone()).unwrap());
    let mask = Tensor::from_fn([n], |i| f64::from(u8::from(i % 5 != 2)));
    check_epochs(3, &Categorical, &Examples::with_mask(inputs(n), labels, mask).unwrap());
    let counts = Examples::new(inputs(n), Tensor::from_fn([n, 1], |i| (i % 5) as f64)).unwrap();
    check_epochs(1, &Poisson, &counts.with_weights(weights).unwrap());
}

#[test]
fn a_weight_of_three_is_three_equal_examples() {
    let (x, y) = (inputs(4), Tensor::from_fn([4, 1], |i| i as f64));
    let weighted = Examples::new(x.clone(), y.clone()).unwrap().with_weights([1.0, 3.0, 0.0, 1.0]).unwrap();
    let model = Dense::<MeanField<f64>>::mean_field(2, 1);
    let elbo = Elbo::new(Gaussian::new(1.0)).quiet();
    let bound = elbo.evaluate(&model, &weighted, Draws(4)).unwrap();
    let repeated = [0, 1, 1, 1, 3];
    let (mut rx, mut ry) = (x.empty_like(), y.empty_like());
    x.gather(&repeated, &mut rx);
    y.gather(&repeated, &mut ry);
    let same = elbo.evaluate(&model, &Examples::new(rx, ry).unwrap(), Draws(4)).unwrap();
    assert!((4.0 * bound.nll - 5.0 * same.nll).abs() < 1e-12);
    assert!((bound.elbo - same.elbo).abs() < 1e-11);
}

#[test]
fn weights_and_masks_that_do_not_fit_are_refused() {
    let data = || Examples::new(inputs(3), vec![0, 1, 2]).unwrap();
    let error = |weights: Vec<f64>| data().with_weights(weights).unwrap_err().to_string();
    assert!(error(vec![1.0; 2]).contains("expected one weight for each of 3 examples"));
    assert!(error(vec![1.0, -1.0, 1.0]).contains("example 1 (from 0) has the weight -1"));
    assert!(error(vec![1.0, f64::NAN, 1.0]).contains("row 1"));
    assert!(error(vec![0.0; 3]).contains("all weights are 0"));
    let error = |mask: Tensor<f64>| Examples::with_mask(inputs(3), vec![0, 1, 2], mask).unwrap_err().to_string();
    assert!(error(Tensor::full([2], 1.0)).contains("got shape [2] for 3 examples"));
    assert!(error(Tensor::new([3], [1.0, 0.5, 1.0])).contains("row 1, element 0 (both from 0) is 0.5"));
    assert!(error(Tensor::zeros([3])).contains("all targets are masked"));
    let infinite = Tensor::new([2, 1], [f64::NAN, f64::INFINITY]);
    let error = Examples::with_missing(inputs(2), infinite).unwrap_err().to_string();
    assert!(error.contains("row 1, column 0 (both from 0): inf is not finite"), "{error}");
}

#[test]
fn a_mask_that_the_likelihood_cannot_use_is_an_error_of_fit() {
    let soft = Tensor::new([2, 2], [0.5, 0.5, 1.0, 0.0]);
    let mask = Tensor::new([2, 2], [1.0, 0.0, 1.0, 1.0]);
    let data = Examples::with_mask(inputs(2), soft, mask).unwrap();
    let mut model = Dense::<MeanField<f64>>::mean_field(2, 2);
    let error = Elbo::new(SoftCategorical).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err().to_string();
    assert!(error.contains("mask whole examples"), "{error}");
}

#[test]
#[should_panic(expected = "use `minibatches`")]
fn pairs_of_inputs_and_targets_would_lose_weights() {
    let data: Examples<f64> = Examples::new(inputs(3), vec![0, 1, 2]).unwrap().with_weights([1.0; 3]).unwrap();
    let _ = data.batches(2, Key::new(1));
}

#[test]
fn an_example_of_weight_0_does_not_count_even_if_it_is_impossible() {
    let x = Tensor::<f64>::zeros([2, 1]);
    let data = Examples::new(x, vec![0, 1]).unwrap().with_weights([1.0, 0.0]).unwrap();
    let logits = Tensor::new([2, 2], [0.0, 0.0, 0.0, f64::NEG_INFINITY]);
    let (nll, gradient) = super::nll_and_gradient(&Categorical, &logits, data.observed());
    assert_eq!(nll, 0.5 * std::f64::consts::LN_2);
    assert_eq!(gradient, [-0.25, 0.25, 0.0, 0.0]);
}

#[test]
#[should_panic(expected = "for binary classification with a single logit use `Bernoulli`")]
fn a_single_logit_is_no_prediction_of_classes() {
    let outputs = Outputs::new(Tensor::<f64>::zeros([1, 2, 1]));
    outputs.under(&Categorical.label_smoothing(0.1));
}
