//! `Rank1Dense`: a dense layer with a shared weight and random rank-1 factors.

use super::{FACTOR_SD, check_bias};
use crate::divergence::Divergence;
use crate::engine::{Shape, Tensor, Var};
use crate::posterior::{MeanField, Point};
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A dense layer with rank-1 factors (Dusenberry et al. 2020, "Efficient and Scalable Bayesian Neural Nets with Rank-1
/// Factors"): ((x ∘ s) · Wᵀ) ∘ r + b, (.., inputs) to (.., outputs). W and b are learned and deterministic; the vectors s and
/// r are random, so that the weight of a draw is W ∘ (r sᵀ), with inputs + outputs random numbers.
///
/// The random weights are the deviations from 1: s = 1 + [`input_deviation`](Rank1Dense::input_deviation) and r = 1 +
/// [`output_deviation`](Rank1Dense::output_deviation). Their prior N(0, sd²) is N(1, sd²) of the factors; their initial means
/// are 0. The KL divergence is that of both vectors; W and b have none.
///
/// [`Local`](crate::Local) and [`Flipout`](crate::Flipout), where the posterior family allows them, give each example factors of
/// its own, and `Local` each step of a sequence. Otherwise the examples of a draw share them.
///
/// ```
/// use elbo::nn::Rank1Dense;
/// use elbo::prelude::*;
///
/// let layer = Rank1Dense::new(3, 2);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3], 1.0));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 2]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Rank1Dense<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs).
    pub weight: Point<Q::Scalar>,
    /// s − 1, of shape (inputs).
    #[prior(self.prior)]
    pub input_deviation: Q,
    /// r − 1, of shape (outputs).
    #[prior(self.prior)]
    pub output_deviation: Q,
    /// b, of shape (outputs), if there is a bias.
    pub bias: Option<Point<Q::Scalar>>,
    /// The prior of both deviations.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Rank1Dense<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let y = self.input_deviation.scale_features("Rank1Dense", x, 1.0).linear(self.weight);
        let y = self.output_deviation.scale_features("Rank1Dense", y, 1.0);
        match self.bias {
            Some(bias) => {
                check_bias("Rank1Dense", bias, self.weight.shape()[0]);
                y + bias
            }
            None => y,
        }
    }
}

impl Rank1Dense {
    /// A layer in `f32` with the prior N(1, 0.1²) of the factors. W starts as by [`Point::new`], and the factors at mean 1.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Rank1Dense::of(inputs, outputs, MeanField::new, Normal(0.0, FACTOR_SD))
    }
}

initial_sd!(Rank1Dense: input_deviation, output_deviation);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Rank1Dense<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes the deviations of the factors from 1 from their
    /// shapes, first (inputs), then (outputs).
    #[track_caller]
    pub fn of(inputs: usize, outputs: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        Rank1Dense {
            weight: Point::new([outputs, inputs]),
            input_deviation: posterior([inputs].into()),
            output_deviation: posterior([outputs].into()),
            bias: Some(Point(Tensor::zeros([outputs]))),
            prior,
        }
    }

    /// Replaces the prior of the deviations.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Rank1Dense<Q, R>
    where
        Q: Divergence<R>,
    {
        let Rank1Dense { weight, input_deviation, output_deviation, bias, .. } = self;
        Rank1Dense { weight, input_deviation, output_deviation, bias, prior }
    }

    /// Removes the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Rank1Dense { bias: None, ..self }
    }
}
