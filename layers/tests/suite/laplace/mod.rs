//! Laplace approximations: closed forms, explicit Jacobians, the values of laplace-torch, distances from a mode, and what is refused.

mod closed_form;
mod explicit;
mod mode;
mod priors;
mod reference;
mod refused;

use elbo::prelude::*;

/// Two dense layers with a tanh between them.
#[bayesian]
pub(super) struct Network<T: Real = f64> {
    pub(super) hidden: Dense<MeanField<T>>,
    pub(super) head: Dense<MeanField<T>>,
}

#[bayesian]
impl<T: Real> Network<T> {
    fn forward(&self, x: Var<T>) -> Var<T> {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

/// A network whose weights are a sine.
fn network<T: Real>([inputs, hidden, outputs]: [usize; 3], prior: Normal) -> Network<T> {
    let layer = |inputs, outputs| Dense::of(inputs, outputs, MeanField::new, prior);
    with_sines(Network { hidden: layer(inputs, hidden), head: layer(hidden, outputs) })
}

/// Sets all means to a sine.
fn with_sines<M: Bayesian>(mut model: M) -> M {
    let mut weights = model.mean_weights();
    let sines: Vec<M::Scalar> =
        (0..weights.len()).map(|i| M::Scalar::from_f64(0.8 * (1.7 * i as f64 + 0.4).sin())).collect();
    weights.set_flat(&sines).unwrap();
    model.set_means(&weights).unwrap();
    model
}

/// A table of sines.
fn sines<T: Real>(shape: [usize; 2], frequency: f64) -> Tensor<T> {
    Tensor::from_fn(shape, |i| 1.2 * (frequency * i as f64 + 0.2).sin())
}

/// Asserts that numbers agree, relative to the largest expected one.
#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * largest, "{what} {i}: {found:e}, expected {expected:e}");
    }
}

/// The inverse and ln det of a positive definite matrix, by elimination without pivots.
fn inverse(matrix: &[f64], n: usize) -> (Vec<f64>, f64) {
    let (mut a, mut inverse) = (matrix.to_vec(), vec![0.0; n * n]);
    (0..n).for_each(|i| inverse[i * n + i] = 1.0);
    let mut log_determinant = 0.0;
    for k in 0..n {
        let pivot = a[k * n + k];
        log_determinant += pivot.ln();
        for x in a[k * n..][..n].iter_mut().chain(&mut inverse[k * n..][..n]) {
            *x /= pivot;
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i * n + k];
            for j in 0..n {
                a[i * n + j] -= factor * a[k * n + j];
                inverse[i * n + j] -= factor * inverse[k * n + j];
            }
        }
    }
    (inverse, log_determinant)
}
