//! The evidence lower bound of 784-400-400-10 with relu on a training set, `Elbo::evaluate`, in f32: 60,000 examples
//! and 64 draws of the weights by default; the time is proportional to both. Prints seconds and the bound.
//!
//! `cargo bench -p elbo --bench evaluate -- [--rows 60000] [--draws 64] [--threads 2]`

mod networks;

use std::time::Instant;

use elbo::prelude::*;
use networks::classifier;

/// The number after this flag.
fn flag(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(number)) => number.parse().unwrap_or_else(|_| panic!("{name} {number}: expected a number")),
        (Some(_), None) => panic!("{name}: expected a number"),
        _ => default,
    }
}

fn main() {
    let [rows, draws, threads] = [("--rows", 60_000), ("--draws", 64), ("--threads", 2)].map(|(name, d)| flag(name, d));
    let mut model = classifier(400);
    model.initialise(Key::new(1));
    let x = Tensor::from_fn([rows, 784], |i| (i as f64 * 0.731).sin());
    let data =
        Examples::new(x, (0..rows).map(|row| row * 7 % 10).collect::<Vec<usize>>()).expect("as many labels as rows");
    let elbo = Elbo::new(Categorical).quiet().threads(threads);
    let start = Instant::now();
    let bound = elbo.evaluate(&model, &data, Draws(draws)).expect("the labels are classes");
    println!("{rows} rows, {draws} draws, {threads} threads: {:.3} s, {bound:?}", start.elapsed().as_secs_f64());
}
