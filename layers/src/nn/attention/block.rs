//! What the two kinds of blocks of a transformer share: the layers after attention, and how branches are added.

use crate::engine::{Real, Var};

/// The activation between the two dense layers of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Relu,
    Gelu,
}

/// Settings of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) width: usize,
    pub(super) norm_first: bool,
    pub(super) between: Between,
}

impl Settings {
    pub(super) const fn new(width: usize) -> Self {
        Settings { width, norm_first: false, between: Between::Relu }
    }

    #[track_caller]
    pub(super) fn activate<T: Real>(self, x: Var<'_, T>) -> Var<'_, T> {
        match self.between {
            Between::Relu => x.relu(),
            Between::Gelu => x.gelu(),
        }
    }
}

/// norm(x + branch(x)), or x + branch(norm(x)) if the norm is first. A macro, because panics in a closure would not name the
/// caller's line.
macro_rules! add_branch {
    ($block:ident, $x:ident, $norm:ident, |$input:ident| $branch:expr) => {
        if $block.settings.norm_first {
            let $input = $block.$norm.forward($x);
            $x + $block.dropout.forward($branch)
        } else {
            let $input = $x;
            $block.$norm.forward($x + $block.dropout.forward($branch))
        }
    };
}

/// The two dense layers of a block.
macro_rules! feed_forward {
    ($block:ident, $x:ident) => {{
        let inner = $block.settings.activate($block.linear1.forward($x));
        $block.linear2.forward($block.dropout.forward(inner))
    }};
}

/// Builder methods of a block.
macro_rules! block_settings {
    ($block:ident) => {
        impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> $block<Q, P> {
            /// Normalises the input of each branch instead of the sum after it (Xiong et al. 2020): deep stacks then train without a
            /// warm-up.
            #[must_use]
            pub fn norm_first(self) -> Self {
                $block { settings: Settings { norm_first: true, ..self.settings }, ..self }
            }

            /// GELU between the dense layers, in place of ReLU.
            #[must_use]
            pub fn gelu(self) -> Self {
                $block { settings: Settings { between: Between::Gelu, ..self.settings }, ..self }
            }

            /// Dropout in training, of every branch's output and between the dense layers. PyTorch drops weights of the attention as
            /// well; this block does not.
            ///
            /// # Panics
            /// If `rate` is not in [0, 1).
            #[track_caller]
            #[must_use]
            pub fn dropout(self, rate: f64) -> Self {
                $block { dropout: Dropout::new(rate), ..self }
            }

            /// Lets a step attend to itself and the steps before it only, in the self-attention.
            #[must_use]
            pub fn causal(self) -> Self {
                $block { self_attn: self.self_attn.causal(), ..self }
            }

            /// Rotary positions in the self-attention: see [`rotary`](fn@crate::nn::rotary).
            ///
            /// # Panics
            /// If `base` is below 1 or not finite, or the heads have an odd number of features.
            #[track_caller]
            #[must_use]
            pub fn rotary(self, base: f64) -> Self {
                $block { self_attn: self.self_attn.rotary(base), ..self }
            }
        }
    };
}

pub(super) use {add_branch, block_settings, feed_forward};
