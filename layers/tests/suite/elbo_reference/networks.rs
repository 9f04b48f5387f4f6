//! The networks of the reference, written as a user would.

use elbo::engine::{Convolution, Pooling};
use elbo::nn::{Bias, Conv, Conv2d, Conv3d, Lstm};
use elbo::prelude::*;
use serde_json::Value;

use crate::elbo_reference::Case;

/// A layer of the references' networks.
#[bayesian]
pub(crate) enum Block<T: Real, P: PriorFor<T>>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    Dense(Box<Dense<MeanField<T>, P>>),
    Conv2d(Box<Conv2d<MeanField<T>, P>>),
    Conv3d(Box<Conv3d<MeanField<T>, P>>),
    Lstm(Box<Lstm<MeanField<T>, P>>),
    Tanh,
    Relu,
    Softplus,
    /// Two per axis.
    MaxPool2d,
    Flatten,
}

#[bayesian]
impl<T: Real, P: PriorFor<T>> Block<T, P>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    pub(crate) fn forward(&self, x: Var<T>) -> Var<T> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Tanh => x.tanh(),
            Self::Relu => x.relu(),
            Self::Softplus => x.softplus(),
            Self::Conv2d(layer) => layer.forward(x),
            Self::Conv3d(layer) => layer.forward(x),
            // The references' steps come before their examples, and the head reads the last output.
            Self::Lstm(layer) => layer.forward(x.permute(&[1, 0, 2])).at(1, -1),
            Self::MaxPool2d => x.max_pool(Pooling::new([2, 2])),
            Self::Flatten => x.reshape([x.shape()[0], x.shape()[1..].iter().product()]),
        }
    }
}

#[bayesian]
pub(crate) struct Network<T: Real, P: PriorFor<T>>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    pub(crate) layers: Vec<Block<T, P>>,
}

#[bayesian]
impl<T: Real, P: PriorFor<T>> Network<T, P>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    pub(crate) fn forward(&self, x: Var<T>) -> Var<T> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x))
    }
}

fn settings<const D: usize>(layer: &Value) -> Convolution<D> {
    // A list by axis, or one number for all.
    let each = |key: &str, unless: u64| {
        std::array::from_fn(|i| layer[key][i].as_u64().or(layer[key].as_u64()).unwrap_or(unless) as usize)
    };
    Convolution::new().stride(each("stride", 1)).padding(each("padding", 0)).dilation(each("dilation", 1))
}

impl Case<'_> {
    pub(crate) fn model<T: Real, P: PriorFor<T> + Copy>(&self, prior: P) -> Network<T, P>
    where
        MeanField<T>: Divergence<P, Scalar = T>,
    {
        let weight = |name: String| MeanField {
            mean: self.shared(&format!("{name}_mu")).cast(),
            rho: self.shared(&format!("{name}_rho")).cast(),
        };
        let layers = self.attrs["layers"].as_array().unwrap().iter().map(|layer| {
            let name = layer["name"].as_str().unwrap_or_default();
            let [w, b] = ["w", "b"].map(|part| format!("{name}_{part}"));
            match layer["type"].as_str().unwrap() {
                "linear" => Block::Dense(Box::new(Dense { weight: weight(w), bias: weight(b), prior })),
                "lstm" => {
                    let mut parts =
                        ["w_ih", "w_hh", "b_ih", "b_hh"].map(|part| weight(format!("{name}_{part}"))).into_iter();
                    let sizes = ["in", "hidden"].map(|key| layer[key].as_u64().unwrap() as usize);
                    Block::Lstm(Box::new(Lstm::of(sizes[0], sizes[1], |_| parts.next().unwrap(), prior)))
                }
                "tanh" => Block::Tanh,
                "relu" => Block::Relu,
                "softplus" => Block::Softplus,
                "conv2d" => Block::Conv2d(Box::new(Conv {
                    weight: weight(w),
                    bias: Some(Bias { value: weight(b), prior }),
                    prior,
                    settings: settings(layer),
                })),
                "conv3d" => Block::Conv3d(Box::new(Conv {
                    weight: weight(w),
                    bias: Some(Bias { value: weight(b), prior }),
                    prior,
                    settings: settings(layer),
                })),
                "max_pool2d" => Block::MaxPool2d,
                "flatten" => Block::Flatten,
                other => panic!("{other}"),
            }
        });
        Network { layers: layers.collect() }
    }
}
