//! Gradient checks of attention, and its value against the definition.

use elbo_engine::{Attention, Gradients, Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[("attention", attention)];

fn attention(random: &mut Random) {
    let batch: Vec<usize> = (0..random.below(3)).map(|_| 1 + random.below(2)).collect();
    let sizes = [random.below(6), random.below(6), 1 + random.below(4), random.below(4)];
    of_sizes(random, &batch, sizes);
}

fn of_sizes(random: &mut Random, batch: &[usize], [queries, keys, d, e]: [usize; 4]) {
    let shape = |last: [usize; 2]| [batch, &last].concat();
    let [q, k, v] = [shape([queries, d]), shape([keys, d]), shape([keys, e])].map(|shape| random.tensor(&shape));
    // Axes of the batch that are missing in the mask, or have length 1.
    let outer = &batch[random.below(batch.len() + 1)..];
    let outer: Vec<usize> = outer.iter().map(|&n| if random.below(2) == 0 { 1 } else { n }).collect();
    let mask = random.tensor(&[&outer[..], &[queries, keys]].concat());
    // Mostly ones; some queries may attend to no key.
    let allowed = Tensor::from_fn(mask.shape(), |_| f64::from(u8::from(random.below(4) > 0)));
    let causal = random.below(2) == 0;

    let tape = Tape::new();
    let inputs = [&q, &k, &v].map(|tensor| tape.input(tensor));
    let [mask_var, allowed_var] = [&mask, &allowed].map(|tensor| tape.input(tensor));
    let ours = |of: Attention<'_, f64>| {
        let of = if causal { of.causal() } else { of };
        inputs[0].attention(inputs[1], inputs[2], of).value().to_vec()
    };
    let scale = 1.0 / (d as f64).sqrt();
    let unmasked = definition([&q, &k, &v], scale, |_, _| 0.0, causal);
    close(&ours(Attention::new()), &unmasked);
    let add = |b: usize, i: usize| mask.data()[masked(mask.shape(), batch, b) + i];
    close(&ours(Attention::new().bias(mask_var)), &definition([&q, &k, &v], scale, add, causal));
    let allow = |b: usize, i: usize| match allowed.data()[masked(mask.shape(), batch, b) + i] {
        0.0 => f64::NEG_INFINITY,
        _ => 0.0,
    };
    close(&ours(Attention::new().allow(allowed_var)), &definition([&q, &k, &v], scale, allow, causal));

    // The first keys of each example, along the first axis of the batch, with and without a mask.
    let lengths: Vec<usize> = (0..batch.first().copied().unwrap_or(0)).map(|_| random.below(keys + 1)).collect();
    let inner: usize = batch.iter().skip(1).product();
    let beyond = |b: usize, i: usize| if i % keys < lengths[b / inner] { 0.0 } else { f64::NEG_INFINITY };
    if !batch.is_empty() {
        let of = Attention::new().lengths(&lengths);
        close(&ours(of), &definition([&q, &k, &v], scale, beyond, causal));
        let both = definition([&q, &k, &v], scale, |b, i| add(b, i) + beyond(b, i), causal);
        close(&ours(of.bias(mask_var)), &both);
        let both = definition([&q, &k, &v], scale, |b, i| allow(b, i) + beyond(b, i), causal);
        close(&ours(of.allow(allowed_var)), &both);
    }

    let mut model = [q, k, v, mask];
    if !batch.is_empty() {
        agree(&mut model, |tape, [q, k, v, mask]| {
            let lengths = tape.alloc_slice(lengths.len(), |i| lengths[i]);
            let of = Attention::new().bias(tape.param(mask)).lengths(lengths);
            tape.param(q).attention(tape.param(k), tape.param(v), if causal { of.causal() } else { of })
        });
    }
    agree(&mut model, |tape, [q, k, v, mask]| {
        let of = Attention::new().bias(tape.param(mask)).scale(0.8);
        tape.param(q).attention(tape.param(k), tape.param(v), if causal { of.causal() } else { of })
    });
    agree(&mut model, |tape, [q, k, v, _]| {
        let of = Attention::new().allow(tape.constant(allowed.shape(), |i| allowed.data()[i]));
        tape.param(q).attention(tape.param(k), tape.param(v), if causal { of.causal() } else { of })
    });
    // The same value as q, k and v.
    agree(&mut model, |tape, [_, k, _, _]| {
        let k = tape.param(k);
        k.attention(k, k, Attention::new())
    });
}

/// The offset of example `b` of the batch in a mask.
fn masked(mask: &[usize], batch: &[usize], mut b: usize) -> usize {
    let (outer, last) = mask.split_at(mask.len() - 2);
    let mut index = vec![0; batch.len()];
    for (place, length) in index.iter_mut().zip(batch).rev() {
        *place = b % length;
        b /= length;
    }
    let index = &index[batch.len() - outer.len()..];
    let example = outer.iter().zip(index).fold(0, |at, (&n, &place)| at * n + if n == 1 { 0 } else { place });
    example * last.iter().product::<usize>()
}

/// softmax(scale · q · kᵀ + mask) · v, element by element; the mask of example b, row-major, is `mask(b, i)`.
fn definition([q, k, v]: [&Tensor<f64>; 3], scale: f64, mask: impl Fn(usize, usize) -> f64, causal: bool) -> Vec<f64> {
    let [[queries, d], [keys, _], [_, e]] = [q, k, v].map(|x| *x.shape().last_chunk::<2>().unwrap());
    let batch = q.shape()[..q.shape().len() - 2].iter().product();
    let mut y = Vec::new();
    for b in 0..batch {
        for i in 0..queries {
            let score = |j: usize| {
                let product = |c| q.data()[(b * queries + i) * d + c] * k.data()[(b * keys + j) * d + c];
                scale * (0..d).map(product).sum::<f64>() + mask(b, i * keys + j)
            };
            let weight = |j: usize| if causal && j > i { 0.0 } else { score(j).exp() };
            let total: f64 = (0..keys).map(weight).sum();
            y.extend((0..e).map(|c| {
                let sum: f64 = (0..keys).map(|j| weight(j) * v.data()[(b * keys + j) * e + c]).sum();
                if total == 0.0 { 0.0 } else { sum / total }
            }));
        }
    }
    y
}

fn close(ours: &[f64], definition: &[f64]) {
    assert_eq!(ours.len(), definition.len());
    for (x, expected) in ours.iter().zip(definition) {
        assert!((x - expected).abs() < 1e-13, "{x} and {expected} by definition");
    }
}

#[test]
fn many_queries_and_keys_make_several_blocks() {
    let random = &mut Random::new(1);
    for _ in 0..2 {
        of_sizes(random, &[2], [70, 150, 5, 3]);
        of_sizes(random, &[3, 2], [131, 20, 2, 3]);
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let q: Tensor<f32> = Tensor::new([2, 1], [1e4, -1e4]);
    let k: Tensor<f32> = Tensor::new([3, 1], [1e4, 0.0, -1e4]);
    let v: Tensor<f32> = Tensor::new([3, 1], [1.0, 2.0, 3.0]);
    let tape = Tape::new();
    let [q, k, v]: [Var<'_>; 3] = [&q, &k, &v].map(|tensor| tape.input(tensor));
    assert_eq!(q.attention(k, v, Attention::new()).value(), [1.0, 3.0]);
}

#[test]
fn keys_beyond_a_length_are_not_read_and_get_no_gradient() {
    let q: Tensor<f64> = Tensor::from_fn([1, 5, 2], |i| (i as f64).sin());
    let kv: Tensor<f64> = Tensor::from_fn([1, 3, 2], |i| if i < 4 { (0.7 * i as f64).cos() } else { f64::NAN });
    let tape = Tape::new();
    let model = [q, kv];
    let gradients_of = |lengths: &'static [usize]| {
        let mut gradients = Gradients::of(&model);
        let [q, kv] = [tape.param(&model[0]), tape.param(&model[1])];
        let y = q.attention(kv, kv, Attention::new().lengths(lengths));
        y.square().sum().backward(&mut gradients);
        (y.value().to_vec(), ["0", "1"].map(|name| gradients.get(name).unwrap().to_vec()))
    };
    let (y, [to_q, to_kv]) = gradients_of(&[2]);
    assert!(y.iter().chain(&to_q).chain(&to_kv).all(|x| x.is_finite()), "{y:?} {to_q:?} {to_kv:?}");
    assert_eq!(to_kv[4..], [0.0; 2]);
    let (y, [to_q, to_kv]) = gradients_of(&[0]);
    assert!(y.iter().chain(&to_q).chain(&to_kv).all(|&x| x == 0.0), "{y:?} {to_q:?} {to_kv:?}");
}
