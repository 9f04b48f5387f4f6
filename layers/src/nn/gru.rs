//! The gated recurrent unit.

use crate::divergence::Divergence;
use crate::engine::{Recurrent, Shape, Var};
use crate::nn::state::{outputs_of_gates, rest};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A gated recurrent unit over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
/// family and any prior. See [`Var::gru`](crate::engine::Var::gru) for the equations; the gates stand in PyTorch's order.
///
/// The weights are drawn once for a whole sequence (Fortunato, Blundell and Vinyals 2017): every step has the same. So
/// under [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation for all of its steps, and
/// [`Estimator::Local`](crate::Estimator::Local) is refused for `weight_hh`, which is used in every step: sample that
/// weight, by name.
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
    /// From the inputs, of shape (3 · hidden, inputs): gates r, z, n.
    #[prior(self.prior)]
    pub weight_ih: Q,
    /// From the last output, of shape (3 · hidden, hidden).
    #[prior(self.prior)]
    pub weight_hh: Q,
    /// Of shape (3 · hidden).
    #[prior(self.prior)]
    pub bias_ih: Q,
    /// Of shape (3 · hidden).
    #[prior(self.prior)]
    pub bias_hh: Q,
    /// The prior of all.
    pub prior: P,
    /// The width of the output.
    #[skip]
    pub hidden: usize,
    /// Whether the last step comes first.
    #[skip]
    pub reverse: bool,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Gru<Q, P> {
    /// The outputs of all steps, from an output of zeros.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, inputs) with at least one step.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let start = rest("Gru", x, *self.hidden);
        self.forward_from(x, start).0
    }

    /// The outputs of all steps from the one before, (examples, hidden); and the last one.
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
    /// A layer in `f32` under the prior N(0, 1), at the start of [`MeanField::new`].
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize) -> Self {
        Gru::of(inputs, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Gru<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight of a shape, first those of the
    /// inputs and of the last output, then their biases.
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

    /// The same layer under another prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Gru<Q, R>
    where
        Q: Divergence<R>,
    {
        let Gru { weight_ih, weight_hh, bias_ih, bias_hh, hidden, reverse, .. } = self;
        Gru { weight_ih, weight_hh, bias_ih, bias_hh, prior, hidden, reverse }
    }

    /// The same layer from the last step to the first.
    pub fn reversed(self) -> Self {
        Gru { reverse: true, ..self }
    }
}
