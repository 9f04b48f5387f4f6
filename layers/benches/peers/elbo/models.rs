//! The networks of the workloads: dense, LeNet-5, convolutions over images and volumes.

use elbo::engine::Pooling;
use elbo::nn::{Conv2d, Conv3d};
use elbo::prelude::*;

/// Three dense layers with relu between.
#[bayesian]
pub(crate) struct Classifier<P: PriorFor<f32> = Normal>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    pub(crate) hidden: [Dense<MeanField, P>; 2],
    pub(crate) head: Dense<MeanField, P>,
}

#[bayesian]
impl<P: PriorFor<f32>> Classifier<P>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    pub(crate) fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).relu();
        let x = second.forward(x).relu();
        self.head.forward(x)
    }
}

/// 784-width-width-10.
pub(crate) fn classifier<P: PriorFor<f32> + Clone>(width: usize, prior: P) -> Classifier<P>
where
    MeanField: Divergence<P, Scalar = f32>,
{
    let layer = |inputs, outputs| Dense::new(inputs, outputs).prior(prior.clone());
    Classifier { hidden: [layer(784, width), layer(width, width)], head: layer(width, 10) }
}

/// 1-50-50-1 with tanh.
#[bayesian]
pub(crate) struct Curve {
    hidden: [Dense; 2],
    head: Dense,
}

#[bayesian]
impl Curve {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).tanh();
        let x = second.forward(x).tanh();
        self.head.forward(x)
    }
}

pub(crate) fn curve() -> Curve {
    Curve { hidden: [Dense::new(1, 50), Dense::new(50, 50)], head: Dense::new(50, 1) }
}

/// LeNet-5 with relu and max-pools.
#[bayesian]
pub(crate) struct LeNet {
    convolutions: [Conv2d; 2],
    dense: [Dense; 2],
    head: Dense,
}

#[bayesian]
impl LeNet {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let x = self.convolutions[0].forward(x).relu().max_pool(Pooling::new([2, 2]));
        let x = self.convolutions[1].forward(x).relu().max_pool(Pooling::new([2, 2]));
        let x = x.reshape([x.shape()[0], 400]);
        let x = self.dense[0].forward(x).relu();
        let x = self.dense[1].forward(x).relu();
        self.head.forward(x)
    }
}

pub(crate) fn lenet() -> LeNet {
    LeNet {
        convolutions: [Conv2d::new(1, 6, [5, 5]).padding([2, 2]), Conv2d::new(6, 16, [5, 5])],
        dense: [Dense::new(400, 120), Dense::new(120, 84)],
        head: Dense::new(84, 10),
    }
}

/// Four convolutions over images.
#[bayesian]
pub(crate) struct Images {
    convolutions: [Conv2d; 4],
    head: Dense,
}

#[bayesian]
impl Images {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let [a, b, c, d] = self.convolutions;
        let x = b.forward(a.forward(x).relu()).relu().max_pool(Pooling::new([2, 2]));
        let x = d.forward(c.forward(x).relu()).relu().max_pool(Pooling::new([2, 2]));
        self.head.forward(x.reshape([x.shape()[0], 4096]))
    }
}

pub(crate) fn images() -> Images {
    let layer = |channels, outputs| Conv2d::new(channels, outputs, [3, 3]).padding([1, 1]);
    Images { convolutions: [layer(3, 32), layer(32, 32), layer(32, 64), layer(64, 64)], head: Dense::new(4096, 10) }
}

/// Three convolutions over volumes.
#[bayesian]
pub(crate) struct Volumes {
    convolutions: [Conv3d; 3],
    head: Dense,
}

#[bayesian]
impl Volumes {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let x = self.convolutions[0].forward(x).relu().max_pool(Pooling::new([2, 2, 2]));
        let x = self.convolutions[1].forward(x).relu().max_pool(Pooling::new([2, 2, 2]));
        let x = self.convolutions[2].forward(x).relu().max_pool(Pooling::new([2, 2, 2]));
        self.head.forward(x.reshape([x.shape()[0], 864]))
    }
}

pub(crate) fn volumes() -> Volumes {
    let layer = |channels, outputs| Conv3d::new(channels, outputs, [3, 3, 3]).padding([1, 1, 1]);
    Volumes { convolutions: [layer(1, 16), layer(16, 32), layer(32, 32)], head: Dense::new(864, 11) }
}
