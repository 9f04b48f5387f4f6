//! The larger networks of the workloads: an LSTM, a transformer of characters, and a residual network of images.

use elbo::engine::Attention;
use elbo::nn::{Conv2d, Embedding, GroupNorm, LayerNorm, Lstm};
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

/// Causal self-attention and a network of two layers, each after a layer normalisation and with a residual connection.
#[bayesian]
pub(crate) struct Block {
    attention_norm: LayerNorm,
    qkv: Dense,
    projection: Dense,
    norm: LayerNorm,
    expand: Dense,
    contract: Dense,
}

#[bayesian]
impl Block {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let &[examples, steps, width] = x.shape() else { unreachable!("the embedding has three axes") };
        let heads = self.qkv.forward(self.attention_norm.forward(x));
        let heads = heads.reshape([examples, steps, 3, HEADS, width / HEADS]).permute(&[2, 0, 3, 1, 4]);
        let [q, k, v] = [0, 1, 2].map(|part| heads.at(0, part));
        let mixed = q.attention(k, v, Attention::new().causal()).permute(&[0, 2, 1, 3]);
        let x = x + self.projection.forward(mixed.reshape([examples, steps, width]));
        x + self.contract.forward(self.expand.forward(self.norm.forward(x)).gelu())
    }
}

/// A decoder of characters: logits of the next one, for every step.
#[bayesian]
pub(crate) struct Transformer {
    characters: Embedding,
    positions: Embedding,
    blocks: [Block; 4],
    norm: LayerNorm,
    head: Dense,
}

#[bayesian]
impl Transformer {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let positions: [usize; STEPS] = std::array::from_fn(|step| step);
        let mut x = self.characters.forward(x) + self.positions.rows(&positions);
        for block in self.blocks {
            x = block.forward(x);
        }
        let logits = self.head.forward(self.norm.forward(x));
        logits.reshape([logits.len() / CHARACTERS, CHARACTERS])
    }
}

pub(crate) fn transformer() -> Transformer {
    let block = || Block {
        attention_norm: LayerNorm::new([WIDTH]),
        qkv: Dense::new(WIDTH, 3 * WIDTH),
        projection: Dense::new(WIDTH, WIDTH),
        norm: LayerNorm::new([WIDTH]),
        expand: Dense::new(WIDTH, 4 * WIDTH),
        contract: Dense::new(4 * WIDTH, WIDTH),
    };
    Transformer {
        characters: Embedding::new(CHARACTERS, WIDTH),
        positions: Embedding::new(STEPS, WIDTH),
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
