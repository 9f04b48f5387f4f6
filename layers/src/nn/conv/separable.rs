//! Depthwise-separable convolutions.

use crate::divergence::Divergence;
use crate::engine::{PaddingMode, Var};
use crate::nn::Conv;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A depthwise-separable convolution over `D` spatial axes: a convolution of each channel by a kernel of its own, then a
/// convolution with one tap across channels (Howard et al. 2017, "MobileNets", section 3.1). (examples, channels, space ..) to
/// (examples, outputs, space ..), with any posterior family and any prior. It has channels · (taps + outputs) weights, and a
/// [`Conv`] channels · taps · outputs.
///
/// Nothing lies between the two convolutions, so the bias of the depthwise one adds weights and no function: set
/// `depthwise.bias` to `None` for one bias. The blocks of MobileNets have a normalisation and a ReLU there: make them of two
/// [`Conv`]s.
///
/// ```
/// use elbo::nn::SeparableConv2d;
/// use elbo::prelude::*;
///
/// let layer = SeparableConv2d::new(16, 32, [3, 3]).same_padding().without_bias();
/// assert_eq!(layer.summary().weights(), 16 * (9 + 32));
/// let (tape, x) = (Tape::new(), Tensor::full([2, 16, 8, 8], 1.0));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [2, 32, 8, 8]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct SeparableConv<const D: usize, Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// A kernel for each channel: weights of shape (channels, 1, kernel ..).
    pub depthwise: Conv<D, Q, P>,
    /// The map across channels: weights of shape (outputs, channels, 1 ..).
    pub pointwise: Conv<D, Q, P>,
}

/// A [`SeparableConv`] over (examples, channels, length).
pub type SeparableConv1d<Q = MeanField, P = Normal> = SeparableConv<1, Q, P>;
/// A [`SeparableConv`] over (examples, channels, height, width).
pub type SeparableConv2d<Q = MeanField, P = Normal> = SeparableConv<2, Q, P>;
/// A [`SeparableConv`] over (examples, channels, depth, height, width).
pub type SeparableConv3d<Q = MeanField, P = Normal> = SeparableConv<3, Q, P>;

#[bayesian]
impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> SeparableConv<D, Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// As [`Conv`]'s forward.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.pointwise.forward(self.depthwise.forward(x))
    }
}

impl<const D: usize> SeparableConv<D> {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`], with stride 1 and without padding.
    #[track_caller]
    pub fn new(channels: usize, outputs: usize, kernel: [usize; D]) -> Self {
        SeparableConv::of(channels, outputs, kernel, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

initial_sd!(SeparableConv[D]: depthwise, pointwise);

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> SeparableConv<D, Q, P> {
    /// A layer of any posterior family under any prior: `weight` makes a random weight from its shape.
    ///
    /// # Panics
    /// If `channels` is 0.
    #[track_caller]
    pub fn of(channels: usize, outputs: usize, kernel: [usize; D], weight: impl Fn(&[usize]) -> Q, prior: P) -> Self {
        assert!(channels > 0, "SeparableConv: there must be at least 1 channel, got 0");
        let depthwise = Conv::of_grouped(channels, channels, kernel, channels, &weight, prior.clone());
        SeparableConv { depthwise, pointwise: Conv::of(channels, outputs, [1; D], weight, prior) }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> SeparableConv<D, Q, R>
    where
        Q: Divergence<R>,
    {
        SeparableConv { depthwise: self.depthwise.prior(prior.clone()), pointwise: self.pointwise.prior(prior) }
    }
}

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> SeparableConv<D, Q, P> {
    /// Removes both biases.
    pub fn without_bias(self) -> Self {
        SeparableConv { depthwise: self.depthwise.without_bias(), pointwise: self.pointwise.without_bias() }
    }

    /// Sets the stride along each axis, of the depthwise convolution.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(self, stride: [usize; D]) -> Self {
        SeparableConv { depthwise: self.depthwise.stride(stride), ..self }
    }

    /// Sets the padding on both sides of each axis, as [`Conv::padding`].
    pub fn padding(self, padding: [usize; D]) -> Self {
        SeparableConv { depthwise: self.depthwise.padding(padding), ..self }
    }

    /// Pads so that the output has the lengths of the input, as [`Conv::same_padding`].
    pub fn same_padding(self) -> Self {
        SeparableConv { depthwise: self.depthwise.same_padding(), ..self }
    }

    /// Sets the contents of the padding, as [`Conv::padding_mode`].
    pub fn padding_mode(self, mode: PaddingMode) -> Self {
        SeparableConv { depthwise: self.depthwise.padding_mode(mode), ..self }
    }

    /// Sets the dilation along each axis, of the depthwise convolution.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(self, dilation: [usize; D]) -> Self {
        SeparableConv { depthwise: self.depthwise.dilation(dilation), ..self }
    }
}
