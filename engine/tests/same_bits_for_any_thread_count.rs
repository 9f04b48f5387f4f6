//! Training gives the same parameters, bit for bit, on any number of threads.

mod common;

use common::net::{Net, batch, descend, logits, net};
use elbo_engine::{Gradients, Tape, with_threads};

fn train(widths: &[usize], rows: usize, steps: usize, threads: usize) -> Net<f32> {
    let mut model = net::<f32>(widths);
    let (x, labels) = batch(rows, widths[0], widths[widths.len() - 1]);
    with_threads(threads, || {
        let mut gradients = Gradients::of(&model);
        let mut tape = Tape::new();
        for _ in 0..steps {
            tape.reset();
            let logits = logits(&tape, &model, &x);
            // Beside the products: elementwise work and sums that are large enough to be split.
            let penalty =
                logits.square().mean() + model.iter().map(|(w, _)| tape.param(w).square().sum()).last().unwrap();
            (logits.cross_entropy(&labels) + penalty * 1e-3).backward(&mut gradients);
            descend(&mut model, &mut gradients, 0.1);
        }
    });
    model
}

fn same_bits(widths: &[usize], rows: usize, steps: usize) {
    let alone = train(widths, rows, steps, 1);
    assert!(alone.iter().all(|(w, _)| w.data().iter().all(|x| x.is_finite())));
    assert!(alone != net::<f32>(widths), "nothing was learned");
    for threads in [2, 3] {
        assert!(train(widths, rows, steps, threads) == alone, "{widths:?} on {threads} threads");
    }
}

#[test]
fn a_small_net_has_the_same_bits_after_300_steps() {
    same_bits(&[20, 30, 30, 4], 32, 300);
}

#[test]
fn a_larger_net_has_the_same_bits_after_60_steps() {
    same_bits(&[300, 601, 7], 111, 60);
}
