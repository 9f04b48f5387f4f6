//! Nanoseconds per weight, in f32 on one thread: a draw with its divergence, the backward pass through both, and Adam;
//! with weights in the L2 cache and in memory.
//!
//! `cargo bench -p elbo --bench draw` (`ELBO_SIMD=portable` or `avx2` for the lower levels)

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use elbo::prelude::*;

#[bayesian]
struct Single {
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
}

fn draws(criterion: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("nothing used the threads before");
    for (place, weights) in [("in L2", 1 << 14), ("out of cache", 1 << 22)] {
        let mut group = criterion.benchmark_group(place);
        group.throughput(Throughput::Elements(weights as u64)).sample_size(20);
        let mut model = Single { weight: MeanField::new([weights / 128, 128]) };
        there(&mut group, &model);
        back(&mut group, &model);
        update(&mut group, &mut model);
        group.finish();
    }
}

fn there(group: &mut BenchmarkGroup<'_, WallTime>, model: &Single) {
    let (mut tape, mut step) = (Tape::new(), 0);
    group.bench_function("draw and KL", |bencher| {
        bencher.iter(|| {
            tape.reset();
            step += 1;
            black_box(model.draw(&tape, Key::new(1).step(step)).kl().nats())
        });
    });
}

/// A sum takes the place of a network: its backward pass only writes the weight's adjoint.
fn back(group: &mut BenchmarkGroup<'_, WallTime>, model: &Single) {
    let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let loss = loss(model, &tape, 0);
    group.bench_function("backward of both", |bencher| {
        bencher.iter(|| {
            gradients.clear();
            loss.backward(&mut gradients);
            black_box(&mut gradients);
        });
    });
}

fn update(group: &mut BenchmarkGroup<'_, WallTime>, model: &mut Single) {
    let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(model), Adam::new(1e-3));
    group.bench_function("Adam", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for step in 0..times {
                tape.reset();
                loss(model, &tape, step as usize).backward(&mut gradients);
                let start = Instant::now();
                adam.step(model, &mut gradients);
                spent += start.elapsed();
            }
            spent
        });
    });
}

fn loss<'t>(model: &'t Single, tape: &'t Tape, step: usize) -> elbo::Loss<'t> {
    let net = model.draw(tape, Key::new(1).step(step));
    Objective::new(1000).loss(elbo::MeanNll::from_sum(net.weight.sum(), 1), net.kl(), step)
}

criterion_group!(benches, draws);
criterion_main!(benches);
