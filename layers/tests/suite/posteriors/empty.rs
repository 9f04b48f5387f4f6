//! Weights without elements.

use elbo::prelude::*;

use crate::posteriors::checks::*;

fn check<Q: Divergence<P, Scalar = f64, Exact = elbo::Yes>, P: PriorFor<f64>>(weight: Q, prior: P) {
    let model = One { weight, prior };
    assert_eq!(model.kl(), 0.0);
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let net = model.draw(&tape, Key::new(1));
    assert!(net.weight.value().is_empty());
    (net.kl().var().unwrap() + net.weight.sum()).backward(&mut gradients);
    assert_eq!(net.kl().nats(), 0.0);
    assert!(gradients.first_non_finite().is_none());
}

#[test]
fn a_weight_without_elements_has_a_divergence_of_zero() {
    let normal = Normal(0.3, 2.0);
    for shape in [[0, 3], [3, 0], [0, 0]] {
        check(FullCovariance::new(shape), normal);
        check(MatrixNormal::new(shape), normal);
        check(LogNormal::new(shape), normal);
        check(LogNormal::new(shape), LogNormalPrior(0.3, 2.0));
        check(Radial::new(shape), normal);
        check(SpikeAndSlab::new(shape), SpikeAndSlabPrior(0.3, 2.0));
    }
}
