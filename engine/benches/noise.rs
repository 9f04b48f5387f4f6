//! Benchmark of the time per standard normal, on one thread, written to memory outside of all caches.
//!
//! `cargo bench -p elbo-engine --bench noise` (`ELBO_SIMD=portable` or `avx2` for the lower levels)

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elbo_engine::random::{Key, Noise, normals};

const COUNT: usize = 1 << 24;

fn bench<T: Noise + Default>(criterion: &mut Criterion, name: &str) {
    let mut out = vec![T::default(); COUNT];
    let mut group = criterion.benchmark_group("normals");
    group.throughput(Throughput::Elements(COUNT as u64)).sample_size(10);
    group.bench_function(name, |bencher| {
        let key = Key::new(1).at("weight");
        let mut step = 0;
        bencher.iter(|| {
            step += 1;
            normals(key.step(step), 0, &mut out);
            black_box(&mut out);
        });
    });
    group.finish();
}

fn noise(criterion: &mut Criterion) {
    bench::<f32>(criterion, "f32");
    bench::<f64>(criterion, "f64");
}

criterion_group!(benches, noise);
criterion_main!(benches);
