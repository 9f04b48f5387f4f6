//! Likelihoods: values, gradients and predictions against references; weights, masks and heads; refused targets.

mod cases;
mod heads;
mod joint;
mod recovery;
mod reference;
mod weights_and_masks;

use elbo::prelude::*;

/// The mean NLL and its gradient by the outputs, row by row.
#[track_caller]
fn nll_and_gradient<L: Likelihood<f64>>(
    likelihood: &L,
    outputs: &Tensor<f64>,
    observed: &elbo::data::Observed<f64, L::Targets>,
) -> (f64, Vec<f64>) {
    let point = Point(outputs.clone());
    let tape = Tape::new();
    let nll = observed.nll(likelihood, tape.param(&point.0));
    let mut gradients = Gradients::of(&point);
    nll.var().backward(&mut gradients);
    let (_, _, gradient) = gradients.iter().next().unwrap();
    (nll.nats(), gradient.to_vec())
}
