//! Pools, normalisation, attention and recurrent networks give the same bits for any number of threads.

use crate::common::{Random, with_threads};
use elbo_engine::{Attention, Convolution, Gradients, Pooling, Recurrent, Tape, Tensor, Var};

/// The value and the gradients of all inputs, in single precision.
fn results(inputs: &[Tensor<f32>], threads: usize, f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + Sync) -> Vec<Vec<f32>> {
    with_threads(threads, || {
        let mut gradients = Gradients::of(inputs);
        let tape = Tape::new();
        let inputs: Vec<_> = inputs.iter().map(|tensor| tape.param(tensor)).collect();
        let value = f(&inputs);
        value.square().sum().backward(&mut gradients);
        let gradients = gradients.iter().map(|(.., gradient)| gradient.to_vec());
        [value.value().to_vec()].into_iter().chain(gradients).collect()
    })
}

fn same_bits(name: &str, shapes: &[&[usize]], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + Sync) {
    let mut random = Random::new(1);
    let inputs: Vec<_> = shapes.iter().map(|shape| random.tensor(shape).cast()).collect();
    let alone = results(&inputs, 1, &f);
    assert!(alone.iter().flatten().all(|x| x.is_finite()) && alone[1].iter().any(|&x| x != 0.0), "{name}");
    for threads in [2, 3, 5] {
        assert!(results(&inputs, threads, &f) == alone, "{name} on {threads} threads");
    }
}

#[test]
fn pools_have_the_same_bits_for_any_thread_count() {
    let x: &[usize] = &[5, 7, 60, 61];
    same_bits("max_pool", &[x], |x| x[0].max_pool(Pooling::new([3, 2]).stride([2, 1]).padding([1, 0])));
    same_bits("avg_pool", &[x], |x| x[0].avg_pool(Pooling::new([3, 3]).padding([1, 1]).count_padding(false)));
    same_bits("adaptive_avg_pool", &[x], |x| x[0].adaptive_avg_pool([7, 4]));
}

#[test]
fn normalisation_has_the_same_bits_for_any_thread_count() {
    let (x, w): (&[usize], &[usize]) = (&[30, 12, 20, 21], &[12]);
    same_bits("group_norm", &[x, w, w], |x| x[0].group_norm(3, (x[1], x[2]), 1e-5));
    same_bits("batch_norm", &[x, w, w], |x| x[0].batch_norm((x[1], x[2]), None, 1e-5));
    let (x, w): (&[usize], &[usize]) = (&[500, 301], &[301]);
    same_bits("layer_norm", &[x, w, w], |x| x[0].layer_norm(1, (x[1], x[2]), 1e-5));
    same_bits("rms_norm", &[x, w], |x| x[0].rms_norm(1, (x[1],), 1e-5));
    same_bits("batch_norm of rows", &[x, w, w], |x| x[0].batch_norm((x[1], x[2]), None, 1e-5));
}

#[test]
fn attention_has_the_same_bits_for_any_thread_count() {
    let (q, k): (&[usize], &[usize]) = (&[6, 150, 16], &[6, 130, 16]);
    same_bits("attention", &[q, k, k], |x| x[0].attention(x[1], x[2], Attention::new()));
    same_bits("attention by lengths", &[q, k, k], |x| {
        let of = Attention::new().lengths(x[0].tape().alloc_slice(x[0].shape()[0], |i| 130 - 25 * i));
        x[0].attention(x[1], x[2], of)
    });
    same_bits("attention with a mask", &[q, k, k, &[150, 130]], |x| {
        x[0].attention(x[1], x[2], Attention::new().bias(x[3]).causal())
    });
}

#[test]
fn a_transposed_convolution_has_the_same_bits_for_any_thread_count() {
    same_bits("convolve_transposed", &[&[3, 10, 25, 26], &[10, 6, 3, 3], &[6]], |x| {
        let settings = Convolution::new().stride([2, 2]).padding([1, 1]).transposed().output_padding([1, 0]);
        x[0].convolve_transposed(x[1], Some(x[2]), settings)
    });
}

#[test]
fn recurrent_networks_have_the_same_bits_for_any_thread_count() {
    for (gates, name) in [(4, "lstm"), (3, "gru"), (1, "rnn")] {
        same_bits(name, &[&[200, 3, 20], &[gates * 50, 20], &[gates * 50, 50], &[200, 50]], |x| {
            let weights =
                Recurrent { weight_ih: x[1], weight_hh: x[2], biases: [None, None], projection: None, reverse: false };
            match name {
                "lstm" => x[0].lstm(weights, [x[3]; 2]).0,
                "gru" => x[0].gru(weights, x[3]).0,
                _ => x[0].rnn(weights, x[3]).0,
            }
        });
        let lengths: Vec<usize> = (0..200).map(|row| row * 7 % 4).collect();
        same_bits(name, &[&[200, 3, 20], &[gates * 50, 20], &[gates * 50, 50], &[200, 50]], |x| {
            let weights =
                Recurrent { weight_ih: x[1], weight_hh: x[2], biases: [None, None], projection: None, reverse: true };
            match name {
                "lstm" => x[0].lstm_padded(&lengths, weights, [x[3]; 2]).0,
                "gru" => x[0].gru_padded(&lengths, weights, x[3]).0,
                _ => x[0].rnn_padded(&lengths, weights, x[3]).0,
            }
        });
    }
}
