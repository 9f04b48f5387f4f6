//! Pruning by signal to noise: the ratios, what is removed, and the pruned models.

use elbo::Samples;
use elbo::nn::VariationalDropout;
use elbo::prelude::*;
use elbo::prune::{PruneError, SignalToNoise, SparseDraws};

use crate::common;

#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

/// A network whose signal-to-noise ratios are known: μ = 0.1 i, σ = 0.5.
fn network() -> Network {
    let dense = |inputs: usize, outputs: usize, from: usize| {
        let mut dense = Dense::new(inputs, outputs).initial_sd(0.5);
        let number = |i: usize| 0.1 * (from + i) as f32 * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        dense.weight.mean = Tensor::from_fn([outputs, inputs], |i| f64::from(number(i)));
        dense.bias.mean = Tensor::from_fn([outputs], |i| f64::from(number(outputs * inputs + i)));
        dense
    };
    Network { hidden: dense(3, 4, 1), head: dense(4, 2, 17) }
}

#[test]
fn the_least_ratios_are_removed_first() {
    let model = network();
    let ratios = SignalToNoise::of(&model).unwrap();
    assert!((ratios.get("hidden.weight").unwrap()[4] - 1.0).abs() < 1e-6);
    let names: Vec<&str> = ratios.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["hidden.weight", "hidden.bias", "head.weight", "head.bias"]);
    // 26 elements in ascending order.
    let kept = ratios.remove(0.25).unwrap();
    assert_eq!((kept.elements(), kept.removed()), (26, 6));
    let expected: Vec<bool> = (0..12).map(|i| i >= 6).collect();
    assert_eq!(kept.get("hidden.weight").unwrap(), expected);
    assert_eq!(kept, ratios.at_least(1.39).unwrap());
    let of_head = ratios.clone().only(&["head"]).unwrap().remove(0.5).unwrap();
    assert_eq!(of_head.removed(), 5);
    assert!(of_head.get("hidden.weight").unwrap().iter().all(|is_kept| *is_kept));
    let curve = ratios.curve(&[0.0, 0.5, 1.0], |kept| Ok(kept.removed() as f64)).unwrap();
    assert_eq!(curve.iter().map(|point| point.value).collect::<Vec<_>>(), [0.0, 13.0, 26.0]);
    assert!((curve[1].threshold - 2.8).abs() < 1e-5 && curve[2].threshold == f64::INFINITY);
}

#[test]
fn draws_of_any_inference_have_ratios() {
    let model = network();
    let exact = SignalToNoise::of(&model).unwrap();
    let sampled = SignalToNoise::of_samples(&model.posterior(Draws(4_000))).unwrap();
    for ((name, exact), (_, sampled)) in exact.iter().zip(sampled.iter()) {
        for (exact, sampled) in exact.iter().zip(sampled) {
            assert!((exact - sampled).abs() < 0.15 + 0.05 * exact, "{name}: {exact} {sampled}");
        }
    }
}

#[test]
fn pruned_draws_means_and_structs_agree() {
    let (mut model, x) = (network(), Tensor::from_fn([5, 3], |i| (i as f64).sin()));
    let kept = SignalToNoise::of(&model).unwrap().remove(0.6).unwrap();
    let draws = kept.draws(&KeptDraws::new(&model, Draws(7))).unwrap();
    for weights in draws.weights() {
        for (name, mask) in kept.iter() {
            let values = weights.get(name).unwrap().iter();
            assert!(values.zip(mask).all(|(w, is_kept)| (*w != 0.0) == *is_kept));
        }
    }
    let predicted = draws.outputs(&x);
    drop(draws);
    let of_means = kept.mean_network(&model).unwrap().outputs(&x);
    kept.prune(&mut model).unwrap();
    assert_eq!(model.point_estimate().outputs(&x), of_means);
    // The struct draws the same noise, with removed elements of 0 exactly.
    let pruned = KeptDraws::new(&model, Draws(7));
    assert_eq!(pruned.outputs(&x), predicted);
    assert_eq!(pruned.weights()[3].get("head.weight"), kept.draws(&pruned).unwrap().weights()[3].get("head.weight"));
    assert_eq!(SignalToNoise::of(&model).unwrap().remove(0.6).unwrap(), kept);
}

#[test]
fn zeros_are_skipped_with_the_same_result() {
    let model = network();
    let x = Tensor::from_fn([70, 3], |i| (i as f64).sin());
    let ratios = SignalToNoise::of(&model).unwrap();
    for (share, is_sparse) in [(0.2, false), (0.9, true)] {
        let sparse = ratios.remove(share).unwrap().draws(&KeptDraws::new(&model, Draws(5))).unwrap();
        let sparse = SparseDraws::new(sparse);
        assert_eq!(sparse.is_sparse(), is_sparse);
        common::assert_near(sparse.outputs(&x).tensor().data(), sparse.draws().outputs(&x).tensor().data(), 1e-5);
        let of_one = |threads| elbo::with_threads(threads, || sparse.predict(&Gaussian::new(1.0), &x));
        assert_eq!(of_one(1), of_one(3));
    }
}

#[test]
fn what_cannot_be_zero_is_refused() {
    let (model, other) = (network(), Dense::new(2, 2));
    let ratios = SignalToNoise::of(&model).unwrap();
    let kept = ratios.remove(0.5).unwrap();
    assert!(matches!(kept.mean_network(&other), Err(PruneError::Weights(_))));
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(ratios.remove(share).is_err(), "{share}");
    }
    assert!(ratios.at_least(f64::NAN).is_err());
    assert!(ratios.only(&["haed"]).unwrap_err().to_string().contains("`head`"));
    assert!(matches!(SignalToNoise::of_samples(&model.posterior(Draws(1))), Err(PruneError::Draws { draws: 1 })));

    let mut full = Dense::of(2, 2, FullCovariance::<f32>::new, Normal(0.0, 1.0));
    assert!(matches!(SignalToNoise::of(&full), Err(PruneError::Dependent { .. })));
    let of_draws = SignalToNoise::of_samples(&full.posterior(Draws(50))).unwrap().remove(0.5).unwrap();
    let before = full.mean_weights();
    assert!(matches!(of_draws.prune(&mut full), Err(PruneError::Family { .. })));

    // Noise that has no mean to set, shared or not.
    for mut noise in [VariationalDropout::<f32>::new(3), VariationalDropout::shared(3)] {
        let kept = SignalToNoise::of_samples(&noise.posterior(Draws(20))).unwrap().remove(0.5).unwrap();
        assert!(matches!(kept.prune(&mut noise), Err(PruneError::Family { .. })));
    }
    assert_eq!(full.mean_weights(), before);
    assert_eq!(of_draws.draws(&KeptDraws::new(&full, Draws(3))).unwrap().count(), 3);

    let mut positive = Dense::of(3, 2, LogNormal::<f32>::new, LogNormalPrior(0.0, 1.0));
    let kept = SignalToNoise::of(&positive).unwrap().remove(0.5).unwrap();
    let said = kept.prune(&mut positive).unwrap_err().to_string();
    assert!(said.contains("is 0, but its posterior family needs"), "{said}");
}
