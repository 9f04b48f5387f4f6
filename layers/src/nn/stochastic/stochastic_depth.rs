//! `StochasticDepth`: drops a branch of a network for some examples.

use crate::engine::{Shape, Var};
use crate::model::{Forward, Layer};
use crate::nn::stochastic::Dropout;
use crate::nn::stochastic::source::{Rows, check_rate};
use elbo_macros::bayesian;

/// Stochastic depth (Huang et al. 2016, "Deep Networks with Stochastic Depth"): in training the output of a layer is set to 0
/// for each example with probability `rate`, and divided by 1 − `rate` for the others. Around the branch of a residual block,
/// x + f(x), a dropped example passes through the block unchanged.
///
/// In predictions, and in `evaluate`, it is off, unless it is made by [`monte_carlo`](StochasticDepth::monte_carlo). The layer
/// is computed for all examples, and its KL divergence is counted whether or not it is dropped.
///
/// ```
/// use elbo::nn::StochasticDepth;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Block {
///     branch: StochasticDepth<Dense>,
/// }
///
/// #[bayesian]
/// impl Block {
///     fn forward(&self, x: Var) -> Var {
///         x + self.branch.forward(x).relu()
///     }
/// }
/// let block = Block { branch: StochasticDepth::new(Dense::new(8, 8), 0.2) };
/// let (tape, x) = (Tape::new(), Tensor::full([4, 8], 1.0));
/// assert_eq!(block.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [4, 8]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct StochasticDepth<M: Layer> {
    /// The layer.
    pub layer: M,
    dropout: Dropout<M::Scalar>,
}

impl<M: Layer> StochasticDepth<M> {
    /// Drops the layer's output for an example with probability `rate`, in training only.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn new(layer: M, rate: f64) -> Self {
        check_rate("StochasticDepth", rate);
        StochasticDepth { layer, dropout: Dropout::new(rate) }
    }

    /// Drops it in predictions too: in a draw for all rows or for none, so that a draw is a function of its inputs.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    pub fn monte_carlo(layer: M, rate: f64) -> Self {
        check_rate("StochasticDepth", rate);
        StochasticDepth { layer, dropout: Dropout::monte_carlo(rate) }
    }

    /// The probability that an example's output is set to 0.
    pub fn rate(&self) -> f64 {
        self.dropout.rate()
    }
}

#[bayesian]
impl<M: Layer> StochasticDepth<M> {
    /// The layer's output, (examples, ..), of which some examples are 0.
    ///
    /// # Panics
    /// If the layer's output is a scalar, which has no examples.
    #[track_caller]
    pub fn forward(&self, x: Var<M::Scalar>) -> Var<M::Scalar> {
        let y = Forward::forward(&self.layer, x);
        let &[examples, ref axes @ ..] = y.shape() else {
            panic!("StochasticDepth: the layer's output is a scalar; expected (examples, ..)");
        };
        let Some(mask) = self.dropout.mask(&[examples], Rows::Examples) else {
            return y;
        };
        // One element for each example, or one for all of them.
        let shape: Shape = mask.shape().iter().copied().chain(axes.iter().map(|_| 1)).collect();
        y * mask.reshape(shape)
    }
}
