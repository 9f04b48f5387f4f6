//! Hessian-vector products of a model's draw.

use elbo::engine::hvp_by_differences;
use elbo::prelude::*;

const SHAPE: [usize; 2] = [3, 2];

/// Mean-field weights of a linear map, under a standard normal prior.
#[bayesian]
struct Line<T: Real> {
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField<T>,
}

fn line() -> Line<f64> {
    let mean = Tensor::from_fn(SHAPE, |i| (i as f64).sin());
    let rho = Tensor::from_fn(SHAPE, |i| (i as f64).cos() - 1.0);
    Line { weight: MeanField { mean, rho } }
}

fn direction(seed: f64) -> Vec<f64> {
    (0..12).map(|i| (seed + 1.3 * f64::from(i)).sin()).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn the_hessian_of_the_divergence_is_exact() {
    let mut model = line();
    let v = direction(0.4);
    let product = hvp_by_differences(&mut model, &v, |tape, model| model.draw(tape, Key::new(3)).kl().var().unwrap());
    for i in 0..6 {
        // KL = −ln σ + ½σ² + ½μ² − ½, with σ = softplus(ρ).
        assert!((product.values[i] - v[i]).abs() < 1e-8, "mean {i}");
        let rho = model.weight.rho.data()[i];
        let (sd, slope) = (rho.exp().ln_1p(), sigmoid(rho));
        let second = (1.0 / (sd * sd) + 1.0) * slope * slope + (sd - 1.0 / sd) * slope * (1.0 - slope);
        assert!((product.values[6 + i] - second * v[6 + i]).abs() < 1e-8 * second.abs().max(1.0), "rho {i}");
    }
}

#[test]
fn a_drawn_likelihood_has_a_symmetric_hessian() {
    let mut model = line();
    let x: Tensor<f64> = Tensor::from_fn([5, 2], |i| (0.7 * i as f64).cos());
    let mut times = |v: &[f64]| {
        hvp_by_differences(&mut model, v, |tape, model| {
            let net = model.draw(tape, Key::new(5));
            let x = tape.constant([5, 2], |i| x.data()[i]);
            x.linear(*net.weight).cross_entropy(tape.alloc_slice(5, |i| i % 3))
        })
    };
    let (u, v) = (direction(0.1), direction(2.0));
    let (hu, hv) = (times(&u), times(&v));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (a, b) = (dot(&u, &hv.values), dot(&v, &hu.values));
    assert!(a.abs() > 1e-4 && (a - b).abs() < 1e-9, "{a:e} and {b:e}");
    assert!(hu.error < 1e-8 && hv.error < 1e-8);
}
