//! Transposed convolutions.

use crate::divergence::Divergence;
use crate::engine::{Transposed, Var};
use crate::nn::Bias;
use crate::nn::conv::per_group;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A transposed convolution over `D` spatial axes: (examples, channels, space ..) to (examples, outputs, space ..), each axis of
/// length (length − 1) · stride − 2 · padding + dilation · (kernel − 1) + output padding + 1. With a stride it
/// up-samples, by learned kernels (Zeiler et al. 2010, "Deconvolutional networks"). As a matrix it is the transpose of
/// the [`Conv`](super::Conv) with the same weight and settings. Any posterior family, any prior.
///
/// ```
/// use elbo::nn::ConvTranspose2d;
/// use elbo::prelude::*;
///
/// let layer = ConvTranspose2d::new(16, 8, [4, 4]).stride([2, 2]).padding([1, 1]);
/// let (tape, x) = (Tape::new(), Tensor::full([2, 16, 7, 7], 1.0));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [2, 8, 14, 14]);
/// ```
///
/// Parameters have the names and the layout of PyTorch's `ConvTranspose1d`, `2d` and `3d`. As there, initial means count the
/// axes of the weight after the first as the inputs. Estimators act as in [`Conv`](super::Conv).
#[bayesian]
#[derive(Clone, Debug)]
pub struct ConvTranspose<const D: usize, Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Of shape (channels, outputs / groups, kernel ..).
    #[prior(self.prior)]
    pub weight: Q,
    /// One element for each output, if there is a bias.
    pub bias: Option<Bias<Q, P>>,
    /// The prior of the weight; the bias has its own copy. A learned prior is learned with the layer.
    pub prior: P,
    /// Stride, padding, output padding, dilation and groups.
    #[skip]
    pub settings: Transposed<D>,
}

/// A [`ConvTranspose`] over (examples, channels, length).
pub type ConvTranspose1d<Q = MeanField, P = Normal> = ConvTranspose<1, Q, P>;
/// A [`ConvTranspose`] over (examples, channels, height, width).
pub type ConvTranspose2d<Q = MeanField, P = Normal> = ConvTranspose<2, Q, P>;
/// A [`ConvTranspose`] over (examples, channels, depth, height, width).
pub type ConvTranspose3d<Q = MeanField, P = Normal> = ConvTranspose<3, Q, P>;

#[bayesian]
impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> ConvTranspose<D, Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If `x` has another number of axes, or other channels than the layer; if an axis of the output would be empty, or an
    /// output padding is not less than the stride or the dilation.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.convolve_transposed(self.weight, self.bias.map(|bias| bias.value), *self.settings)
    }
}

impl<const D: usize> ConvTranspose<D> {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`], with stride 1 and without padding.
    #[track_caller]
    pub fn new(channels: usize, outputs: usize, kernel: [usize; D]) -> Self {
        ConvTranspose::grouped(channels, outputs, kernel, 1)
    }

    /// [`new`](Self::new) with channels in groups: the outputs of a group depend on the channels of that group only.
    ///
    /// # Panics
    /// If the numbers of channels and of outputs are not multiples of `groups`.
    #[track_caller]
    pub fn grouped(channels: usize, outputs: usize, kernel: [usize; D], groups: usize) -> Self {
        let weight = |shape: &[usize]| MeanField::new(shape);
        ConvTranspose::of_grouped(channels, outputs, kernel, groups, weight, Normal(0.0, 1.0))
    }
}

initial_sd!(ConvTranspose[D]: weight, bias);

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> ConvTranspose<D, Q, P> {
    /// A layer of any posterior family under any prior: `weight` makes a random weight from its shape.
    #[track_caller]
    pub fn of(channels: usize, outputs: usize, kernel: [usize; D], weight: impl Fn(&[usize]) -> Q, prior: P) -> Self {
        ConvTranspose::of_grouped(channels, outputs, kernel, 1, weight, prior)
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
        let [_, each] = per_group("ConvTranspose", [channels, outputs], groups);
        let shape: Vec<usize> = [channels, each].into_iter().chain(kernel).collect();
        let bias = Some(Bias { value: weight(&[outputs]), prior: prior.clone() });
        ConvTranspose { weight: weight(&shape), bias, prior, settings: Transposed::new().groups(groups) }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> ConvTranspose<D, Q, R>
    where
        Q: Divergence<R>,
    {
        let bias = self.bias.map(|bias| bias.under(prior.clone()));
        ConvTranspose { weight: self.weight, bias, prior, settings: self.settings }
    }
}

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> ConvTranspose<D, Q, P> {
    /// Removes the bias.
    pub fn without_bias(self) -> Self {
        ConvTranspose { bias: None, ..self }
    }

    /// Sets the stride along each axis: the distance in the output between neighbouring elements of the input.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(self, stride: [usize; D]) -> Self {
        ConvTranspose { settings: self.settings.stride(stride), ..self }
    }

    /// Sets the number of elements removed at both ends of each axis of the output.
    pub fn padding(self, padding: [usize; D]) -> Self {
        ConvTranspose { settings: self.settings.padding(padding), ..self }
    }

    /// Sets the number of elements added at the end of each axis of the output. They select one of the lengths which a
    /// convolution with this stride maps to the length of the input.
    pub fn output_padding(self, output_padding: [usize; D]) -> Self {
        ConvTranspose { settings: self.settings.output_padding(output_padding), ..self }
    }

    /// Sets the dilation along each axis: the distance between the kernel's taps.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(self, dilation: [usize; D]) -> Self {
        ConvTranspose { settings: self.settings.dilation(dilation), ..self }
    }
}
