//! The encoder block of a transformer.

use crate::divergence::Divergence;
use crate::engine::{Attention, Shape, Var};
use crate::nn::attention::block::{Between, Settings, add_branch, block_settings, feed_forward};
use crate::nn::attention::multi_head::MultiHeadAttention;
use crate::nn::attention::padding::{check, lengths_of, without_padding};
use crate::nn::attention::size::AttentionSize;
use crate::nn::{Dense, Dropout, LayerNorm};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A block of a transformer's encoder (Vaswani et al. 2017): self-attention and two dense layers, each added to its input and
/// normalised, (examples, steps, width) to the same shape. With [`causal`](TransformerEncoderLayer::causal) it is the block of a
/// language model such as GPT.
///
/// ```
/// use elbo::nn::{Embedding, LayerNorm, LearnedPositions, TransformerEncoderLayer};
/// use elbo::prelude::*;
///
/// /// Predicts the next of 65 characters at each of up to 32 steps.
/// #[bayesian]
/// struct Characters {
///     embedding: Embedding,
///     positions: LearnedPositions,
///     blocks: Vec<TransformerEncoderLayer>,
///     norm: LayerNorm,
///     head: Dense,
/// }
///
/// #[bayesian]
/// impl Characters {
///     fn forward(&self, x: Var) -> Var {
///         let mut h = self.positions.forward(self.embedding.forward(x));
///         for block in self.blocks {
///             h = block.forward(h);
///         }
///         self.head.forward(self.norm.forward(h))
///     }
/// }
///
/// let block = || TransformerEncoderLayer::new(16, 2, 64).causal().norm_first().gelu();
/// let model = Characters {
///     embedding: Embedding::new(65, 16),
///     positions: LearnedPositions::new(32, 16),
///     blocks: vec![block(), block()],
///     norm: LayerNorm::new([16]),
///     head: Dense::new(16, 65),
/// };
/// let (tape, x) = (Tape::new(), Tensor::from_fn([2, 20], |i| (i % 65) as f64));
/// assert_eq!(model.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [2, 20, 65]);
/// ```
///
/// The parameters have PyTorch's names, so [`PyTorch`](crate::PyTorch) loads a `torch.nn.TransformerEncoderLayer`. The norms'
/// scales and shifts are learned and deterministic.
#[bayesian]
#[derive(Clone, Debug)]
pub struct TransformerEncoderLayer<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Self-attention.
    pub self_attn: MultiHeadAttention<Q, P>,
    /// From width to the hidden width.
    pub linear1: Dense<Q, P>,
    /// From the hidden width to width.
    pub linear2: Dense<Q, P>,
    /// The norm of the attention's branch.
    pub norm1: LayerNorm<Q::Scalar>,
    /// The norm of the dense layers' branch.
    pub norm2: LayerNorm<Q::Scalar>,
    /// Applied to each branch, and between the dense layers.
    pub dropout: Dropout<Q::Scalar>,
    #[skip]
    settings: Settings,
}

const NAME: &str = "TransformerEncoderLayer";

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> TransformerEncoderLayer<Q, P> {
    /// The block's output, of the shape of `x`.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, width).
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.run(x, Attention::new())
    }

    /// [`forward`](Self::forward) over padded sequences: example i has `lengths`\[i\] steps. Its results are those of its steps
    /// alone, and its outputs at padded steps are 0. Padding is not read, and its gradient is exactly 0.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one length for each example, or if a length exceeds the steps of `x`.
    #[track_caller]
    pub fn forward_padded(&self, x: Var<Q::Scalar>, lengths: &[usize]) -> Var<Q::Scalar> {
        check(NAME, "x", x, self.settings.width);
        let lengths = lengths_of(NAME, "x", x, lengths);
        without_padding(self.run(without_padding(x, lengths), Attention::new().lengths(lengths)), lengths)
    }
}

impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> TransformerEncoderLayerDraw<'t, Q, P> {
    /// [`forward`](Self::forward) with masks or lengths of keys, as of
    /// [`MultiHeadAttentionDraw::attend`](crate::nn::MultiHeadAttentionDraw::attend).
    ///
    /// # Panics
    /// As [`forward`](Self::forward), or if what `settings` has is of another shape.
    #[track_caller]
    pub fn run(&self, x: Var<'t, Q::Scalar>, settings: Attention<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        check(NAME, "x", x, self.settings.width);
        let x = add_branch!(self, x, norm1, |h| self.self_attn.attend([h; 3], settings));
        add_branch!(self, x, norm2, |h| feed_forward!(self, h))
    }
}

impl TransformerEncoderLayer {
    /// A block in `f32` with prior N(0, 1), initialised by [`MeanField::new`]: `heads` heads, and dense layers of the width
    /// `hidden`. As in PyTorch, it normalises sums, with ReLU and without dropout.
    ///
    /// # Panics
    /// If `width` is 0 or not divisible by `heads`.
    #[track_caller]
    pub fn new(width: usize, heads: usize, hidden: usize) -> Self {
        let size = AttentionSize::new(width, heads);
        TransformerEncoderLayer::of(size, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> TransformerEncoderLayer<Q, P> {
    /// A block of any posterior family under any prior: `posterior` makes a random weight from its shape, in the order of the
    /// fields. `size` is (width, heads) or an [`AttentionSize`].
    ///
    /// # Panics
    /// If keys and values of `size` have another width.
    #[track_caller]
    pub fn of(size: impl Into<AttentionSize>, hidden: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        let size = size.into();
        let width = size.width;
        assert!(
            size.memory.is_none(),
            "{NAME}: got a size with `memory`, but keys and values of self-attention are computed from its input; expected \
             `AttentionSize::new(width, heads)`"
        );
        TransformerEncoderLayer {
            self_attn: MultiHeadAttention::build(size, &mut posterior, prior.clone()),
            linear1: Dense::of(width, hidden, &mut posterior, prior.clone()),
            linear2: Dense::of(hidden, width, &mut posterior, prior),
            norm1: LayerNorm::new([width]),
            norm2: LayerNorm::new([width]),
            dropout: Dropout::new(0.0),
            settings: Settings::new(width),
        }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> TransformerEncoderLayer<Q, R>
    where
        Q: Divergence<R>,
    {
        TransformerEncoderLayer {
            self_attn: self.self_attn.prior(prior.clone()),
            linear1: self.linear1.prior(prior.clone()),
            linear2: self.linear2.prior(prior),
            norm1: self.norm1,
            norm2: self.norm2,
            dropout: self.dropout,
            settings: self.settings,
        }
    }
}

initial_sd!(TransformerEncoderLayer: self_attn, linear1, linear2);

block_settings!(TransformerEncoderLayer);
