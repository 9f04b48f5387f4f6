//! The networks of the program `uci`: one hidden layer of rectified units.

use elbo::nn::LastLayer;
use elbo::prelude::*;
use elbo::{Divergence, PriorFor};

/// A network with a prior for each layer.
#[bayesian]
#[derive(Clone)]
pub(super) struct Network<P: PriorFor<f32>>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    pub(super) hidden: Dense<MeanField, P>,
    pub(super) head: Dense<MeanField, P>,
}

#[bayesian]
impl<P: PriorFor<f32>> Network<P>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    /// The outputs.
    pub(super) fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

impl<P: PriorFor<f32>> Network<P>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    /// Layers of these widths with these priors.
    pub(super) fn new([inputs, units, outputs]: [usize; 3], [hidden, head]: [P; 2]) -> Self {
        Network {
            hidden: Dense::of(inputs, units, MeanField::new, hidden),
            head: Dense::of(units, outputs, MeanField::new, head),
        }
    }
}

/// A network whose last layer gives the mean and the variance of the output in closed form.
#[bayesian]
pub(super) struct WithLastLayer<
    H: Divergence<P, Scalar = f32>,
    Q: Divergence<LearnedNormal, Scalar = f32>,
    P: PriorFor<f32>,
> {
    pub(super) hidden: Dense<H, P>,
    pub(super) head: LastLayer<Q, LearnedNormal>,
}

#[bayesian]
impl<H: Divergence<P, Scalar = f32>, Q: Divergence<LearnedNormal, Scalar = f32>, P: PriorFor<f32>>
    WithLastLayer<H, Q, P>
{
    /// The mean and the variance of the output.
    pub(super) fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}
