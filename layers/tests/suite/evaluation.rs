//! `Elbo::evaluate`: each draw samples each weight once, for all examples.

use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::engine::{Shape, Visitor, VisitorMut};
use elbo::prelude::*;
use elbo::{Cx, Path, Sampled, Yes};

/// A mean-field normal that counts how often it is sampled.
struct Counting {
    normal: MeanField,
    samples: AtomicUsize,
}

impl Counting {
    fn new(shape: Shape) -> Self {
        Counting { normal: MeanField::new(shape).initial_sd(0.3), samples: AtomicUsize::new(0) }
    }
}

impl Parameters for Counting {
    type Scalar = f32;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
        self.normal.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
        self.normal.visit_mut(path, f);
    }
}

impl Posterior for Counting {
    type Local = elbo::No<Self>;
    type Flipout = elbo::No<Self>;

    fn shape(&self) -> &[usize] {
        self.normal.shape()
    }

    fn sample<'t>(&'t self, cx: Cx<'t>) -> Var<'t> {
        self.samples.fetch_add(1, Ordering::Relaxed);
        self.normal.sample(cx)
    }

    fn mean<'t>(&'t self, tape: &'t Tape) -> Var<'t> {
        self.normal.mean(tape)
    }
}

impl Divergence<Normal> for Counting {
    type Exact = Yes;

    fn kl(&self, prior: &Normal) -> f64 {
        self.normal.kl(prior)
    }

    fn kl_on<'t>(&'t self, prior: &'t Normal, cx: Cx<'t>, weight: &dyn Fn() -> Var<'t>) -> Var<'t> {
        Divergence::<Normal>::kl_on(&self.normal, prior, cx, weight)
    }

    fn sample_with_kl<'t>(&'t self, prior: &'t Normal, cx: Cx<'t>) -> Option<Sampled<'t, f32>> {
        self.samples.fetch_add(1, Ordering::Relaxed);
        Divergence::<Normal>::sample_with_kl(&self.normal, prior, cx)
    }
}

fn data() -> Examples {
    let x = Tensor::from_fn([500, 3], |i| (0.7 * i as f64 + 0.3).sin());
    Examples::new(x, (0..500).map(|i| i % 4).collect()).unwrap()
}

#[test]
fn each_weight_is_sampled_once_per_draw_whatever_the_batch_size() {
    let (model, data) = (Dense::of(3, 4, Counting::new, Normal(0.0, 1.0)), data());
    for (batch, threads) in [(7, 1), (128, 2), (500, 3)] {
        let samples = || [&model.weight, &model.bias].map(|weight| weight.samples.swap(0, Ordering::Relaxed));
        samples();
        let elbo = Elbo::new(Categorical).batch_size(batch).threads(threads).quiet();
        elbo.evaluate(&model, &data, Draws(64)).unwrap();
        assert_eq!(samples(), [64, 64], "batches of {batch}, {threads} threads");
    }
}

/// The bound by its definition: each draw's likelihood of all examples at once, and its divergence.
fn by_hand(model: &Dense, data: &Examples, draws: usize) -> f64 {
    let bounds = (0..draws).map(|draw| {
        let tape = Tape::inference();
        let net = model.draw(&tape, Key::new(0).at("predict").draw(draw));
        let nll = Categorical.nll(net.forward(tape.input(data.inputs())), data.targets());
        -(data.len() as f64 * nll.nats() + net.kl().nats())
    });
    bounds.sum::<f64>() / draws as f64
}

#[test]
fn the_bound_is_the_mean_over_draws_of_all_weights() {
    let (model, data) = (Dense::new(3, 4).initial_sd(0.3), data());
    let expected = by_hand(&model, &data, 16);
    let mut seen = Vec::new();
    for (batch, threads) in [(7, 1), (64, 2), (500, 1)] {
        let elbo = Elbo::new(Categorical).batch_size(batch).threads(threads).quiet();
        let bound = elbo.evaluate(&model, &data, Draws(16)).unwrap();
        assert!((bound.elbo / expected - 1.0).abs() < 1e-6, "{bound:?} {expected}");
        assert!((bound.kl - model.kl()).abs() < 1e-9);
        seen.push(bound);
    }
    let again = Elbo::new(Categorical).batch_size(7).threads(2).quiet();
    assert_eq!(again.evaluate(&model, &data, Draws(16)).unwrap(), seen[0], "the same bits for any number of threads");
}
