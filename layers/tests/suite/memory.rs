//! Memory for the backward pass: beside activations and parameters, a draw keeps little more than the sampled weight.

use elbo::prelude::*;

const WIDTH: usize = 1200;

/// Bytes on the tape after a forward pass and both terms of the bound, for a batch of `examples` examples.
fn used(layer: &Dense, estimator: Estimator, examples: usize) -> usize {
    let tape = Tape::new();
    let x = Tensor::from_fn([examples, WIDTH], |i| (i as f64).sin());
    let labels: Vec<usize> = (0..examples).collect();
    let net = layer.draw(&tape, Drawing::new(Key::new(1)).estimator(estimator));
    let nll = Categorical.nll(net.forward(tape.input(&x)).relu(), &labels);
    let loss = Objective::new(60_000).loss(nll, net.kl(), 0);
    assert!(loss.value().is_finite());
    tape.memory().used
}

#[test]
fn a_layer_keeps_little_more_than_its_weight() {
    let layer = Dense::new(WIDTH, WIDTH);
    let weight = size_of::<f32>() * WIDTH * WIDTH;
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        // Activations grow with the batch; extrapolated to an empty batch, only the layer's memory remains.
        let [small, large] = [64, 128].map(|examples| used(&layer, estimator, examples));
        let kept = (2 * small - large) as f64 / weight as f64;
        println!("{estimator:?}: {kept:.3} times the weight");
        assert!(kept <= 1.15, "{estimator:?}: {kept} times the weight");
    }
}
