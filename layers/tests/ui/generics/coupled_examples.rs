//! The bound `Batch: Independent` for a model with nested batch normalisation.
use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::Independent;

#[bayesian]
struct Block {
    layer: Dense,
    norm: BatchNorm,
}

#[bayesian]
struct Net {
    blocks: Vec<Option<Block>>,
    head: Dense,
}

fn log_joint_of_each_example<M: Bayesian<Batch: Independent>>(_: &M) {}

fn look(net: &Net) {
    log_joint_of_each_example(net);
}

fn main() {}
