//! Makes a prior by the weights' names from a model's posterior, or around given weights.

use crate::engine::{Path, Real, Tape, Tensor};
use crate::estimator::Variance;
use crate::model::{Bayesian, Drawn};
use crate::prior::{Normals, NormalsByName};
use crate::weights::{Space, Weights};

impl NormalsByName {
    /// The posterior of a model as a prior: for each weight the means and standard deviations of its elements. Random
    /// hyperparameters of the model's priors and deterministic weights are left out.
    ///
    /// # Panics
    /// If a weight's posterior has dependent elements, such as a [`FullCovariance`](crate::FullCovariance), or a standard
    /// deviation that is 0 or infinite in the model's scalar type; the panic names the weight.
    #[track_caller]
    pub fn of_posterior<M: Bayesian>(model: &M) -> Self {
        let tape = Tape::inference();
        let (mut weights, mut mistake) = (Vec::new(), None);
        model.mean(&tape).walk(&Path::ROOT, &mut |path, weight| {
            if weight.space() != Space::Reals || mistake.is_some() {
                return;
            }
            let mean = weight.mean_var();
            match weight.variance_var() {
                Variance::Zero => {}
                Variance::Independent(variance) => {
                    let sd: Tensor<f64> = Tensor::from_fn(variance.shape(), |i| variance.value()[i].to_f64().sqrt());
                    match sd.data().iter().position(|&sd| !(sd > 0.0 && sd.is_finite())) {
                        None => weights.push((path.to_string(), Normals::new(doubled(mean.shape(), mean.value()), sd))),
                        Some(i) => {
                            let sd = sd.data()[i];
                            mistake = Some(format!("element {i} of the weight `{path}` has the standard deviation {sd}"));
                        }
                    }
                }
                Variance::Joint => {
                    mistake = Some(format!(
                        "the posterior of the weight `{path}` has dependent elements, and a normal prior for each element \
                         does not describe it; use a mean-field family for this weight"
                    ));
                }
            }
        });
        if let Some(mistake) = mistake {
            panic!("NormalsByName::of_posterior: {mistake}");
        }
        NormalsByName::new(weights)
    }

    /// N(w, sd²) for each element w of these weights, such as those of a network that was trained without a distribution.
    ///
    /// # Panics
    /// If `sd` is not positive and finite, or a weight is not finite.
    #[track_caller]
    pub fn around<T: Real>(weights: &Weights<T>, sd: f64) -> Self {
        let weights = weights.constrained();
        let priors = weights.entries().iter().map(|entry| {
            (entry.name.to_string(), Normals::new(doubled(entry.tensor.shape(), entry.tensor.data()), sd))
        });
        NormalsByName::new(priors.collect::<Vec<_>>())
    }
}

fn doubled<T: Real>(shape: &[usize], numbers: &[T]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| numbers[i].to_f64())
}
