//! `Objective`: an epoch's mean loss is the full-batch value for every KL weight; separate gradients of both terms.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::common::examples;
use elbo::prelude::*;
use elbo::{KlWeight, Tempering, WarmUp};

const EXAMPLES: usize = 48;

#[bayesian]
struct Net<T: Real> {
    hidden: Dense<MeanField<T>>,
    head: Dense<MeanField<T>>,
}

#[bayesian]
impl<T: Real> Net<T> {
    fn forward(&self, x: Var<T>) -> Var<T> {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

/// Steps on some rows, with the same noise each time: the loss and its gradient by parameter.
struct Steps<T: Real> {
    model: Net<T>,
    x: Tensor<T>,
    labels: Vec<usize>,
}

impl<T: Real> Steps<T> {
    fn new() -> Self {
        let (x, labels) = examples(EXAMPLES, 4, 3);
        Steps { model: Net { hidden: Dense::mean_field(4, 5), head: Dense::mean_field(5, 3) }, x: x.cast(), labels }
    }

    fn loss<R>(
        &self,
        rows: Range<usize>,
        objective: &Objective,
        step: usize,
        read: impl FnOnce(&elbo::Loss<'_, T>, &Net<T>) -> R,
    ) -> R {
        let part = Tensor::new([rows.len(), 4], &self.x.data()[rows.start * 4..rows.end * 4]);
        let tape = Tape::new();
        let net = self.model.draw(&tape, Key::new(4));
        let nll = Categorical.nll(net.forward(tape.input(&part)), &self.labels[rows]);
        read(&objective.loss_of(nll, &net, step), &self.model)
    }

    fn value_and_gradient(&self, rows: Range<usize>, objective: &Objective, step: usize) -> (f64, Vec<f64>) {
        self.loss(rows, objective, step, |loss, model| {
            let mut gradients = Gradients::of(model);
            loss.backward(&mut gradients);
            (loss.value(), flat(&gradients))
        })
    }

    /// The plain mean over the steps of the epoch that follows `before` steps.
    fn epoch(&self, batch: usize, objective: &Objective, before: usize) -> (f64, Vec<f64>) {
        let batches = EXAMPLES.div_ceil(batch);
        let (mut value, mut gradient) = (0.0, vec![0.0; self.model_len()]);
        for i in 0..batches {
            let rows = i * batch..((i + 1) * batch).min(EXAMPLES);
            let (loss, part) = self.value_and_gradient(rows, objective, before + i);
            value += loss / batches as f64;
            assert_eq!(part.len(), gradient.len());
            gradient.iter_mut().zip(part).for_each(|(sum, part)| *sum += part / batches as f64);
        }
        (value, gradient)
    }

    /// The number of learned elements: means and scales of two layers.
    fn model_len(&self) -> usize {
        2 * (4 * 5 + 5 + 5 * 3 + 3)
    }
}

fn flat<T: Real>(gradients: &Gradients<T>) -> Vec<f64> {
    gradients.iter().flat_map(|(_, _, values)| values.iter().map(|value| value.to_f64())).collect()
}

#[track_caller]
fn same(what: &str, (value, gradient): &(f64, Vec<f64>), (whole, expected): &(f64, Vec<f64>)) {
    assert!((value / whole - 1.0).abs() < 1e-12, "{what}: a mean of {value} and a whole of {whole}");
    let largest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    assert_eq!(gradient.len(), expected.len(), "{what}");
    for (mean, whole) in gradient.iter().zip(expected) {
        assert!((mean - whole).abs() < 1e-12 * largest, "{what}: a mean of {mean} and a whole of {whole}");
    }
}

#[test]
fn gradients_accumulated_over_batches_and_scaled_are_those_of_the_full_batch() {
    let steps = Steps::<f64>::new();
    for weight in [KlWeight::PerExample, KlWeight::PerBatch, KlWeight::Halving] {
        // Batches of 13, 13, 13 and 9 of the 48 examples.
        let objective = Objective::new(EXAMPLES).num_batches(4).kl_weight(weight.clone());
        let (mut gradients, mut value) = (Gradients::of(&steps.model), 0.0);
        for i in 0..4 {
            value += steps.loss(i * 13..EXAMPLES.min((i + 1) * 13), &objective, i, |loss, _| {
                loss.backward(&mut gradients);
                loss.value() / 4.0
            });
        }
        gradients.scale(0.25);
        let whole = steps.value_and_gradient(0..EXAMPLES, &Objective::new(EXAMPLES), 0);
        same(&format!("{weight:?}"), &(value, flat(&gradients)), &whole);
    }
}

#[test]
fn an_epoch_s_mean_is_the_full_batch_value_for_every_weight_and_tempering() {
    let steps = Steps::<f64>::new();
    let own = KlWeight::from_fn(|i, m| (i + 1) as f64 / (m * (m + 1) / 2) as f64);
    let temperings = [
        (Tempering::None, 0.0),
        (Tempering::LikelihoodPower(0.3), 0.0),
        (Tempering::KlFactor(0.05), 0.0),
        (Tempering::Posterior(0.2), 0.0),
        // Two of the four divergences are below, and two above.
        (Tempering::None, 40.0),
        (Tempering::Posterior(3.0), 40.0),
    ];
    for (tempering, free) in temperings {
        let plain = Objective::new(EXAMPLES).tempering(tempering).free_nats(free);
        let whole = steps.value_and_gradient(0..EXAMPLES, &plain, 0);
        // 12 divides 48; 20 leaves 8, 47 leaves one; and one batch of all.
        for batch in [12, 20, 47, EXAMPLES, 1] {
            for weight in [KlWeight::PerExample, KlWeight::PerBatch, KlWeight::Halving, own.clone()] {
                let batches = EXAMPLES.div_ceil(batch);
                let what = format!("{weight:?}, {tempering:?}, {free} nats free, batches of {batch}");
                let objective = plain.clone().num_batches(batches).kl_weight(weight);
                for epoch in [0, 3] {
                    same(&what, &steps.epoch(batch, &objective, epoch * batches), &whole);
                }
            }
        }
    }
}

#[test]
fn tempering_weighs_the_term_it_names() {
    let steps = Steps::<f64>::new();
    let weights = |objective: Objective| {
        steps.loss(0..12, &objective.num_batches(4), 0, |loss, _| {
            assert_eq!(loss.log_prior().is_some(), loss.log_prior_weight() != 0.0);
            [loss.nll_weight(), loss.kl_weight(), loss.log_prior_weight()]
        })
    };
    let n = EXAMPLES as f64;
    let tempered = |tempering| weights(Objective::new(EXAMPLES).tempering(tempering));
    assert_eq!(tempered(Tempering::None), [1.0, 1.0 / n, 0.0]);
    assert_eq!(tempered(Tempering::LikelihoodPower(0.25)), [0.25, 1.0 / n, 0.0]);
    assert_eq!(tempered(Tempering::KlFactor(0.25)), [1.0, 0.25 / n, 0.0]);
    assert_eq!(tempered(Tempering::Posterior(0.25)), [1.0, 0.25 / n, 0.75 / n]);
    assert_eq!(tempered(Tempering::Posterior(1.0)), [1.0, 1.0 / n, 0.0]);
}

#[test]
fn halving_is_blundells_equation_9_and_restarts_in_each_epoch() {
    let steps = Steps::<f64>::new();
    let objective = Objective::new(EXAMPLES).num_batches(4).kl_weight(KlWeight::Halving);
    let shares: Vec<f64> = (0..8)
        .map(|step| steps.loss(0..12, &objective, step, |loss, _| loss.kl_weight() * EXAMPLES as f64 / 4.0))
        .collect();
    for (share, expected) in shares.iter().zip([8.0, 4.0, 2.0, 1.0].repeat(2)) {
        assert!((share - expected / 15.0).abs() < 1e-15, "{shares:?}");
    }
    // A power of two that overflows f64.
    let many = Objective::new(5000).num_batches(5000).kl_weight(KlWeight::Halving);
    let first = steps.loss(0..1, &many, 0, |loss, _| loss.kl_weight());
    assert_eq!(first, 0.5);
    assert_eq!(steps.loss(0..1, &many, 4999, |loss, _| loss.kl_weight()), 0.0);
}

#[test]
fn a_warm_up_grows_to_one_and_stays() {
    let factors = |warm_up: WarmUp, steps: &[usize]| steps.iter().map(|&s| warm_up.factor(s)).collect::<Vec<_>>();
    assert_eq!(factors(WarmUp::linear(4), &[0, 1, 3, 4, usize::MAX]), [0.0, 0.25, 0.75, 1.0, 1.0]);
    let cosine = factors(WarmUp::cosine(4), &[0, 1, 2, 4, 9]);
    for (factor, expected) in cosine.iter().zip([0.0, 0.146_446_609_406_726_24, 0.5, 1.0, 1.0]) {
        assert!((factor - expected).abs() < 1e-15, "{cosine:?}");
    }
    let cyclic = WarmUp::cyclic(8, 2, 0.5);
    assert_eq!(factors(cyclic, &[0, 2, 4, 7, 8, 9, 12, 16, 17]), [0.0, 0.5, 1.0, 1.0, 0.0, 0.25, 1.0, 1.0, 1.0]);

    let steps = Steps::<f64>::new();
    let objective = Objective::new(EXAMPLES).warm_up(WarmUp::linear(4));
    let weight = |step| steps.loss(0..12, &objective, step, |loss, _| loss.kl_weight() * EXAMPLES as f64);
    assert_eq!([0, 2, 4].map(weight), [0.0, 0.5, 1.0]);
}

#[test]
fn training_counts_steps_from_the_beginning_of_each_epoch() {
    let places = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&places);
    let weight = KlWeight::from_fn(move |i, m| {
        seen.lock().unwrap().push((i, m));
        1.0 / m as f64
    });
    let Steps { mut model, x, labels } = Steps::<f64>::new();
    let data = Examples::new(x, labels).unwrap();
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-3)).kl_weight(weight).batch_size(20).quiet();
    elbo.fit(&mut model, &data, Epochs(1)).unwrap();
    // Four steps per epoch, of which the three taken are not a multiple.
    elbo.batch_size(12).fit(&mut model, &data, Epochs(2)).unwrap();
    // Each fit checks an epoch's weights before its first step, and then runs its epochs.
    let epochs = |count: usize, m: usize| (0..=count).flat_map(move |_| (0..m).map(move |i| (i, m)));
    assert_eq!(*places.lock().unwrap(), epochs(1, 3).chain(epochs(2, 4)).collect::<Vec<_>>());
}

#[test]
fn separate_gradients_sum_to_the_total() {
    apart::<f64>(1e-12);
    apart::<f32>(1e-5);
}

/// Also when two backward passes are accumulated.
fn apart<T: Real>(tolerance: f64) {
    let steps = Steps::<T>::new();
    let objective = Objective::new(EXAMPLES).num_batches(3).kl_weight(KlWeight::Halving);
    for objective in [objective.clone(), objective.tempering(Tempering::Posterior(0.5))] {
        apart_under(&steps, &objective, tolerance);
    }
}

fn apart_under<T: Real>(steps: &Steps<T>, objective: &Objective, tolerance: f64) {
    steps.loss(0..20, objective, 1, |loss, model| {
        let [mut total, mut nll, mut kl] = [(); 3].map(|()| Gradients::of(model));
        for _ in 0..2 {
            loss.backward(&mut total);
            loss.backward_apart(&mut nll, &mut kl);
        }
        let (total, nll, kl) = (flat(&total), flat(&nll), flat(&kl));
        assert!(nll.iter().chain(&kl).filter(|part| **part != 0.0).count() > total.len());
        for ((total, nll), kl) in total.iter().zip(&nll).zip(&kl) {
            let larger = nll.abs().max(kl.abs());
            assert!((nll + kl - total).abs() <= tolerance * larger, "{nll} + {kl} is not {total}");
        }
    });
}

#[test]
#[should_panic(
    expected = "a batch of 12 examples, but with N = 48 examples in M = 40 batches per epoch a batch has at \
                           most 9"
)]
fn a_batch_that_contradicts_the_number_of_batches_is_refused() {
    Steps::<f64>::new().loss(0..12, &Objective::new(EXAMPLES).num_batches(40), 0, |_, _| ());
}

#[test]
#[should_panic(expected = "a batch of 12 examples, but N = 10;")]
fn a_batch_of_more_examples_than_there_are_is_refused() {
    Steps::<f64>::new().loss(0..12, &Objective::new(10), 0, |_, _| ());
}

#[test]
#[should_panic(expected = "KlWeight::Halving needs M, the number of batches per epoch; set it with \
                           `Objective::num_batches`")]
fn a_weight_by_the_step_in_its_epoch_needs_the_number_of_batches() {
    Steps::<f64>::new().loss(0..12, &Objective::new(EXAMPLES).kl_weight(KlWeight::Halving), 0, |_, _| ());
}

#[test]
#[should_panic(expected = "got -0.5 for step 1 of an epoch of 4")]
fn a_negative_weight_is_refused() {
    let objective = Objective::new(EXAMPLES).num_batches(4).kl_weight(KlWeight::from_fn(|_, _| -0.5));
    Steps::<f64>::new().loss(0..12, &objective, 5, |_, _| ());
}

#[test]
#[should_panic(expected = "LikelihoodPower(NaN): the factor must be positive and finite")]
fn a_nan_factor_of_tempering_is_refused() {
    let _ = Objective::new(3).tempering(Tempering::LikelihoodPower(f64::NAN));
}

#[test]
#[should_panic(expected = "N, the number of training examples, must be positive")]
fn no_examples_are_refused() {
    let _ = Objective::new(0);
}
