//! Benchmark of the tape's overhead, on a graph of 100 scalar operations: recorded, differentiated and reset.
//!
//! `cargo bench -p elbo-engine --bench tape`; criterion's "elem" is one operation.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elbo_engine::{Gradients, Tape, Tensor, Var};

const OPERATIONS: usize = 100;

/// Alternating products and sums: repeated products would overflow.
fn graph<'t>(tape: &'t Tape, x: &'t Tensor) -> Var<'t> {
    let x = tape.param(x);
    (0..OPERATIONS / 2).fold(x, |y, _| y * x + x)
}

fn tape(criterion: &mut Criterion) {
    let x = Tensor::full([], 0.5);
    let mut gradients = Gradients::of(&x);
    let mut group = criterion.benchmark_group("tape");
    group.throughput(Throughput::Elements(OPERATIONS as u64));
    let mut tape = Tape::new();
    group.bench_function("record", |bencher| {
        bencher.iter(|| {
            tape.reset();
            graph(&tape, &x).item()
        });
    });
    group.bench_function("record and backward", |bencher| {
        bencher.iter(|| {
            tape.reset();
            let root = graph(&tape, &x);
            root.backward(&mut gradients);
            gradients.clear();
            root.item()
        });
    });
    let mut inference = Tape::inference();
    group.bench_function("without recording", |bencher| {
        bencher.iter(|| {
            inference.reset();
            graph(&inference, &x).item()
        });
    });
    group.finish();
}

criterion_group!(benches, tape);
criterion_main!(benches);
