//! Training gives the same parameters, bit for bit, on any number of threads.

use crate::common::net::{Net, batch, descend, logits, net};
use crate::common::with_threads;
use elbo_engine::{Gradients, Tape};

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

#[test]
fn moves_indices_and_linear_algebra_have_the_same_bits() {
    use elbo_engine::{CholeskyFactor, Reduction, Tensor, Var};
    const ROWS: usize = 150;
    let model: [Tensor; 2] = [
        Tensor::from_fn([3, ROWS, ROWS], |i| (i as f64 * 0.7).sin() / 20.0 + f64::from(i / ROWS % ROWS == i % ROWS)),
        Tensor::from_fn([3, ROWS, 100], |i| (i as f64).cos()),
    ];
    let index: Vec<usize> = (0..500).map(|i| 11 * i % ROWS).collect();
    let step = |threads| {
        with_threads(threads, || {
            let mut gradients = Gradients::of(&model);
            let tape = Tape::new();
            let [a, b] = [tape.param(&model[0]), tape.param(&model[1])];
            let l = a.matmul(a.transpose()).cholesky();
            let x = a.solve(l.triangular_solve(b, CholeskyFactor::LOWER)).index_select(1, &index);
            let joined = Var::concat(&[x.flip(&[1]), x.roll(1, 3).slice(1, .., 2)], 1).repeat(&[1, 1, 2]);
            let loss = joined.huber(joined.roll(0, 1), 0.3, Reduction::Mean)
                + Var::einsum("bij,bik->jk", &[x, x.flip(&[0])]).square().mean()
                + a.logdet().sum();
            loss.backward(&mut gradients);
            let gradients = gradients.iter().flat_map(|(.., gradient)| gradient).map(|g| g.to_bits());
            [(loss.item() as f32).to_bits()].into_iter().chain(gradients).collect::<Vec<u32>>()
        })
    };
    let alone = step(1);
    assert_eq!(alone.len(), 1 + 3 * ROWS * ROWS + 3 * ROWS * 100);
    assert!(alone.iter().all(|&bits| f32::from_bits(bits).is_finite()));
    for threads in [2, 3] {
        assert!(step(threads) == alone, "on {threads} threads");
    }
}
