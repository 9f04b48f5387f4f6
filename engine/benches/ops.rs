//! Benchmarks of one operation per family on 2⁸, 2¹⁴ and 2²⁰ elements, forward only and with the backward pass to all
//! inputs, and of the convolutions of the workloads in `layers/benches/peers`.
//!
//! `cargo bench -p elbo-engine --bench ops`; `layers/benches/peers/ops` compares it with PyTorch's operations of the same names.
//! f32, on `ELBO_BENCH_THREADS` threads, two by default.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use elbo_engine::{Attention, Convolution, Gradients, Pooling, Tape, Tensor, Var, with_threads};

/// (power, side): a square matrix of this side has 2^power elements.
const SIDES: [(u32, usize); 3] = [(8, 16), (14, 128), (20, 1024)];

/// The operation's name, the shapes of its inputs for a matrix of this side, and the operation.
type Family = (&'static str, fn(usize) -> Vec<Vec<usize>>, for<'t> fn(&[Var<'t>], &'t [usize]) -> Var<'t>);

fn one(side: usize) -> Vec<Vec<usize>> {
    vec![vec![side, side]]
}

fn two(side: usize) -> Vec<Vec<usize>> {
    vec![vec![side, side]; 2]
}

fn with_row(side: usize) -> Vec<Vec<usize>> {
    vec![vec![side, side], vec![side]]
}

fn with_rows(side: usize) -> Vec<Vec<usize>> {
    vec![vec![side, side], vec![side], vec![side]]
}

fn layer(side: usize) -> Vec<Vec<usize>> {
    vec![vec![side, side], vec![side, side], vec![side]]
}

/// Heads of 64 features, at most 1,024 positions.
fn heads(side: usize) -> Vec<Vec<usize>> {
    let positions = (side * side / 64).min(if side == 1024 { 1024 } else { 128 });
    vec![vec![side * side / 64 / positions, positions, 64]; 3]
}

const FAMILIES: [Family; 27] = [
    ("relu", one, |x, _| x[0].relu()),
    ("exp", one, |x, _| x[0].exp()),
    ("ln", one, |x, _| x[0].ln()),
    ("tanh", one, |x, _| x[0].tanh()),
    ("sigmoid", one, |x, _| x[0].sigmoid()),
    ("softplus", one, |x, _| x[0].softplus()),
    ("gelu", one, |x, _| x[0].gelu()),
    ("erf", one, |x, _| x[0].erf()),
    ("add", two, |x, _| x[0] + x[1]),
    ("multiply", two, |x, _| x[0] * x[1]),
    ("divide", two, |x, _| x[0] / x[1]),
    ("add a row", with_row, |x, _| x[0] + x[1]),
    ("sum of all", one, |x, _| x[0].sum()),
    ("sum over rows", one, |x, _| x[0].sum_axes(&[1], false)),
    ("sum over columns", one, |x, _| x[0].sum_axes(&[0], false)),
    ("maximum over rows", one, |x, _| x[0].max_axes(&[1], false)),
    ("variance over rows", one, |x, _| x[0].variance_axes(&[1], false, 1)),
    ("log-sum-exp over rows", one, |x, _| x[0].log_sum_exp_axes(&[1], false)),
    ("softmax over rows", one, |x, _| x[0].softmax(1)),
    ("cumulative sum over rows", one, |x, _| x[0].cumsum(1)),
    ("joining two", two, |x, _| Var::concat(&[x[0], x[1]], 1)),
    ("selecting rows", one, |x, rows| x[0].index_select(0, rows)),
    ("matrix product", two, |x, _| x[0].matmul(x[1])),
    ("affine map", layer, |x, _| x[0].affine(x[1], x[2])),
    ("layer norm", with_rows, |x, _| x[0].layer_norm(1, (x[1], x[2]), 1e-5)),
    ("cross-entropy", one, |x, labels| x[0].cross_entropy(labels)),
    ("attention", heads, |x, _| x[0].attention(x[1], x[2], Attention::new())),
];

/// Name; batch, channels and spatial shape of the input; outputs, kernel and padding.
type Layer = (&'static str, &'static [usize], usize, usize, usize);

const LAYERS: [Layer; 9] = [
    ("lenet 1 to 6", &[128, 1, 28, 28], 6, 5, 2),
    ("lenet 6 to 16", &[128, 6, 14, 14], 16, 5, 0),
    ("conv2d 3 to 32", &[64, 3, 32, 32], 32, 3, 1),
    ("conv2d 32 to 32", &[64, 32, 32, 32], 32, 3, 1),
    ("conv2d 32 to 64", &[64, 32, 16, 16], 64, 3, 1),
    ("conv2d 64 to 64", &[64, 64, 16, 16], 64, 3, 1),
    ("conv3d 1 to 16", &[16, 1, 28, 28, 28], 16, 3, 1),
    ("conv3d 16 to 32", &[16, 16, 14, 14, 14], 32, 3, 1),
    ("conv3d 32 to 32", &[16, 32, 7, 7, 7], 32, 3, 1),
];

/// Numbers in (0.1, 1.1), so that every function is defined there.
fn numbers(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |i| 0.1 + (i as f64 * 0.618_033_988_749_895).fract())
}

/// Times `f` on inputs of these shapes, forward and with the backward pass.
fn time(
    criterion: &mut Criterion,
    (group, name): (&str, &str),
    shapes: &[Vec<usize>],
    f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + Sync,
) {
    let threads = std::env::var("ELBO_BENCH_THREADS").map_or(2, |n| n.parse().expect("a number of threads"));
    let inputs: Vec<Tensor> = shapes.iter().map(|shape| numbers(shape)).collect();
    let mut group = criterion.benchmark_group(format!("{group}, {threads} threads"));
    group.sample_size(10);
    group.bench_function(format!("{name}, forward"), |bencher| {
        with_threads(threads, || {
            let mut tape = Tape::inference();
            bencher.iter(|| {
                tape.reset();
                let x: Vec<Var<'_>> = inputs.iter().map(|x| tape.input(x)).collect();
                black_box(f(&x).value());
            });
        });
    });
    group.bench_function(format!("{name}, forward and back"), |bencher| {
        with_threads(threads, || {
            let (mut tape, mut gradients) = (Tape::new(), Gradients::of(&inputs));
            bencher.iter(|| {
                tape.reset();
                let x: Vec<Var<'_>> = inputs.iter().map(|x| tape.param(x)).collect();
                f(&x).sum().backward(&mut gradients);
                gradients.clear();
            });
        });
    });
    group.finish();
}

fn families(criterion: &mut Criterion) {
    for (name, shapes, f) in FAMILIES {
        for (power, side) in SIDES {
            let numbers: Vec<usize> = (0..side).map(|i| i * 7 % side).collect();
            time(criterion, (name, &format!("2^{power}")), &shapes(side), |x| {
                // The indices must live as long as the tape's values.
                let indices = x[0].tape().alloc_slice(side, |i| numbers[i]);
                f(x, indices)
            });
        }
    }
}

fn convolutions(criterion: &mut Criterion) {
    for (name, shape, outputs, kernel, padding) in LAYERS {
        let weight = [&[outputs, shape[1]][..], &vec![kernel; shape.len() - 2]].concat();
        time(criterion, ("convolution", name), &[shape.to_vec(), weight, vec![outputs]], |x| match shape.len() {
            4 => x[0].convolve(x[1], Some(x[2]), Convolution::<2>::new().padding([padding; 2])),
            _ => x[0].convolve(x[1], Some(x[2]), Convolution::<3>::new().padding([padding; 3])),
        });
    }
    time(criterion, ("max pool", "conv2d 32"), &[vec![64, 32, 32, 32]], |x| x[0].max_pool(Pooling::new([2, 2])));
    time(criterion, ("max pool", "conv3d 16"), &[vec![16, 16, 28, 28, 28]], |x| x[0].max_pool(Pooling::new([2, 2, 2])));
}

criterion_group!(benches, families, convolutions);
criterion_main!(benches);
