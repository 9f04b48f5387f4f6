//! `RecurrentNet`: a recurrent layer of any cell.

use crate::divergence::Divergence;
use crate::engine::{Real, Recurrent, Var};
use crate::nn::{Bias, Cell, GruCell, LstmCell, RecurrentDraw, RecurrentLayer, RnnCell};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A recurrent layer over sequences: (examples, steps, inputs) to (examples, steps, outputs), with any posterior family and
/// any prior: [`Lstm`], [`Gru`] or [`Rnn`].
///
/// The weights are drawn once for a whole sequence (Fortunato, Blundell and Vinyals 2017), so every step uses the
/// same. Under [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation for all of its
/// steps. [`Estimator::Local`](crate::Estimator::Local) is refused for `weight_hh`, `bias_hh` and `weight_hr`, which are used
/// in every step: set [`Estimator::Sample`](crate::Estimator::Sample) for those weights by name.
///
/// ```
/// use elbo::nn::{Gru, Lstm, Rnn};
/// use elbo::prelude::*;
///
/// let (lstm, gru, rnn) = (Lstm::new(3, 16), Gru::new(3, 16).without_bias(), Rnn::new(3, 16).relu());
/// let (tape, x) = (Tape::new(), Tensor::full([8, 20, 3], 0.5));
/// let x = tape.input(&x);
/// assert_eq!(lstm.draw(&tape, Key::new(1)).forward(x).shape(), [8, 20, 16]);
/// assert_eq!(gru.draw(&tape, Key::new(2)).forward(x).shape(), [8, 20, 16]);
/// assert_eq!(rnn.draw(&tape, Key::new(3)).forward(x).shape(), [8, 20, 16]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct RecurrentNet<C: Cell, Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Input weights, of shape (gates · hidden, inputs): gates i, f, g, o of an LSTM, r, z, n of a GRU.
    #[prior(self.prior)]
    pub weight_ih: Q,
    /// Recurrent weights, of shape (gates · hidden, outputs).
    #[prior(self.prior)]
    pub weight_hh: Q,
    /// Input bias, of shape (gates · hidden), if there is one.
    pub bias_ih: Option<Bias<Q, P>>,
    /// Recurrent bias, of shape (gates · hidden), if there is one.
    pub bias_hh: Option<Bias<Q, P>>,
    /// The projection of a [projected](Lstm::projected) LSTM, of shape (outputs, hidden).
    pub weight_hr: Option<Bias<Q, P>>,
    /// The prior of the weights; each bias and the projection have their own copy. A learned prior, such as the scale of a
    /// [`LearnedNormal`](struct@crate::LearnedNormal), is learned with the layer.
    pub prior: P,
    /// The cell.
    #[skip]
    pub cell: C,
    /// The number of inputs.
    #[skip]
    pub inputs: usize,
    /// The hidden size.
    #[skip]
    pub hidden: usize,
    /// The number of outputs: the hidden size, unless the layer is projected.
    #[skip]
    pub outputs: usize,
    /// Whether sequences are processed from the last step to the first.
    #[skip]
    pub reverse: bool,
}

/// A long short-term memory over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
/// family and any prior. See [`Var::lstm`](crate::engine::Var::lstm) for the equations; the gates are in PyTorch's order. It
/// can be [projected](Lstm::projected).
pub type Lstm<Q = MeanField, P = Normal> = RecurrentNet<LstmCell, Q, P>;

/// A gated recurrent unit over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
/// family and any prior. See [`Var::gru`](crate::engine::Var::gru) for the equations; the gates are in PyTorch's order.
pub type Gru<Q = MeanField, P = Normal> = RecurrentNet<GruCell, Q, P>;

/// A plain recurrent network over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
/// family and any prior. See [`Var::rnn`](crate::engine::Var::rnn) for the equations. Its outputs can be
/// [rectified](Rnn::relu).
pub type Rnn<Q = MeanField, P = Normal> = RecurrentNet<RnnCell, Q, P>;

/// A draw of an [`Lstm`].
pub type LstmDraw<'t, Q = MeanField, P = Normal> = RecurrentNetDraw<'t, LstmCell, Q, P>;

/// A draw of a [`Gru`].
pub type GruDraw<'t, Q = MeanField, P = Normal> = RecurrentNetDraw<'t, GruCell, Q, P>;

/// A draw of an [`Rnn`].
pub type RnnDraw<'t, Q = MeanField, P = Normal> = RecurrentNetDraw<'t, RnnCell, Q, P>;

#[bayesian]
impl<C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentNet<C, Q, P> {
    /// The outputs of all steps, from an initial state of zeros.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, inputs) with at least one step.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.run(x, None).0
    }

    /// [`forward`](Self::forward) over padded sequences: example i has `lengths`\[i\] steps. Its results are those
    /// of its steps alone, in either direction, and its outputs at padded steps are 0. Padding is not read, and its
    /// gradient is exactly 0. [`Sequence`](crate::sequence::Sequence) reads the lengths from a model's inputs.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one length for each example, or if a length exceeds the steps
    /// of `x`.
    #[track_caller]
    pub fn forward_padded(&self, x: Var<Q::Scalar>, lengths: &[usize]) -> Var<Q::Scalar> {
        self.run(x, Some(lengths)).0
    }
}

impl<'t, C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentNetDraw<'t, C, Q, P> {
    /// The outputs of all steps from the initial state, (examples, outputs), and the final state. An LSTM's state
    /// is its output, (examples, outputs), and its cell, (examples, hidden).
    ///
    /// # Panics
    /// As [`forward`](Self::forward), or if the state has another shape.
    #[track_caller]
    pub fn forward_from(
        &self,
        x: Var<'t, Q::Scalar>,
        state: C::State<'t, Q::Scalar>,
    ) -> (Var<'t, Q::Scalar>, C::State<'t, Q::Scalar>) {
        self.run_from(x, None, state)
    }

    /// [`forward_from`](Self::forward_from) over padded sequences, as [`forward_padded`](Self::forward_padded). The
    /// final state is the one after an example's last step; reversed, after its first. An example of length 0 keeps
    /// its initial state.
    ///
    /// Under [`Estimator::Flipout`](crate::Estimator::Flipout) the perturbation of an example depends on its place
    /// among the lengths of the batch.
    ///
    /// # Panics
    /// As [`forward_padded`](Self::forward_padded), or if the state has another shape.
    #[track_caller]
    pub fn forward_from_padded(
        &self,
        x: Var<'t, Q::Scalar>,
        lengths: &[usize],
        state: C::State<'t, Q::Scalar>,
    ) -> (Var<'t, Q::Scalar>, C::State<'t, Q::Scalar>) {
        self.run_from(x, Some(lengths), state)
    }

    /// The initial state of zeros for the examples of `x`.
    ///
    /// # Panics
    /// If `x` is a scalar.
    #[track_caller]
    pub fn zero_state(&self, x: Var<'t, Q::Scalar>) -> C::State<'t, Q::Scalar> {
        let &[examples, ..] = x.shape() else {
            panic!("{}: got x of shape [], expected (examples, steps, {})", C::NAME, *self.inputs);
        };
        let zeros = |width: usize| x.tape().constant([examples, width], |_| Q::Scalar::ZERO);
        self.cell.zero_state(zeros, *self.outputs, *self.hidden)
    }

    #[track_caller]
    fn run_from(
        &self,
        x: Var<'t, Q::Scalar>,
        lengths: Option<&[usize]>,
        state: C::State<'t, Q::Scalar>,
    ) -> (Var<'t, Q::Scalar>, C::State<'t, Q::Scalar>) {
        assert!(
            matches!(*x.shape(), [_, _, inputs] if inputs == *self.inputs),
            "{}: got x of shape {:?}, expected (examples, steps, {})",
            C::NAME,
            x.shape(),
            *self.inputs
        );
        let weights = Recurrent {
            weight_ih: self.weight_ih,
            weight_hh: self.weight_hh,
            biases: [self.bias_ih, self.bias_hh].map(|bias| bias.map(|bias| bias.value)),
            projection: self.weight_hr.map(|weight| weight.value),
            reverse: *self.reverse,
        };
        self.cell.run(x, lengths, weights, state)
    }
}

impl<'t, C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentDraw<'t, Q::Scalar>
    for RecurrentNetDraw<'t, C, Q, P>
{
    type State = C::State<'t, Q::Scalar>;

    #[track_caller]
    fn run(&self, x: Var<'t, Q::Scalar>, lengths: Option<&[usize]>) -> (Var<'t, Q::Scalar>, Self::State) {
        self.run_from(x, lengths, self.zero_state(x))
    }
}

impl<C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentLayer for RecurrentNet<C, Q, P> {
    fn is_reversed(&self) -> bool {
        self.reverse
    }

    fn reversed(self) -> Self {
        RecurrentNet { reverse: true, ..self }
    }
}
