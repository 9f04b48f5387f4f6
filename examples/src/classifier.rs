//! The network that `digits`, `mnist`, `tempering` and `convergence` train.

use elbo::prelude::*;
use serde::{Deserialize, Serialize};

/// The function of the hidden units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// The hyperbolic tangent, whose values are bounded.
    Tanh,
}

/// Two hidden layers, by default with relu, and a linear head: one logit per class, or other outputs of a likelihood.
#[bayesian]
pub struct Classifier<P: PriorFor<f32> = Normal>
where
    MeanField: Divergence<P>,
{
    hidden: [Dense<MeanField, P>; 2],
    head: Dense<MeanField, P>,
    #[skip]
    activation: Activation,
}

impl<P: PriorFor<f32> + Clone> Classifier<P>
where
    MeanField: Divergence<P>,
{
    /// A network inputs-hidden-hidden-outputs with this prior of the weights and biases of each layer.
    pub fn new([inputs, hidden, outputs]: [usize; 3], prior: &P) -> Self {
        let dense = |from, to| Dense::new(from, to).prior(prior.clone());
        Classifier {
            hidden: [dense(inputs, hidden), dense(hidden, hidden)],
            head: dense(hidden, outputs),
            activation: Activation::Relu,
        }
    }

    /// With another function of the hidden units.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        Classifier { activation, ..self }
    }

    /// Sets the standard deviation of every weight of a layer before training, by its number of inputs; otherwise it is the
    /// constructor's, in place of which `fit` may choose one.
    #[must_use]
    pub fn initial_sd(self, sd: impl Fn(usize) -> f64) -> Self {
        let set = |layer: Dense<MeanField, P>| {
            let inputs = layer.weight.mean.shape()[1];
            layer.initial_sd(sd(inputs))
        };
        Classifier { hidden: self.hidden.map(set), head: set(self.head), ..self }
    }

    /// The mean of the standard deviations of all weights and biases.
    pub fn mean_sd(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for layer in self.hidden.iter().chain([&self.head]) {
            for sds in [layer.weight.sd(), layer.bias.sd()] {
                sum += sds.data().iter().map(|&sd| f64::from(sd)).sum::<f64>();
                count += sds.len();
            }
        }
        sum / count as f64
    }
}

#[bayesian]
impl<P: PriorFor<f32>> Classifier<P>
where
    MeanField: Divergence<P>,
{
    /// The outputs.
    pub fn forward(&self, x: Var) -> Var {
        let mut x = x;
        for layer in self.hidden {
            x = layer.forward(x);
            x = match self.activation {
                Activation::Relu => x.relu(),
                Activation::Tanh => x.tanh(),
            };
        }
        self.head.forward(x)
    }
}
