//! The network of `tabular`.

use std::path::Path;

use elbo::CheckpointError;
use elbo::nn::WithConstants;
use elbo::prelude::*;
use serde::{Deserialize, Serialize};

use crate::classifier::Activation;

/// A linear model, or a network with two hidden layers, that learns the scale of each layer's prior.
#[bayesian]
#[derive(Clone)]
pub struct Network {
    layers: Vec<Dense<MeanField, LearnedNormal>>,
    #[skip]
    activation: Activation,
    #[skip]
    offset: f64,
}

/// What a network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Columns of the inputs.
    pub inputs: usize,
    /// Units in each of two hidden layers; 0 for a linear model.
    pub hidden: usize,
    /// Outputs.
    pub outputs: usize,
    /// The function of the hidden units.
    pub activation: Activation,
    /// What is added to the outputs, so that the weights need not learn it.
    pub offset: f64,
}

impl Network {
    /// A network of this shape.
    pub fn new(shape: Shape) -> Self {
        let Shape { inputs, hidden, outputs, activation, offset } = shape;
        let widths = if hidden == 0 { vec![inputs, outputs] } else { vec![inputs, hidden, hidden, outputs] };
        let dense = |pair: &[usize]| Dense::new(pair[0], pair[1]).prior(LearnedNormal(1.0));
        Network { layers: widths.windows(2).map(dense).collect(), activation, offset }
    }
}

#[bayesian]
impl Network {
    /// The outputs.
    pub fn forward(&self, x: Var) -> Var {
        let mut x = x;
        for (place, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if place + 1 < self.layers.len() {
                x = match self.activation {
                    Activation::Relu => x.relu(),
                    Activation::Tanh => x.tanh(),
                };
            }
        }
        x + *self.offset
    }
}

/// A network with a learned constant after its outputs, or without.
#[derive(Clone)]
pub(super) enum Learned {
    Plain(Network),
    WithConstant(WithConstants<Network>),
}

impl Learned {
    /// A network before a training; `constant` is the initial value of the learned constant.
    pub(super) fn new(shape: Shape, constant: Option<f64>) -> Learned {
        let network = Network::new(shape);
        match constant {
            None => Learned::Plain(network),
            Some(initial) => Learned::WithConstant(WithConstants::new(network, [initial])),
        }
    }

    /// The outputs for the rows of `x`.
    pub(super) fn outputs(&self, x: &Tensor, draws: Draws) -> Outputs {
        match self {
            Learned::Plain(network) => network.outputs(x, draws),
            Learned::WithConstant(network) => network.outputs(x, draws),
        }
    }

    /// # Errors
    /// If the file cannot be written.
    pub(super) fn save(&self, file: &Path) -> Result<(), CheckpointError> {
        match self {
            Learned::Plain(network) => network.save(file),
            Learned::WithConstant(network) => network.save(file),
        }
    }

    /// # Errors
    /// If the file cannot be read, or holds another network.
    pub(super) fn load(&mut self, file: &Path) -> Result<(), CheckpointError> {
        match self {
            Learned::Plain(network) => network.load(file),
            Learned::WithConstant(network) => network.load(file),
        }
    }
}
