//! Monte Carlo needs the density of the posterior at its samples.
use elbo::engine::{Visitor, VisitorMut};
use elbo::prelude::*;
use elbo::{Cx, Path};

/// A weight that is one of two points.
struct Either([Point; 2]);

impl Parameters for Either {
    type Scalar = f32;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
        self.0.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
        self.0.visit_mut(path, f);
    }
}

impl Posterior for Either {
    fn shape(&self) -> &[usize] {
        self.0[0].shape()
    }

    fn sample<'t>(&'t self, cx: Cx<'t, f32>) -> Var<'t> {
        let [first, second] = [0, 1].map(|i| self.0[i].sample(cx.index(i)));
        first.maximum(second)
    }

    fn mean<'t>(&'t self, tape: &'t Tape) -> Var<'t> {
        (Posterior::mean(&self.0[0], tape) + Posterior::mean(&self.0[1], tape)) * 0.5
    }
}

#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    #[kl(monte_carlo)]
    weight: Either,
}

fn main() {}
