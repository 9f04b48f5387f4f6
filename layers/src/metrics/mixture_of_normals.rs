//! `MixtureOfNormals`: the predictive distribution of correlated numbers over posterior draws.

use std::f64::consts::TAU;

use crate::engine::random::normals;
use crate::engine::{Key, Real, Tensor};
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::predictive::{Outputs, Predictive};

/// The predictive distribution of targets of D correlated elements: for each example an equal mixture over draws of the
/// multivariate normal distributions that [`MultivariateGaussian`](crate::MultivariateGaussian) makes of the outputs.
///
/// [`marginals`](MixtureOfNormals::marginals) has the quantiles, intervals and metrics of single elements.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureOfNormals {
    /// (draws, examples, D).
    means: Tensor<f64>,
    /// The covariances' Cholesky factors, (draws, examples, D, D).
    factors: Tensor<f64>,
}

impl MixtureOfNormals {
    pub(crate) fn new(means: Tensor<f64>, factors: Tensor<f64>) -> Self {
        MixtureOfNormals { means, factors }
    }

    /// The number of examples.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.means.shape()[1]
    }

    /// The number of draws.
    pub fn draws(&self) -> usize {
        self.means.shape()[0]
    }

    /// The number of elements of an example's target, D.
    pub fn width(&self) -> usize {
        self.means.shape()[2]
    }

    /// The mean and the Cholesky factor of every draw's examples, draw by draw.
    pub(crate) fn of_draws(&self) -> impl Iterator<Item = (&[f64], &[f64])> {
        let d = self.width();
        self.means.data().chunks_exact(d).zip(self.factors.data().chunks_exact(d * d))
    }

    /// The predictive means, (N, D).
    pub fn mean(&self) -> Vec<f64> {
        let (each, draws) = (self.len() * self.width(), self.draws() as f64);
        let mut mean = vec![0.0; each];
        for of_draw in self.means.data().chunks_exact(each) {
            mean.iter_mut().zip(of_draw).for_each(|(mean, y)| *mean += y / draws);
        }
        mean
    }

    /// The predictive covariances, (N, D, D): the mean over draws of the covariances, plus the covariance over draws of the
    /// means.
    pub fn covariance(&self) -> Tensor<f64> {
        let (rows, d, draws) = (self.len(), self.width(), self.draws() as f64);
        let mean = self.mean();
        let mut covariance = vec![0.0; rows * d * d];
        for (at, (of_draw, factor)) in self.of_draws().enumerate() {
            let row = at % rows;
            let (center, sum) = (&mean[row * d..][..d], &mut covariance[row * d * d..][..d * d]);
            for i in 0..d {
                for j in 0..d {
                    let own: f64 = (0..=i.min(j)).map(|k| factor[i * d + k] * factor[j * d + k]).sum();
                    sum[i * d + j] += (own + (of_draw[i] - center[i]) * (of_draw[j] - center[j])) / draws;
                }
            }
        }
        Tensor::new([rows, d, d], covariance)
    }

    /// The log predictive density of each example, in nats: ln of the mean over draws of the joint density of its elements.
    ///
    /// # Panics
    /// If targets are not (N, D).
    #[track_caller]
    pub fn log_likelihood<T: Real>(&self, targets: &Tensor<T>) -> Vec<f64> {
        let (rows, d) = (self.len(), self.width());
        assert!(
            targets.shape() == [rows, d],
            "log_likelihood: targets of shape {:?} do not fit {rows} examples of {d} elements",
            targets.shape()
        );
        let mut nats = vec![Vec::with_capacity(self.draws()); rows];
        let mut z = vec![0.0; d];
        for (at, (mean, factor)) in self.of_draws().enumerate() {
            let y = &targets.data()[at % rows * d..][..d];
            let mut sum = -0.5 * d as f64 * TAU.ln();
            for i in 0..d {
                let known: f64 = (0..i).map(|j| factor[i * d + j] * z[j]).sum();
                z[i] = (y[i].to_f64() - mean[i] - known) / factor[i * d + i];
                sum -= 0.5 * z[i] * z[i] + factor[i * d + i].ln();
            }
            nats[at % rows].push(sum);
        }
        nats.iter().map(|of_draws| log_mean_exp(of_draws.iter().copied())).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example.
    ///
    /// # Panics
    /// If targets are not (N, D).
    #[track_caller]
    pub fn nll<T: Real>(&self, targets: &Tensor<T>) -> f64 {
        -self.log_likelihood(targets).iter().sum::<f64>() / self.len() as f64
    }

    /// `count` samples of the targets, (count, N, D), from draws 0, 1, .. of the weights, starting over after the last.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn samples(&self, count: usize, key: Key) -> Tensor<f64> {
        assert!(count > 0, "samples: at least one sample is needed, got 0");
        let (rows, d) = (self.len(), self.width());
        let all: Vec<(&[f64], &[f64])> = self.of_draws().collect();
        let mut values = Vec::with_capacity(count * rows * d);
        for sample in 0..count {
            let mut noise = vec![0.0f64; rows * d];
            normals(key.at("samples").draw(sample), 0, &mut noise);
            let of_draw = &all[sample % self.draws() * rows..][..rows];
            for ((mean, factor), noise) in of_draw.iter().zip(noise.chunks_exact(d)) {
                values.extend((0..d).map(|i| mean[i] + (0..=i).map(|j| factor[i * d + j] * noise[j]).sum::<f64>()));
            }
        }
        Tensor::new([count, rows, d], values)
    }
}

impl Predictive for MixtureOfNormals {
    fn join(parts: Vec<Self>) -> Self {
        let (means, factors): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| (Outputs::new(part.means), Outputs::new(part.factors))).unzip();
        let [means, factors] = [means, factors].map(|parts| Outputs::join(parts).tensor().clone());
        MixtureOfNormals { means, factors }
    }
}
