//! Posterior families give the same bits on any number of threads.

use elbo::prelude::*;
use elbo::with_threads;

use crate::posteriors::checks::One;

fn check<Q: Divergence<P, Scalar = f32, Exact = elbo::Yes> + Sync, P: PriorFor<f32>>(weight: Q, prior: P) {
    let model = One { weight, prior };
    let bits = |threads| {
        with_threads(threads, || {
            let mut gradients = Gradients::of(&model);
            let tape = Tape::new();
            let net = model.draw(&tape, Key::new(1));
            (net.weight.square().sum() + net.kl().var().unwrap()).backward(&mut gradients);
            let mut seen: Vec<u32> = net.weight.value().iter().map(|w| w.to_bits()).collect();
            seen.push((net.kl().nats() as f32).to_bits());
            seen.extend(gradients.iter().flat_map(|(.., gradient)| gradient.iter().map(|g| g.to_bits())));
            (seen, model.kl().to_bits())
        })
    };
    let alone = bits(1);
    assert!(alone.0.len() > 2 * model.weight.shape().iter().product::<usize>(), "values, and gradients");
    for threads in [2, 3] {
        assert!(bits(threads) == alone, "{threads} threads");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (shape, normal) = ([300, 301], Normal(0.1, 0.7));
    check(LowRank::new(shape, 3), normal);
    check(FullCovariance::new([20, 30]), normal);
    check(MatrixNormal::new(shape), normal);
    check(LogNormal::new(shape), normal);
    check(Radial::new(shape), normal);
    check(SpikeAndSlab::new(shape), SpikeAndSlabPrior(0.3, 0.7));
}
