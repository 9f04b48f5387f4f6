//! Benchmarks of matrix products at the shapes of 784-400-400-10 and 784-1200-1200-10 networks with batches of 128, in
//! f32.
//!
//! `cargo bench -p elbo-engine --bench gemm`; criterion's "Gelem/s" are GFLOP/s, a multiply-add counting as two.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use elbo_engine::kernels::Write;
use elbo_engine::kernels::gemm::{Matrix, gemm};
use elbo_engine::{Tensor, with_threads};

const BATCH: usize = 128;

/// (inputs, outputs) of the networks' layers.
const LAYERS: [(usize, usize); 5] = [(784, 400), (400, 400), (400, 10), (784, 1200), (1200, 1200)];

fn numbers(len: usize) -> Tensor {
    Tensor::from_fn([len], |i| (i as f64 * 0.37).sin())
}

fn products(criterion: &mut Criterion, threads: usize) {
    let mut group = criterion.benchmark_group(format!("gemm, {threads} threads"));
    for (inputs, outputs) in LAYERS {
        group.throughput(Throughput::Elements(2 * (BATCH * inputs * outputs) as u64));
        let (x, w, g) = (numbers(BATCH * inputs), numbers(outputs * inputs), numbers(BATCH * outputs));
        let x = Matrix::new(x.data(), BATCH, inputs);
        let w = Matrix::new(w.data(), outputs, inputs);
        let g = Matrix::new(g.data(), BATCH, outputs);
        for (name, a, b, len) in [
            ("forward", x, w.t(), BATCH * outputs),
            ("to the input", g, w, BATCH * inputs),
            ("to the weight", g.t(), x, outputs * inputs),
        ] {
            let mut out = numbers(len);
            group.bench_function(format!("{inputs} to {outputs}, {name}"), |bencher| {
                bencher.iter(|| gemm(a, b, black_box(out.data_mut()), Write::Store));
            });
        }
    }
    group.finish();
}

fn main() {
    // Everything runs inside the pool, because the system takes a while to give each new thread its own core.
    for threads in [1, 2] {
        with_threads(threads, || products(&mut Criterion::default().configure_from_args(), threads));
    }
}
