//! Targets drawn from mixtures of numbers, correlated numbers, and probabilities of classes.

use crate::data::Labels;
use crate::engine::{Key, Real, Tensor};
use crate::metrics::{Mixture, MixtureOfNormals, Probabilities};
use crate::predictive::{SampleTargets, Univariate};

impl<T: Real, L: Univariate> SampleTargets<Tensor<T>> for Mixture<L> {
    /// Of shape (examples, elements..), where .. are the axes of an example's output, with one block of the last axis for each
    /// parameter.
    fn sample_targets(&self, key: Key) -> Tensor<T> {
        let mut shape = self.outputs().tensor().shape()[1..].to_vec();
        let parameters = self.likelihood().num_outputs();
        if let Some(last) = shape[1..].last_mut().filter(|_| parameters > 1) {
            *last /= parameters;
        }
        Tensor::new(shape, self.samples(1, key).cast().data())
    }
}

impl<T: Real> SampleTargets<Tensor<T>> for MixtureOfNormals {
    fn sample_targets(&self, key: Key) -> Tensor<T> {
        Tensor::new([self.len(), self.width()], self.samples(1, key).cast().data())
    }
}

impl SampleTargets<Vec<usize>> for Probabilities {
    /// Labels, by the probabilities averaged over draws.
    fn sample_targets(&self, key: Key) -> Vec<usize> {
        self.samples(1, key)
    }
}

impl SampleTargets<Labels> for Probabilities {
    /// Labels of shape (examples, ..), by the probabilities averaged over draws.
    fn sample_targets(&self, key: Key) -> Labels {
        Labels::new(self.shape(), self.samples(1, key))
    }
}
