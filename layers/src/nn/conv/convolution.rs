//! Convolutional layers over one, two and three spatial axes.

use crate::divergence::Divergence;
use crate::engine::{Convolution, PaddingMode, Var};
use crate::nn::Bias;
use crate::nn::conv::per_group;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A convolution over `D` spatial axes: (examples, channels, space ..) to (examples, outputs, space ..), with any posterior
/// family and any prior.
///
/// ```
/// use elbo::nn::Conv2d;
/// use elbo::prelude::*;
///
/// let layer = Conv2d::new(1, 6, [5, 5]).padding([2, 2]);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 1, 28, 28], 1.0));
/// let y = layer.draw(&tape, Key::new(1)).forward(tape.input(&x));
/// assert_eq!(y.shape(), [8, 6, 28, 28]);
/// ```
///
/// Under [`Estimator::Local`](crate::Estimator::Local) every output has noise of its own, also the outputs of one example that
/// share the kernel: their variances are exact, and their covariances are 0. Under
/// [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation of the kernel for all places.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Conv<const D: usize, Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Of shape (outputs, channels / groups, kernel ..).
    #[prior(self.prior)]
    pub weight: Q,
    /// One element for each output, if there is a bias.
    pub bias: Option<Bias<Q, P>>,
    /// The prior of the weight; the bias has its own copy. A learned prior, such as the scale of a
    /// [`LearnedNormal`](struct@crate::LearnedNormal), is learned with the layer.
    pub prior: P,
    /// Stride, padding with its mode, dilation and groups.
    #[skip]
    pub settings: Convolution<D>,
}

/// A [`Conv`] over (examples, channels, length).
pub type Conv1d<Q = MeanField, P = Normal> = Conv<1, Q, P>;
/// A [`Conv`] over (examples, channels, height, width).
pub type Conv2d<Q = MeanField, P = Normal> = Conv<2, Q, P>;
/// A [`Conv`] over (examples, channels, depth, height, width).
pub type Conv3d<Q = MeanField, P = Normal> = Conv<3, Q, P>;

#[bayesian]
impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Conv<D, Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If `x` has another number of axes, or other channels than the layer; if it is too short for the kernel or for its
    /// padding.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.convolve(self.weight, self.bias.map(|bias| bias.value), *self.settings)
    }
}

impl<const D: usize> Conv<D> {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`], with stride 1 and without padding.
    #[track_caller]
    pub fn new(channels: usize, outputs: usize, kernel: [usize; D]) -> Self {
        Conv::grouped(channels, outputs, kernel, 1)
    }

    /// [`new`](Self::new) with channels in groups that are convolved separately: the outputs of a group depend on the
    /// channels of that group only. As many groups as channels make a depthwise convolution.
    ///
    /// # Panics
    /// If the numbers of channels and of outputs are not multiples of `groups`.
    #[track_caller]
    pub fn grouped(channels: usize, outputs: usize, kernel: [usize; D], groups: usize) -> Self {
        let weight = |shape: &[usize]| MeanField::new(shape);
        Conv::of_grouped(channels, outputs, kernel, groups, weight, Normal(0.0, 1.0))
    }
}

initial_sd!(Conv[D]: weight, bias);

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> Conv<D, Q, P> {
    /// A layer of any posterior family under any prior: `weight` makes a random weight from its shape.
    #[track_caller]
    pub fn of(channels: usize, outputs: usize, kernel: [usize; D], weight: impl Fn(&[usize]) -> Q, prior: P) -> Self {
        Conv::of_grouped(channels, outputs, kernel, 1, weight, prior)
    }

    /// [`of`](Self::of) with channels in groups, as in [`grouped`](Self::grouped).
    ///
    /// # Panics
    /// If the numbers of channels and of outputs are not multiples of `groups`.
    #[track_caller]
    pub fn of_grouped(
        channels: usize,
        outputs: usize,
        kernel: [usize; D],
        groups: usize,
        weight: impl Fn(&[usize]) -> Q,
        prior: P,
    ) -> Self {
        let [each, _] = per_group("Conv", [channels, outputs], groups);
        let shape: Vec<usize> = [outputs, each].into_iter().chain(kernel).collect();
        let bias = Some(Bias { value: weight(&[outputs]), prior: prior.clone() });
        Conv { weight: weight(&shape), bias, prior, settings: Convolution::new().groups(groups) }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> Conv<D, Q, R>
    where
        Q: Divergence<R>,
    {
        let bias = self.bias.map(|bias| bias.under(prior.clone()));
        Conv { weight: self.weight, bias, prior, settings: self.settings }
    }
}

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Conv<D, Q, P> {
    /// Removes the bias.
    pub fn without_bias(self) -> Self {
        Conv { bias: None, ..self }
    }

    /// Sets the stride along each axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(self, stride: [usize; D]) -> Self {
        Conv { settings: self.settings.stride(stride), ..self }
    }

    /// Sets the padding on both sides of each axis, in elements: zeros, unless [`padding_mode`](Self::padding_mode) says
    /// otherwise.
    pub fn padding(self, padding: [usize; D]) -> Self {
        Conv { settings: self.settings.padding(padding), ..self }
    }

    /// Pads so that the output has the lengths of the input, as PyTorch's `padding="same"`: dilation · (kernel − 1) elements in
    /// all, the extra one of an odd number at the end. It needs stride 1, which the forward pass checks.
    pub fn same_padding(self) -> Self {
        Conv { settings: self.settings.same_padding(), ..self }
    }

    /// Sets the contents of the padding: zeros, or the input reflected, replicated or continued periodically.
    ///
    /// ```
    /// use elbo::nn::{Conv1d, PaddingMode};
    /// use elbo::prelude::*;
    ///
    /// let layer = Conv1d::new(2, 4, [3]).same_padding().padding_mode(PaddingMode::Circular);
    /// let (tape, x) = (Tape::new(), Tensor::full([8, 2, 12], 1.0));
    /// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 4, 12]);
    /// ```
    pub fn padding_mode(self, mode: PaddingMode) -> Self {
        Conv { settings: self.settings.padding_mode(mode), ..self }
    }

    /// Sets the dilation along each axis: the distance between the kernel's taps.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(self, dilation: [usize; D]) -> Self {
        Conv { settings: self.settings.dilation(dilation), ..self }
    }
}
