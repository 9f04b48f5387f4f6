//! `Stacked`: recurrent layers one after the other.

use crate::divergence::Divergence;
use crate::engine::{Parameters, Var};
use crate::nn::{Cell, Dropout, RecurrentAt, RecurrentDraw, RecurrentNet, SequenceLayer};
use crate::prior::PriorFor;
use elbo_macros::bayesian;

/// Recurrent layers one after the other, each over the outputs of the one before, as PyTorch's `num_layers`; with dropout
/// between them if it is set. The layers are [`Lstm`](crate::nn::Lstm)s, [`Gru`](crate::nn::Gru)s, [`Rnn`](crate::nn::Rnn)s,
/// [`Bidirectional`](crate::nn::Bidirectional)s of these, or your own, all of one type.
///
/// ```
/// use elbo::nn::{Bidirectional, Gru, Lstm, Stacked};
/// use elbo::prelude::*;
///
/// let layer = Stacked::new([Lstm::new(3, 16), Lstm::new(16, 16)]).dropout(0.1);
/// let (tape, x) = (Tape::new(), Tensor::full([2, 20, 3], 0.5));
/// let y = layer.draw(&tape, Key::new(1)).forward_padded(tape.input(&x), &[20, 7]);
/// assert_eq!(y.shape(), [2, 20, 16]);
///
/// let both = |inputs| Bidirectional::new(Gru::new(inputs, 8), Gru::new(inputs, 8));
/// let layer = Stacked::new([both(3), both(16), both(16)]);
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [2, 20, 16]);
/// ```
///
/// Names of weights are `layers.0.weight_ih`, .. [`PyTorch`](crate::PyTorch) loads the weights of an `nn.LSTM` with `num_layers`
/// (`weight_ih_l0`, `weight_ih_l1`, ..), and saves them as a list of layers (`layers.0.weight_ih_l0`, `layers.1.weight_ih_l0`, ..).
#[bayesian]
#[derive(Clone, Debug)]
pub struct Stacked<L: SequenceLayer> {
    /// The layers.
    pub layers: Vec<L>,
    /// Dropout of the outputs of every layer but the last.
    pub dropout: Dropout<<L as Parameters>::Scalar>,
}

impl<L: SequenceLayer> Stacked<L> {
    /// Layers one after the other, without dropout.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(layers: impl Into<Vec<L>>) -> Self {
        let layers = layers.into();
        assert!(!layers.is_empty(), "Stacked: got no layers, expected at least one");
        Stacked { layers, dropout: Dropout::new(0.0) }
    }

    /// Sets the rate of dropout of the outputs of every layer but the last: see [`Dropout::new`]. For dropout in predictions,
    /// set the field `dropout` to [`Dropout::monte_carlo`].
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    #[track_caller]
    #[must_use]
    pub fn dropout(self, rate: f64) -> Self {
        Stacked { dropout: Dropout::new(rate), ..self }
    }
}

#[bayesian]
impl<L: SequenceLayer> Stacked<L> {
    /// The outputs of the last layer at all steps, from initial states of zeros.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, inputs) with at least one step, or a layer does not take the outputs of the one before.
    #[track_caller]
    pub fn forward(&self, x: Var<L::Scalar>) -> Var<L::Scalar> {
        self.run(x, None).0
    }

    /// [`forward`](Self::forward) over padded sequences: example i has `lengths`\[i\] steps. Its results are those of its
    /// steps alone, and its outputs at padded steps are 0.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one length for each example, or if a length exceeds the steps of `x`.
    #[track_caller]
    pub fn forward_padded(&self, x: Var<L::Scalar>, lengths: &[usize]) -> Var<L::Scalar> {
        self.run(x, Some(lengths)).0
    }
}

/// The state of a draw of `L`.
type State<'t, L> = <<L as RecurrentAt<'t>>::DrawAt as RecurrentDraw<'t, <L as Parameters>::Scalar>>::State;

impl<'t, L: SequenceLayer> StackedDraw<'t, L> {
    /// [`forward`](Self::forward), and the final states of all layers, the first layer's first.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_with_states(&self, x: Var<'t, L::Scalar>) -> (Var<'t, L::Scalar>, Vec<State<'t, L>>) {
        let mut states = Vec::new();
        (self.each(x, None, &mut |state| states.push(state)), states)
    }

    /// [`forward_padded`](Self::forward_padded), and the final states of all layers, the first layer's first.
    ///
    /// # Panics
    /// As [`forward_padded`](Self::forward_padded).
    #[track_caller]
    pub fn forward_with_states_padded(
        &self,
        x: Var<'t, L::Scalar>,
        lengths: &[usize],
    ) -> (Var<'t, L::Scalar>, Vec<State<'t, L>>) {
        let mut states = Vec::new();
        (self.each(x, Some(lengths), &mut |state| states.push(state)), states)
    }

    /// Runs every layer and calls `f` with its final state.
    #[track_caller]
    fn each(
        &self,
        mut x: Var<'t, L::Scalar>,
        lengths: Option<&[usize]>,
        f: &mut dyn FnMut(State<'t, L>),
    ) -> Var<'t, L::Scalar> {
        assert!(!self.layers.is_empty(), "Stacked: got no layers, expected at least one");
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x = self.dropout.forward(x);
            }
            let (outputs, state) = layer.run(x, lengths);
            f(state);
            x = outputs;
        }
        x
    }
}

/// The outputs of the last layer, and the states of all.
type Run<'t, C, T> = (Var<'t, T>, Vec<<C as Cell>::State<'t, T>>);

impl<'t, C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> StackedDraw<'t, RecurrentNet<C, Q, P>> {
    /// The outputs of the last layer at all steps from the initial states of all layers, the first layer's first, and the
    /// final states: for sequences that are processed in parts.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one state for each layer, or if a state has another shape than its layer's.
    #[track_caller]
    pub fn forward_from(&self, x: Var<'t, Q::Scalar>, states: &[C::State<'t, Q::Scalar>]) -> Run<'t, C, Q::Scalar> {
        self.each_from(x, None, states)
    }

    /// [`forward_from`](Self::forward_from) over padded sequences, as [`forward_padded`](Self::forward_padded).
    ///
    /// # Panics
    /// As [`forward_from`](Self::forward_from) and [`forward_padded`](Self::forward_padded).
    #[track_caller]
    pub fn forward_from_padded(
        &self,
        x: Var<'t, Q::Scalar>,
        lengths: &[usize],
        states: &[C::State<'t, Q::Scalar>],
    ) -> Run<'t, C, Q::Scalar> {
        self.each_from(x, Some(lengths), states)
    }

    #[track_caller]
    fn each_from(
        &self,
        mut x: Var<'t, Q::Scalar>,
        lengths: Option<&[usize]>,
        states: &[C::State<'t, Q::Scalar>],
    ) -> Run<'t, C, Q::Scalar> {
        assert!(
            states.len() == self.layers.len(),
            "Stacked: got {} initial states, expected one for each of {} layers",
            states.len(),
            self.layers.len()
        );
        assert!(!states.is_empty(), "Stacked: got no layers, expected at least one");
        let mut last = Vec::new();
        for (index, (layer, &state)) in self.layers.iter().zip(states).enumerate() {
            if index > 0 {
                x = self.dropout.forward(x);
            }
            let (outputs, state) = match lengths {
                None => layer.forward_from(x, state),
                Some(lengths) => layer.forward_from_padded(x, lengths, state),
            };
            last.push(state);
            x = outputs;
        }
        (x, last)
    }
}

impl<'t, L: SequenceLayer> RecurrentDraw<'t, L::Scalar> for StackedDraw<'t, L> {
    /// That of the last layer.
    type State = State<'t, L>;

    #[track_caller]
    fn run(&self, x: Var<'t, L::Scalar>, lengths: Option<&[usize]>) -> (Var<'t, L::Scalar>, State<'t, L>) {
        let mut last = None;
        let outputs = self.each(x, lengths, &mut |state| last = Some(state));
        (outputs, last.expect("one state for each layer"))
    }
}
