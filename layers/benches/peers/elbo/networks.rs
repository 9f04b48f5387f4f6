//! The larger networks of the workloads: an LSTM, a transformer of characters, and a residual network of images.

use elbo::nn::{Conv2d, Embedding, GroupNorm, LayerNorm, LearnedPositions, Lstm, TransformerEncoderLayer};
use elbo::prelude::*;

/// Characters of the transformer's alphabet.
pub(crate) const CHARACTERS: usize = 65;

const STEPS: usize = 128;
const WIDTH: usize = 128;
const HEADS: usize = 4;

/// Groups of a group normalisation.
const GROUPS: usize = 8;

/// Two LSTMs, of whose last output classes are predicted.
#[bayesian]
pub(crate) struct Sequences {
    layers: [Lstm; 2],
    head: Dense,
}

#[bayesian]
impl Sequences {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let [first, second] = self.layers;
        let x = second.forward(first.forward(x));
        self.head.forward(x.at(1, -1))
    }
}

pub(crate) fn sequences() -> Sequences {
    Sequences { layers: [Lstm::new(12, 128), Lstm::new(128, 128)], head: Dense::new(128, 9) }
}

/// A decoder of characters: logits of the next one, for every step.
#[bayesian]
pub(crate) struct Transformer {
    characters: Embedding,
    positions: LearnedPositions,
    blocks: [TransformerEncoderLayer; 4],
    norm: LayerNorm,
    head: Dense,
}

#[bayesian]
impl Transformer {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let mut x = self.positions.forward(self.characters.forward(x));
        for block in self.blocks {
            x = block.forward(x);
        }
        let logits = self.head.forward(self.norm.forward(x));
        logits.reshape([logits.len() / CHARACTERS, CHARACTERS])
    }
}

pub(crate) fn transformer() -> Transformer {
    let block = || TransformerEncoderLayer::new(WIDTH, HEADS, 4 * WIDTH).norm_first().gelu().causal();
    Transformer {
        characters: Embedding::new(CHARACTERS, WIDTH),
        positions: LearnedPositions::new(STEPS, WIDTH),
        blocks: std::array::from_fn(|_| block()),
        norm: LayerNorm::new([WIDTH]),
        head: Dense::new(WIDTH, CHARACTERS),
    }
}

/// A convolution without bias, and a group normalisation.
#[bayesian]
pub(crate) struct Normalised {
    map: Conv2d,
    norm: GroupNorm,
}

#[bayesian]
impl Normalised {
    pub(crate) fn forward(&self, x: Var) -> Var {
        self.norm.forward(self.map.forward(x))
    }
}

fn normalised(channels: usize, outputs: usize, side: usize, stride: usize) -> Normalised {
    let map = Conv2d::new(channels, outputs, [side; 2]).padding([side / 2; 2]).stride([stride; 2]).without_bias();
    Normalised { map, norm: GroupNorm::new(GROUPS, outputs) }
}

/// Two convolutions and a residual connection (He et al. 2016), through a 1×1 convolution where the shape changes.
#[bayesian]
pub(crate) struct Residual {
    first: Normalised,
    second: Normalised,
    shortcut: Option<Normalised>,
}

#[bayesian]
impl Residual {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let y = self.second.forward(self.first.forward(x).relu());
        let x = self.shortcut.map_or(x, |shortcut| shortcut.forward(x));
        (x + y).relu()
    }
}

fn residual(channels: usize, outputs: usize, stride: usize) -> Residual {
    Residual {
        first: normalised(channels, outputs, 3, stride),
        second: normalised(outputs, outputs, 3, 1),
        shortcut: (stride > 1).then(|| normalised(channels, outputs, 1, stride)),
    }
}

/// Three stages of two residual blocks.
#[bayesian]
pub(crate) struct ResNet {
    stem: Normalised,
    blocks: [Residual; 6],
    head: Dense,
}

#[bayesian]
impl ResNet {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let mut x = self.stem.forward(x).relu();
        for block in self.blocks {
            x = block.forward(x);
        }
        self.head.forward(x.mean_axes(&[2, 3], false))
    }
}

pub(crate) fn resnet() -> ResNet {
    let blocks = [(16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)];
    ResNet {
        stem: normalised(3, 16, 3, 1),
        blocks: blocks.map(|(channels, outputs, stride)| residual(channels, outputs, stride)),
        head: Dense::new(64, 10),
    }
}
