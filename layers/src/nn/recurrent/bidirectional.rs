//! `Bidirectional`: two recurrent layers over the same sequences, one in each direction.

use crate::engine::Var;
use crate::nn::{Lstm, RecurrentAt, RecurrentDraw, RecurrentLayer, RecurrentState};
use elbo_macros::bayesian;

/// Two recurrent layers over the same sequences, the second from the last step to the first (Schuster and Paliwal 1997):
/// (examples, steps, inputs) to (examples, steps, 2 · hidden), the outputs of both joined along the last axis.
///
/// ```
/// use elbo::nn::{Bidirectional, Gru};
/// use elbo::prelude::*;
///
/// let layer = Bidirectional::new(Gru::new(3, 16), Gru::new(3, 16));
/// let (tape, x) = (Tape::new(), Tensor::full([2, 20, 3], 0.5));
/// let draw = layer.draw(&tape, Key::new(1));
/// let (outputs, state) = draw.forward_with_state_padded(tape.input(&x), &[20, 7]);
/// assert_eq!((outputs.shape(), state.shape()), (&[2, 20, 32][..], &[2, 32][..]));
/// ```
///
/// [`Stacked`](crate::nn::Stacked) puts several one after the other.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Bidirectional<L: RecurrentLayer = Lstm> {
    /// From the first step to the last.
    pub forward_layer: L,
    /// From the last step to the first.
    pub backward_layer: L,
}

impl<L: RecurrentLayer> Bidirectional<L> {
    /// Two layers with the same number of inputs, both in the usual order: the second is reversed here.
    ///
    /// # Panics
    /// If the first is reversed.
    #[track_caller]
    pub fn new(forward_layer: L, backward_layer: L) -> Self {
        assert!(
            !forward_layer.is_reversed(),
            "Bidirectional: the first layer is reversed; pass both in the usual order, and the second is reversed here"
        );
        Bidirectional { forward_layer, backward_layer: backward_layer.reversed() }
    }
}

#[bayesian]
impl<L: RecurrentLayer> Bidirectional<L> {
    /// The outputs of all steps, from initial states of zeros.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, inputs) with at least one step.
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
type State<'t, L> =
    <<L as RecurrentAt<'t>>::DrawAt as RecurrentDraw<'t, <L as crate::engine::Parameters>::Scalar>>::State;

impl<'t, L: RecurrentLayer> BidirectionalDraw<'t, L> {
    /// [`forward`](Self::forward), and the final states of both layers, joined along the last axis: after the last step and
    /// after the first, (examples, 2 · hidden).
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_with_state(&self, x: Var<'t, L::Scalar>) -> (Var<'t, L::Scalar>, State<'t, L>) {
        self.run(x, None)
    }

    /// [`forward_padded`](Self::forward_padded), and the final states of both layers, joined along the last axis: after each
    /// example's last step and after its first.
    ///
    /// # Panics
    /// As [`forward_padded`](Self::forward_padded).
    #[track_caller]
    pub fn forward_with_state_padded(
        &self,
        x: Var<'t, L::Scalar>,
        lengths: &[usize],
    ) -> (Var<'t, L::Scalar>, State<'t, L>) {
        self.run(x, Some(lengths))
    }

    #[track_caller]
    fn run(&self, x: Var<'t, L::Scalar>, lengths: Option<&[usize]>) -> (Var<'t, L::Scalar>, State<'t, L>) {
        let (ahead, state) = self.forward_layer.run(x, lengths);
        let (back, other) = self.backward_layer.run(x, lengths);
        (Var::concat(&[ahead, back], -1), state.join(other))
    }
}

impl<'t, L: RecurrentLayer> RecurrentDraw<'t, L::Scalar> for BidirectionalDraw<'t, L> {
    /// That of both layers, joined along the last axis.
    type State = State<'t, L>;

    #[track_caller]
    fn run(&self, x: Var<'t, L::Scalar>, lengths: Option<&[usize]>) -> (Var<'t, L::Scalar>, State<'t, L>) {
        BidirectionalDraw::run(self, x, lengths)
    }
}
