//! The same bits for any number of threads.

mod common;

use common::{Classifier, classifier, examples};
use elbo::prelude::*;

fn train(threads: usize, width: usize, rows: usize, batch: usize, epochs: usize) -> (Vec<u32>, Vec<u64>) {
    let (x, labels) = examples(rows, 40, 4);
    let data = Examples::new(x, labels).unwrap();
    let mut model: Classifier = classifier(40, width, 4);
    let mut elbo = Elbo::new(Categorical, data.len()).seed(7).batch(batch).threads(threads).quiet();
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
        let mut elbo = Elbo::new(Categorical, data.len()).batch(16).seed(1).threads(1).quiet();
        for &epochs in calls {
            elbo.fit(&mut model, &data, Epochs(epochs)).unwrap();
        }
        model.head.weight.mean.data().to_vec()
    };
    assert_eq!(bits(&[6]), bits(&[2, 4]));
}
