//! Requests to a prediction service: one row, or eight that came together, through 784-400-400-10 with relu, 64 draws of the weights,
//! in f32, on one and on two threads. With weights drawn for each request, with kept draws, and with sampled outputs.
//!
//! `cargo bench -p elbo --bench request`

mod networks;

use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{KeptDraws, SampledOutputs, with_threads};
use networks::classifier;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let model = classifier(400);
    let [row, rows] = [1, 8].map(|rows| Tensor::from_fn([rows, 784], |i| (i as f64 * 0.731).sin()));
    let kept = KeptDraws::new(&model, Draws(64));
    let sampled = SampledOutputs::new(&model, Draws(64));
    for threads in [1, 2] {
        time(&mut criterion, threads, "posterior", &|| model.predict(&Categorical, &row, Draws(64)));
        time(&mut criterion, threads, "kept draws", &|| kept.predict(&Categorical, &row));
        time(&mut criterion, threads, "kept draws, 8 rows", &|| kept.predict(&Categorical, &rows));
        time(&mut criterion, threads, "sampled outputs", &|| sampled.predict(&Categorical, &row));
    }
    criterion.final_summary();
}

fn time(criterion: &mut Criterion, threads: usize, name: &str, predict: &(dyn Fn() -> Probabilities + Sync)) {
    criterion.bench_function(&format!("request/{name}/{threads} threads"), |bencher| {
        bencher.iter_custom(|requests| {
            with_threads(threads, || {
                let start = Instant::now();
                (0..requests).for_each(|_| drop(black_box(predict())));
                start.elapsed()
            })
        });
    });
}
