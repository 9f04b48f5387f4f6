//! The same bits for any number of threads.

mod common;

use common::{Classifier, classifier, examples};
use elbo::prelude::*;

fn train(threads: usize, width: usize, rows: usize, batch: usize, epochs: usize) -> (Vec<u32>, Vec<u64>) {
    let (x, labels) = examples(rows, 40, 4);
    let data = Examples::new(x, labels).unwrap();
    let mut model: Classifier = classifier(40, width, 4);
    let mut elbo = Elbo::new(Categorical).seed(7).batch(batch).threads(threads).quiet();
    elbo.fit(&mut model, &data, Epochs(epochs)).unwrap();
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_bits())));
    let predict = || Categorical.predict(&model, data.inputs(), Draws(9));
    let probabilities = elbo::with_threads(threads, predict);
    (bits, probabilities.mean().iter().map(|p| p.to_bits()).collect())
}

#[test]
fn same_bits_for_any_thread_count() {
    // 100 steps each: a net that stays on one thread, and one whose draws, products and updates are
    // split.
    for (width, rows, batch, epochs) in [(16, 100, 20, 20), (500, 160, 80, 50)] {
        let alone = train(1, width, rows, batch, epochs);
        for threads in [2, 3] {
            assert!(train(threads, width, rows, batch, epochs) == alone, "width {width}, {threads} threads");
        }
    }
}

#[test]
fn training_in_two_calls_is_training_in_one() {
    let (x, labels) = examples(50, 6, 3);
    let data = Examples::new(x, labels).unwrap();
    let bits = |calls: &[usize]| {
        let mut model = classifier(6, 8, 3);
        let mut elbo = Elbo::new(Categorical).batch(16).seed(1).threads(1).quiet();
        for &epochs in calls {
            elbo.fit(&mut model, &data, Epochs(epochs)).unwrap();
        }
        model.head.weight.mean.data().to_vec()
    };
    assert_eq!(bits(&[6]), bits(&[2, 4]));
}

/// Set in a process of its own, to the number of threads.
const STARTS: &str = "ELBO_TEST_STARTS";

/// The first means of layers that are made in several calls, one of them within another.
fn starts(threads: usize) -> String {
    let bits = |layer: Dense| layer.weight.mean.data().iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    let make = || bits(Dense::new(2, 1));
    let nested = || [make(), elbo::with_threads(threads, make), make()];
    let mut found: Vec<_> = (0..6).map(|_| elbo::with_threads(threads, make)).collect();
    found.extend(elbo::with_threads(threads, nested));
    found.push(make());
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "two layers start alike: {found:?}");
    format!("{found:?}")
}

#[test]
fn models_made_in_with_threads_start_alike_for_any_number_of_threads() {
    const NAME: &str = "models_made_in_with_threads_start_alike_for_any_number_of_threads";
    if let Ok(threads) = std::env::var(STARTS) {
        println!("starts {}", starts(threads.parse().unwrap()));
        return;
    }
    let found = [1, 2, 3].map(|threads: usize| {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        let process = process.args(["--exact", NAME, "--nocapture"]).env(STARTS, threads.to_string());
        let output = String::from_utf8(process.output().unwrap().stdout).unwrap();
        output.split_once("starts ").expect(&output).1.lines().next().unwrap().to_owned()
    });
    assert!(found.iter().all(|other| *other == found[0]), "{found:?}");
}
