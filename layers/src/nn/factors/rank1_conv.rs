//! `Rank1Conv`: a convolution with a shared weight and random rank-1 factors.

use super::{FACTOR_SD, check_bias};
use crate::divergence::Divergence;
use crate::engine::{Convolution, Shape, Tensor, Var};
use crate::posterior::{MeanField, Point};
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A convolution with rank-1 factors (Dusenberry et al. 2020, "Efficient and Scalable Bayesian Neural Nets with Rank-1
/// Factors"): conv(x ∘ s, W) ∘ r + b, (examples, channels, space ..) to (examples, outputs, space ..), with a factor s for each
/// channel and a factor r for each output. W and b are learned and deterministic; s = 1 +
/// [`input_deviation`](Rank1Conv::input_deviation) and r = 1 + [`output_deviation`](Rank1Conv::output_deviation) are random, as
/// in [`Rank1Dense`](super::Rank1Dense).
///
/// [`Local`](crate::Local) samples the noise of a factor at each position; [`Flipout`](crate::Flipout) gives each example
/// factors of its own.
///
/// ```
/// use elbo::nn::Rank1Conv2d;
/// use elbo::prelude::*;
///
/// let layer = Rank1Conv2d::new(1, 6, [5, 5]).padding([2, 2]);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 1, 28, 28], 1.0));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 6, 28, 28]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Rank1Conv<const D: usize, Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, channels, kernel ..).
    pub weight: Point<Q::Scalar>,
    /// s − 1, of shape (channels).
    #[prior(self.prior)]
    pub input_deviation: Q,
    /// r − 1, of shape (outputs).
    #[prior(self.prior)]
    pub output_deviation: Q,
    /// b, of shape (outputs), if there is a bias.
    pub bias: Option<Point<Q::Scalar>>,
    /// The prior of both deviations.
    pub prior: P,
    /// Stride, padding and dilation.
    #[skip]
    pub settings: Convolution<D>,
}

/// A [`Rank1Conv`] over (examples, channels, length).
pub type Rank1Conv1d<Q = MeanField, P = Normal> = Rank1Conv<1, Q, P>;
/// A [`Rank1Conv`] over (examples, channels, height, width).
pub type Rank1Conv2d<Q = MeanField, P = Normal> = Rank1Conv<2, Q, P>;
/// A [`Rank1Conv`] over (examples, channels, depth, height, width).
pub type Rank1Conv3d<Q = MeanField, P = Normal> = Rank1Conv<3, Q, P>;

#[bayesian]
impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Rank1Conv<D, Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If `x` has another number of axes, or other channels than the layer.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let scaled = self.input_deviation.scale_channels("Rank1Conv", x, 1.0);
        let y = scaled.convolve(self.weight, None::<Var<Q::Scalar>>, *self.settings);
        let y = self.output_deviation.scale_channels("Rank1Conv", y, 1.0);
        match self.bias {
            Some(bias) => {
                check_bias("Rank1Conv", bias, self.weight.shape()[0]);
                let axes: Shape = std::iter::once(bias.len()).chain((0..D).map(|_| 1)).collect();
                y + bias.reshape(axes)
            }
            None => y,
        }
    }
}

impl<const D: usize> Rank1Conv<D> {
    /// A layer in `f32` with the prior N(1, 0.1²) of the factors, with stride 1 and without padding. W starts as by
    /// [`Point::new`], and the factors at mean 1.
    #[track_caller]
    pub fn new(channels: usize, outputs: usize, kernel: [usize; D]) -> Self {
        Rank1Conv::of(channels, outputs, kernel, MeanField::new, Normal(0.0, FACTOR_SD))
    }
}

initial_sd!(Rank1Conv[D]: input_deviation, output_deviation);

impl<const D: usize, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Rank1Conv<D, Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes the deviations of the factors from 1 from their
    /// shapes, first (channels), then (outputs).
    #[track_caller]
    pub fn of(
        channels: usize,
        outputs: usize,
        kernel: [usize; D],
        mut posterior: impl FnMut(Shape) -> Q,
        prior: P,
    ) -> Self {
        let shape: Shape = [outputs, channels].into_iter().chain(kernel).collect();
        Rank1Conv {
            weight: Point::new(shape),
            input_deviation: posterior([channels].into()),
            output_deviation: posterior([outputs].into()),
            bias: Some(Point(Tensor::zeros([outputs]))),
            prior,
            settings: Convolution::new(),
        }
    }

    /// Replaces the prior of the deviations.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Rank1Conv<D, Q, R>
    where
        Q: Divergence<R>,
    {
        let Rank1Conv { weight, input_deviation, output_deviation, bias, settings, .. } = self;
        Rank1Conv { weight, input_deviation, output_deviation, bias, prior, settings }
    }

    /// Removes the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Rank1Conv { bias: None, ..self }
    }

    /// Sets the stride along each axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    #[must_use]
    pub fn stride(self, stride: [usize; D]) -> Self {
        Rank1Conv { settings: self.settings.stride(stride), ..self }
    }

    /// Sets the zero padding on both sides of each axis.
    #[must_use]
    pub fn padding(self, padding: [usize; D]) -> Self {
        Rank1Conv { settings: self.settings.padding(padding), ..self }
    }

    /// Sets the dilation along each axis: the distance between the kernel's taps.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    #[must_use]
    pub fn dilation(self, dilation: [usize; D]) -> Self {
        Rank1Conv { settings: self.settings.dilation(dilation), ..self }
    }
}
