//! The cost of separate gradients of likelihood and divergence: `Loss::backward_apart` against `Loss::backward` on the
//! same step, on one thread and on two.
//!
//! `cargo bench -p elbo --bench apart`
//!
//! Everything is f32. `mlp-400` and `mlp-1200` are 784-400-400-10 and 784-1200-1200-10 with relu, categorical, batch
//! 128; `volumes` is conv 3×3×3 1→32, relu, conv 3×3×3 32→32, relu, global average and dense to 10 on 16 volumes of
//! 12³. The more often a weight is used, the smaller the share of its divergence's gradient.

mod networks;

use criterion::{Criterion, criterion_group, criterion_main};
use elbo::nn::Conv3d;
use elbo::prelude::*;
use elbo::with_threads;
use networks::classifier;

#[bayesian]
struct Volumes {
    convolutions: [Conv3d; 2],
    head: Dense,
}

#[bayesian]
impl Volumes {
    fn forward(&self, x: Var) -> Var {
        let [first, second] = self.convolutions;
        let x = first.forward(x).relu();
        let x = second.forward(x).relu();
        self.head.forward(x.mean_axes(&[2, 3, 4], false))
    }
}

/// Times both backward passes over one recorded step.
fn sweeps<M>(criterion: &mut Criterion, name: &str, model: &M, x: &Tensor)
where
    M: Layer + Bayesian<Scalar = f32> + Sync,
{
    let labels: Vec<usize> = (0..x.shape()[0]).map(|i| i * 7 % 10).collect();
    for threads in [1, 2] {
        for apart in [false, true] {
            let how = if apart { "apart" } else { "together" };
            criterion.bench_function(&format!("{name}, {threads} threads, {how}"), |bencher| {
                with_threads(threads, || {
                    let tape = Tape::new();
                    let net = model.draw(&tape, Key::new(1));
                    let nll = Categorical.nll(net.forward(tape.input(x)), &labels);
                    let loss = Objective::new(60_000).loss_of(nll, &net, 0);
                    let [mut first, mut second] = [(); 2].map(|()| Gradients::of(model));
                    bencher.iter(|| {
                        first.clear();
                        second.clear();
                        match apart {
                            true => loss.backward_apart(&mut first, &mut second),
                            false => loss.backward(&mut first),
                        }
                    });
                });
            });
        }
    }
}

fn numbers<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::from_fn(shape, |i| (i as f64 * 0.731).sin())
}

fn all(criterion: &mut Criterion) {
    for width in [400, 1200] {
        sweeps(criterion, &format!("mlp-{width}"), &classifier(width), &numbers([128, 784]));
    }
    let convolution = |channels| Conv3d::new(channels, 32, [3; 3]).padding([1; 3]);
    let model = Volumes { convolutions: [convolution(1), convolution(32)], head: Dense::new(32, 10) };
    sweeps(criterion, "volumes", &model, &numbers([16, 1, 12, 12, 12]));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = all
}
criterion_main!(benches);
