//! The gated recurrent unit (GRU) layer.

use crate::divergence::Divergence;
use crate::engine::{Recurrent, Shape, Var};
use crate::nn::recurrent_state::{outputs_of_gates, zero_state};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A gated recurrent unit over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
/// family and any prior. See [`Var::gru`](crate::engine::Var::gru) for the equations; the gates are in PyTorch's order.
///
/// The weights are drawn once for a whole sequence (Fortunato, Blundell and Vinyals 2017), so every step uses the same.
/// Under [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation for all of its steps. [`Estimator::Local`](crate::Estimator::Local) is refused
/// for `weight_hh`, which is used in every step: set [`Estimator::Sample`](crate::Estimator::Sample) for that weight by name.
///
/// ```
/// use elbo::nn::Gru;
/// use elbo::prelude::*;
///
/// let layer = Gru::new(3, 16);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 20, 3], 0.5));
/// let y = layer.draw(&tape, Key::new(1)).forward(tape.input(&x));
/// assert_eq!(y.shape(), [8, 20, 16]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Gru<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Input weights, of shape (3 · hidden, inputs): gates r, z, n.
    #[prior(self.prior)]
    pub weight_ih: Q,
    /// Recurrent weights, of shape (3 · hidden, hidden).
    #[prior(self.prior)]
    pub weight_hh: Q,
    /// Input bias, of shape (3 · hidden).
    #[prior(self.prior)]
    pub bias_ih: Q,
    /// Recurrent bias, of shape (3 · hidden).
    #[prior(self.prior)]
    pub bias_hh: Q,
    /// The prior of all weights and biases.
    pub prior: P,
    /// The hidden size.
    #[skip]
    pub hidden: usize,
    /// Whether sequences are processed from the last step to the first.
    #[skip]
    pub reverse: bool,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Gru<Q, P> {
    /// The outputs of all steps, from an initial state of zeros.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, inputs) with at least one step.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let start = zero_state("Gru", x, *self.hidden);
        self.forward_from(x, start).0
    }

    /// The outputs of all steps from the initial state, (examples, hidden), and the final state.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), or if the state has another shape.
    #[track_caller]
    pub fn forward_from(&self, x: Var<Q::Scalar>, state: Var<Q::Scalar>) -> (Var<Q::Scalar>, Var<Q::Scalar>) {
        let biases = Some([self.bias_ih, self.bias_hh]);
        let (weight_ih, weight_hh) = (self.weight_ih, self.weight_hh);
        x.gru(Recurrent { weight_ih, weight_hh, biases, reverse: *self.reverse }, state)
    }
}

impl Gru {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize) -> Self {
        Gru::of(inputs, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Gru<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape: input
    /// weights, recurrent weights, input bias, recurrent bias.
    #[track_caller]
    pub fn of(inputs: usize, hidden: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        let outputs = outputs_of_gates("Gru", 3, hidden);
        Gru {
            weight_ih: posterior([outputs, inputs].into()),
            weight_hh: posterior([outputs, hidden].into()),
            bias_ih: posterior([outputs].into()),
            bias_hh: posterior([outputs].into()),
            prior,
            hidden,
            reverse: false,
        }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Gru<Q, R>
    where
        Q: Divergence<R>,
    {
        let Gru { weight_ih, weight_hh, bias_ih, bias_hh, hidden, reverse, .. } = self;
        Gru { weight_ih, weight_hh, bias_ih, bias_hh, prior, hidden, reverse }
    }

    /// Processes sequences from the last step to the first.
    pub fn reversed(self) -> Self {
        Gru { reverse: true, ..self }
    }
}
