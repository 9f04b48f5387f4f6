//! Benchmarks of the convolutions of a LeNet, of a small network on 32×32 images and of one on 28×28×28 volumes, and of
//! the pools between them, in f32.
//!
//! `cargo bench -p elbo-engine --bench convolve`; criterion's "Gelem/s" of convolutions are GFLOP/s, counting a
//! multiply-add as two, and those of pools are input elements.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elbo_engine::kernels::Write;
use elbo_engine::kernels::conv::{Geometry, convolve, to_input, to_weight};
use elbo_engine::kernels::window::{Axis, sizes};
use elbo_engine::{Gradients, Pooling, Tape, Tensor, with_threads};

/// A convolution with stride 1: name, batch, channels, outputs, input, kernel and padding along the last axes.
type Layer = (&'static str, usize, usize, usize, &'static [usize], usize, usize);

const LAYERS: [Layer; 10] = [
    ("lenet 1 to 6", 128, 1, 6, &[28, 28], 5, 2),
    ("lenet 6 to 16", 128, 6, 16, &[14, 14], 5, 0),
    ("images 3 to 32", 64, 3, 32, &[32, 32], 3, 1),
    ("images 32 to 32", 64, 32, 32, &[32, 32], 3, 1),
    ("images 32 to 64", 64, 32, 64, &[16, 16], 3, 1),
    ("images 64 to 64", 64, 64, 64, &[16, 16], 3, 1),
    ("images 64 to 64, one tap", 64, 64, 64, &[16, 16], 1, 0),
    ("volumes 1 to 16", 16, 1, 16, &[28, 28, 28], 3, 1),
    ("volumes 16 to 32", 16, 16, 32, &[14, 14, 14], 3, 1),
    ("volumes 32 to 32", 16, 32, 32, &[7, 7, 7], 3, 1),
];

fn geometry(&(_, batch, channels, outputs, lengths, kernel, padding): &Layer) -> Geometry {
    let mut axes = [Axis::NONE; 3];
    for (axis, &input) in axes[3 - lengths.len()..].iter_mut().zip(lengths) {
        *axis = Axis { input, output: input + 2 * padding - kernel + 1, kernel, stride: 1, padding, dilation: 1 };
    }
    Geometry { batch, groups: 1, channels, outputs, axes }
}

fn numbers(len: usize) -> Tensor {
    Tensor::from_fn([len], |i| (i as f64 * 0.37).sin())
}

fn convolutions(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("convolve, {threads} threads"));
        group.sample_size(20);
        for layer in &LAYERS {
            let (name, g) = (layer.0, geometry(layer));
            let [elements, places, taps] = sizes(g.axes);
            let x = numbers(g.batch * g.channels * elements);
            let w = numbers(g.outputs * g.channels * taps);
            let y = numbers(g.batch * g.outputs * places);
            let work = 2 * g.batch * g.outputs * g.channels * taps * places;
            group.throughput(Throughput::Elements(work as u64));
            // The size of the scratch memory depends on the number of threads.
            group.bench_function(format!("{name}, forward"), |bencher| {
                let mut out = y.clone();
                with_threads(threads, || {
                    let mut scratch = vec![0.0; g.convolve_scratch()];
                    bencher.iter(|| {
                        convolve(&g, x.data(), w.data(), None, black_box(out.data_mut()), Write::Store, &mut scratch);
                    });
                });
            });
            group.bench_function(format!("{name}, to the input"), |bencher| {
                let mut out = x.clone();
                with_threads(threads, || {
                    let mut scratch = vec![0.0; g.to_input_scratch()];
                    bencher.iter(|| {
                        to_input(&g, y.data(), w.data(), None, black_box(out.data_mut()), Write::Store, &mut scratch);
                    });
                });
            });
            group.bench_function(format!("{name}, to the weight"), |bencher| {
                let mut out = w.clone();
                with_threads(threads, || {
                    let mut scratch = vec![0.0; g.to_weight_scratch()];
                    bencher.iter(|| {
                        to_weight(&g, x.data(), y.data(), black_box(out.data_mut()), Write::Store, &mut scratch);
                    });
                });
            });
        }
        group.finish();
    }
}

fn pools(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("max_pool forward and backward, {threads} threads"));
        let images = numbers(64 * 32 * 32 * 32).reshaped([64, 32, 32, 32]);
        let volumes = numbers(16 * 16 * 28 * 28 * 28).reshaped([16, 16, 28, 28, 28]);
        for (name, x) in [("images", &images), ("volumes", &volumes)] {
            group.throughput(Throughput::Elements(x.len() as u64));
            group.bench_function(name, |bencher| {
                with_threads(threads, || {
                    let (mut gradients, mut tape) = (Gradients::of(x), Tape::new());
                    bencher.iter(|| {
                        tape.reset();
                        let x = tape.param(black_box(x));
                        let y = match x.shape().len() {
                            4 => x.max_pool(Pooling::new([2, 2])),
                            _ => x.max_pool(Pooling::new([2, 2, 2])),
                        };
                        y.sum().backward(&mut gradients);
                        gradients.clear();
                    });
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, convolutions, pools);
criterion_main!(benches);
