//! Batches that make the forward panic are an error of `fit`: before the first step for a batch size, with the
//! location.

use std::panic::catch_unwind;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::examples;
use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::{Report, TrainError};
use rayon::prelude::*;

#[bayesian]
struct Normalised {
    first: Dense,
    norm: BatchNorm,
    head: Dense,
}

#[bayesian]
impl Normalised {
    fn forward(&self, x: Var) -> Var {
        let x = self.norm.forward(self.first.forward(x)).relu();
        self.head.forward(x)
    }
}

fn normalised() -> Normalised {
    Normalised { first: Dense::new(4, 6), norm: BatchNorm::new(6), head: Dense::new(6, 2) }
}

fn data(rows: usize) -> Examples<f32, Vec<usize>> {
    let (x, labels) = examples(rows, 4, 2);
    Examples::new(x, labels).unwrap()
}

fn parameters(model: &impl Bayesian<Scalar = f32>) -> Vec<u32> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.extend(tensor.data().iter().map(|x| x.to_bits())));
    all
}

/// The error of a `fit`, which must change neither the model nor the `Elbo`.
fn refusal(elbo: &mut Elbo<Categorical>, model: &mut Normalised, rows: usize) -> TrainError {
    let before = (parameters(model), format!("{elbo:?}"));
    let error = elbo.fit(model, &data(rows), Epochs(2)).unwrap_err();
    assert!((parameters(model), format!("{elbo:?}")) == before, "{error}");
    error
}

#[test]
fn a_last_batch_of_one_row_is_refused_by_batch_normalisation_before_the_first_step() {
    let mut model = normalised();
    let mut elbo = Elbo::new(Categorical).batch_size(128).quiet();
    let error = refusal(&mut elbo, &mut model, 129);
    let TrainError::Batch { batch: 2, batches: 2, rows: 1, place: Some(place), message, .. } = &error else {
        panic!("{error}");
    };
    assert!(place.contains("refused_batches.rs:"), "the place must be the user's line, not {place}");
    assert!(message.contains("batch_norm: x of shape [1, 6]") && message.contains("at least 2"), "{message}");
    let said = error.to_string();
    assert!(said.contains(place) && said.contains(message) && said.contains(".batch_size(..)"), "{said}");

    // Another batch size fixes it.
    let report = elbo.clone().batch_size(43).fit(&mut model, &data(129), Epochs(2));
    assert_eq!(report.unwrap().epochs.len(), 2);
    assert!(elbo.evaluate(&model, &data(129), Draws(2)).is_ok(), "running statistics need no second row");
}

#[test]
fn a_batch_is_refused_in_a_rayon_pool_too() {
    let (held, pool) = (data(9), rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    let refused = |threads: usize| {
        let mut elbo = Elbo::new(Categorical).batch_size(8).threads(threads).quiet();
        matches!(elbo.fit(&mut normalised(), &held, Epochs(1)), Err(TrainError::Batch { place: Some(_), .. }))
    };
    let fits = || (0..100).into_par_iter().filter(|fit| refused(1 + fit % 3)).count();
    assert_eq!(pool.install(fits), 100);
}

#[test]
fn batches_that_are_all_too_small_are_refused() {
    for (rows, batch) in [(1, 128), (5, 1)] {
        let mut elbo = Elbo::new(Categorical).batch_size(batch).quiet();
        let error = refusal(&mut elbo, &mut normalised(), rows);
        assert!(matches!(error, TrainError::Batch { batch: 1, batches, rows: 1, .. } if batches == rows), "{error}");
    }
}

#[test]
fn the_forward_is_tried_on_the_validation_set_too() {
    let (train, held_out) = (data(20), data(13));
    let mut model = Dense::new(4, 2);
    let before = parameters(&model);
    let mut elbo = Elbo::new(Categorical).batch_size(10).quiet();
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(2));
    // As if the batch size were hard-coded in the model.
    let error = training.run_with(Epochs(2), |net, x| net.forward(x.reshape([10, 4]))).unwrap_err();
    let TrainError::Batch { examples: "validation set", batch: 2, batches: 2, rows: 3, place, .. } = &error else {
        panic!("{error}");
    };
    assert!(place.as_ref().unwrap().contains("refused_batches.rs"), "{error}");
    assert_eq!(parameters(&model), before);
}

#[test]
fn the_forward_is_tried_once_for_each_batch_size_on_any_number_of_threads() {
    for (rows, forwards) in [(20, 1), (23, 2), (7, 1)] {
        for threads in [1, 2] {
            let ran = AtomicUsize::new(0);
            let mut elbo = Elbo::new(Categorical).batch_size(10).threads(threads).quiet();
            let report = elbo.fit_with(&mut Dense::new(4, 2), &data(rows), Epochs(0), |net, x| {
                ran.fetch_add(1, Ordering::Relaxed);
                net.forward(x)
            });
            assert_eq!((report.unwrap().epochs.len(), ran.into_inner()), (0, forwards), "{rows} rows");
        }
    }
}

/// Runs one test of this file in a separate process, in which `ROLE` is set.
fn process(test: &str) -> Output {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", &format!("refused_batches::{test}"), "--nocapture"]).env(ROLE, "1").output().unwrap()
}

const ROLE: &str = "ELBO_TEST_REFUSED";

#[test]
fn other_panics_are_errors_with_their_location_and_message() {
    let mut elbo = Elbo::new(Categorical).batch_size(8).quiet();
    let mut model = Dense::new(4, 2);
    let before = parameters(&model);
    let error = elbo.fit_with(&mut model, &data(9), Epochs(1), |net, x| {
        assert!(x.shape()[0] > 100, "a mistake of {} rows", x.shape()[0]);
        net.forward(x)
    });
    let error = error.unwrap_err();
    let TrainError::Forward { batch: 1, batches: 2, inputs, place: Some(place), message, .. } = &error else {
        panic!("{error}");
    };
    assert!(inputs == &[8, 4] && place.contains("refused_batches.rs:") && message == "a mistake of 8 rows", "{error}");
    let said = error.to_string();
    assert!(said.contains("training set") && said.contains("[8, 4]") && said.contains(place), "{said}");
    assert!(said.contains("a mistake of 8 rows"), "{said}");

    // Inputs of another width than the first layer.
    let error = Elbo::new(Categorical).quiet().fit(&mut Dense::new(5, 2), &data(9), Epochs(1)).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, TrainError::Forward { batch: 1, batches: 1, .. }) && said.contains("[9, 4]"), "{said}");
    assert!(said.contains("[2, 5]"), "{said}");

    // A panic on the validation set.
    let (train, held_out) = (data(10), data(13));
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(2));
    let rows = std::sync::Mutex::new(Vec::new());
    let error = training.run_with(Epochs(2), |net, x| {
        rows.lock().unwrap().push(x.shape()[0]);
        assert!(rows.lock().unwrap().len() <= 2, "no more forwards");
        net.forward(x)
    });
    let error = error.unwrap_err();
    assert!(matches!(error, TrainError::Forward { examples: "validation set", batch: 1, .. }), "{error}");
    assert_eq!(parameters(&model), before);
}

#[test]
fn a_batch_whose_values_make_the_forward_panic_is_an_error_at_its_step() {
    let (mut x, labels) = examples(20, 4, 2);
    x.data_mut()[19 * 4] = 1000.0;
    let data = Examples::new(x, labels).unwrap();
    let fit = |threads: usize| {
        let mut model = Dense::new(4, 2);
        let before = parameters(&model);
        let mut elbo = Elbo::new(Categorical).batch_size(5).threads(threads).quiet();
        let error = elbo.fit_with(&mut model, &data, Epochs(1), |net, x| {
            assert!(x.value().iter().all(|&x| x < 100.0), "a number of 100 or more");
            net.forward(x)
        });
        // With this seed the batch is not the first, so earlier steps were taken and are kept.
        assert_ne!(parameters(&model), before);
        error.unwrap_err()
    };
    for threads in [1, 2] {
        let error = fit(threads);
        let TrainError::Forward { batch: 2..=4, batches: 4, inputs, place: Some(place), message, .. } = &error else {
            panic!("{error}");
        };
        assert!(inputs == &[5, 4] && place.contains("refused_batches.rs:"), "{error}");
        assert_eq!(message, "a number of 100 or more");
    }
    // After the last step its batch is evaluated once more: the trial, the step, and this third run.
    let (ran, mut model) = (AtomicUsize::new(0), Dense::new(4, 2));
    let mut elbo = Elbo::new(Categorical).batch_size(20).quiet();
    let error = elbo.fit_with(&mut model, &data, Epochs(1), |net, x| {
        assert!(ran.fetch_add(1, Ordering::Relaxed) < 2, "a third time");
        net.forward(x)
    });
    let error = error.unwrap_err();
    assert!(matches!(&error, TrainError::Forward { batch: 1, message, .. } if message == "a third time"), "{error}");

    // In a shared pool the panic is printed too, and its location is unknown.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let error = pool.install(|| fit(2));
    assert!(matches!(&error, TrainError::Forward { message, .. } if message == "a number of 100 or more"), "{error}");
}

#[test]
fn a_caught_panic_is_not_printed_and_one_of_another_thread_is() {
    if std::env::var_os(ROLE).is_some() {
        let mut elbo = Elbo::new(Categorical).batch_size(8).quiet();
        let mut fit = || -> Result<Report, TrainError> {
            elbo.fit_with(&mut Dense::new(4, 2), &data(9), Epochs(1), |net, x| {
                if x.shape()[0] == 1 {
                    assert!(std::thread::spawn(|| panic!("elsewhere")).join().is_err());
                    panic!("a refusal");
                }
                net.forward(x)
            })
        };
        let error = fit().unwrap_err();
        assert!(matches!(&error, TrainError::Batch { message, .. } if message == "a refusal"), "{error}");
        // Panics are silenced only during the trial.
        assert!(catch_unwind(|| panic!("afterwards")).is_err());
        // A hook installed by the program sees the panic, and its location is then unknown.
        std::panic::set_hook(Box::new(|info| eprintln!("heard {}", info.payload_as_str().unwrap())));
        let error = fit().unwrap_err();
        assert!(matches!(&error, TrainError::Batch { message, place: None, .. } if message == "a refusal"), "{error}");
        return;
    }
    let output = process("a_caught_panic_is_not_printed_and_one_of_another_thread_is");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let (first, own) = said.split_once("heard").expect(&said);
    assert!(first.contains("elsewhere") && first.contains("afterwards"), "{said}");
    assert!(!first.contains("a refusal") && own.contains("elsewhere") && own.contains("a refusal"), "{said}");
}

#[test]
fn debug_and_display_of_the_errors_are_equal() {
    let error = refusal(&mut Elbo::new(Categorical).batch_size(128).quiet(), &mut normalised(), 129);
    assert_eq!(format!("{error:?}"), error.to_string());
    let error = Examples::new(Tensor::<f32>::zeros([3, 2]), vec![0_usize]).unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}
