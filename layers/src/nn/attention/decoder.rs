//! The decoder block of a transformer.

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

/// A block of a transformer's decoder (Vaswani et al. 2017): self-attention, attention to a memory such as an encoder's output,
/// and two dense layers, each added to its input and normalised. x is (examples, steps, width), as is the output; the memory is
/// (examples, other steps, width). Self-attention is over all steps unless the block is
/// [`causal`](TransformerDecoderLayer::causal).
///
/// ```
/// use elbo::nn::{TransformerDecoderLayer, TransformerEncoderLayer};
/// use elbo::prelude::*;
///
/// let (encoder, decoder) = (TransformerEncoderLayer::new(16, 2, 32), TransformerDecoderLayer::new(16, 2, 32).causal());
/// let (tape, source) = (Tape::new(), Tensor::from_fn([3, 7, 16], |i| (i as f64).sin()));
/// let target = Tensor::from_fn([3, 5, 16], |i| (i as f64).cos());
/// let memory = encoder.draw(&tape, Key::new(1)).forward(tape.input(&source));
/// let y = decoder.draw(&tape, Key::new(1)).forward(tape.input(&target), memory);
/// assert_eq!(y.shape(), [3, 5, 16]);
/// ```
///
/// The parameters have PyTorch's names, so [`PyTorch`](crate::PyTorch) loads a `torch.nn.TransformerDecoderLayer`.
#[bayesian]
#[derive(Clone, Debug)]
pub struct TransformerDecoderLayer<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Self-attention.
    pub self_attn: MultiHeadAttention<Q, P>,
    /// Attention to the memory. Its input weight is sampled under any estimator: see [`MultiHeadAttention`].
    pub multihead_attn: MultiHeadAttention<Q, P>,
    /// From width to the hidden width.
    pub linear1: Dense<Q, P>,
    /// From the hidden width to width.
    pub linear2: Dense<Q, P>,
    /// The norm of the self-attention's branch.
    pub norm1: LayerNorm<Q::Scalar>,
    /// The norm of the branch that attends to the memory.
    pub norm2: LayerNorm<Q::Scalar>,
    /// The norm of the dense layers' branch.
    pub norm3: LayerNorm<Q::Scalar>,
    /// Applied to each branch, and between the dense layers.
    pub dropout: Dropout<Q::Scalar>,
    #[skip]
    settings: Settings,
}

const NAME: &str = "TransformerDecoderLayer";

impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> TransformerDecoderLayerDraw<'t, Q, P> {
    /// The block's output, of the shape of `x`.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, width), or `memory` not (examples, other steps, width).
    #[track_caller]
    pub fn forward(&self, x: Var<'t, Q::Scalar>, memory: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        self.run([x, memory], [Attention::new(); 2])
    }

    /// [`forward`](Self::forward) over padded sequences: example i has `lengths`\[i\] steps in `x` and `of_memory`\[i\] steps in
    /// `memory`. Its results are those of its steps alone, and its outputs at padded steps are 0. Padding is not read.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one length of each kind for each example, or if a length exceeds the steps.
    #[track_caller]
    pub fn forward_padded(
        &self,
        x: Var<'t, Q::Scalar>,
        lengths: &[usize],
        memory: Var<'t, Q::Scalar>,
        of_memory: &[usize],
    ) -> Var<'t, Q::Scalar> {
        self.check(x, memory);
        let (lengths, of_memory) = (lengths_of(NAME, "x", x, lengths), lengths_of(NAME, "memory", memory, of_memory));
        let inputs = [without_padding(x, lengths), without_padding(memory, of_memory)];
        let settings = [Attention::new().lengths(lengths), Attention::new().lengths(of_memory)];
        without_padding(self.run(inputs, settings), lengths)
    }

    /// [`forward`](Self::forward) of `[x, memory]` with masks or lengths of keys, for the self-attention and for the attention to
    /// the memory, as of [`MultiHeadAttentionDraw::attend`](crate::nn::MultiHeadAttentionDraw::attend).
    ///
    /// # Panics
    /// As [`forward`](Self::forward), or if what `settings` have is of another shape.
    #[track_caller]
    pub fn run(
        &self,
        [x, memory]: [Var<'t, Q::Scalar>; 2],
        [of_x, of_memory]: [Attention<'t, Q::Scalar>; 2],
    ) -> Var<'t, Q::Scalar> {
        self.check(x, memory);
        let x = add_branch!(self, x, norm1, |h| self.self_attn.attend([h; 3], of_x));
        let x = add_branch!(self, x, norm2, |h| self.multihead_attn.attend([h, memory, memory], of_memory));
        add_branch!(self, x, norm3, |h| feed_forward!(self, h))
    }

    #[track_caller]
    fn check(&self, x: Var<'t, Q::Scalar>, memory: Var<'t, Q::Scalar>) {
        let [examples, _] = check(NAME, "x", x, self.settings.width);
        let [others, _] = check(NAME, "memory", memory, self.settings.width);
        assert!(
            examples == others,
            "{NAME}: got x of shape {:?} and memory of shape {:?}, expected as many examples in both",
            x.shape(),
            memory.shape()
        );
    }
}

impl TransformerDecoderLayer {
    /// A block in `f32` with prior N(0, 1), initialised by [`MeanField::new`]: `heads` heads, and dense layers of the width
    /// `hidden`. As in PyTorch, it normalises sums, with ReLU and without dropout.
    ///
    /// # Panics
    /// If `width` is 0 or not divisible by `heads`.
    #[track_caller]
    pub fn new(width: usize, heads: usize, hidden: usize) -> Self {
        let size = AttentionSize::new(width, heads);
        TransformerDecoderLayer::of(size, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> TransformerDecoderLayer<Q, P> {
    /// A block of any posterior family under any prior: `posterior` makes a random weight from its shape, in the order of the
    /// fields. `size` is (width, heads) or an [`AttentionSize`], for both attentions.
    ///
    /// # Panics
    /// If keys and values of `size` have another width.
    #[track_caller]
    pub fn of(size: impl Into<AttentionSize>, hidden: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        let size = size.into();
        let width = size.width;
        assert!(
            size.memory.is_none(),
            "{NAME}: got a size with `memory`, but the block's memory has the width of its input; expected \
             `AttentionSize::new(width, heads)`"
        );
        TransformerDecoderLayer {
            self_attn: MultiHeadAttention::build(size, &mut posterior, prior.clone()),
            multihead_attn: MultiHeadAttention::build(size, &mut posterior, prior.clone()),
            linear1: Dense::of(width, hidden, &mut posterior, prior.clone()),
            linear2: Dense::of(hidden, width, &mut posterior, prior),
            norm1: LayerNorm::new([width]),
            norm2: LayerNorm::new([width]),
            norm3: LayerNorm::new([width]),
            dropout: Dropout::new(0.0),
            settings: Settings::new(width),
        }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> TransformerDecoderLayer<Q, R>
    where
        Q: Divergence<R>,
    {
        TransformerDecoderLayer {
            self_attn: self.self_attn.prior(prior.clone()),
            multihead_attn: self.multihead_attn.prior(prior.clone()),
            linear1: self.linear1.prior(prior.clone()),
            linear2: self.linear2.prior(prior),
            norm1: self.norm1,
            norm2: self.norm2,
            norm3: self.norm3,
            dropout: self.dropout,
            settings: self.settings,
        }
    }
}

initial_sd!(TransformerDecoderLayer: self_attn, multihead_attn, linear1, linear2);

block_settings!(TransformerDecoderLayer);
