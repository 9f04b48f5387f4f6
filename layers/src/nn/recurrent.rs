//! Recurrent layers over sequences: LSTM, GRU and the plain (Elman) network.

use crate::divergence::Divergence;
use crate::engine::{Real, Recurrent, Shape, Var};
use crate::nn::{RecurrentDraw, RecurrentLayer};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A state of zeros for each example of x (examples, steps, inputs).
#[track_caller]
fn zero_state<'t, T: Real>(layer: &str, x: Var<'t, T>, hidden: usize) -> Var<'t, T> {
    let &[examples, ..] = x.shape() else {
        panic!("{layer}: got x of shape [], expected (examples, steps, inputs)");
    };
    x.tape().constant([examples, hidden], |_| T::ZERO)
}

/// The number of outputs of `gates` gates of width `hidden`.
#[track_caller]
fn outputs_of_gates(layer: &str, gates: usize, hidden: usize) -> usize {
    let outputs = gates.checked_mul(hidden);
    outputs.unwrap_or_else(|| {
        panic!("{layer}: {gates} gates of width {hidden} have more outputs than can be addressed in memory")
    })
}

/// A layer whose sequence operation is `$method` of `Var`, and `$padded` over padded sequences. `$rows` is the first axis
/// of its weights, in words; `$initial` makes the initial state, of the type `$state`, from zeros called `$zeros`;
/// `$drawn_state` is that type with the tape's lifetime.
macro_rules! recurrent {
    (
        $(#[$doc:meta])*
        $name:ident, $draw:ident, $method:ident, $padded:ident, $gates:literal gates $rows:literal $order:literal,
        |$zeros:ident| $initial:expr, ($($state:tt)+) ($($drawn_state:tt)+)
    ) => {
        $(#[$doc])*
        ///
        /// The weights are drawn once for a whole sequence (Fortunato, Blundell and Vinyals 2017), so every step uses the
        /// same. Under [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation for all of its
        /// steps. [`Estimator::Local`](crate::Estimator::Local) is refused for `weight_hh`, which is used in every step:
        /// set [`Estimator::Sample`](crate::Estimator::Sample) for that weight by name.
        ///
        /// ```
        #[doc = concat!("use elbo::nn::", stringify!($name), ";")]
        /// use elbo::prelude::*;
        ///
        #[doc = concat!("let layer = ", stringify!($name), "::new(3, 16);")]
        /// let (tape, x) = (Tape::new(), Tensor::full([8, 20, 3], 0.5));
        /// let y = layer.draw(&tape, Key::new(1)).forward(tape.input(&x));
        /// assert_eq!(y.shape(), [8, 20, 16]);
        /// ```
        #[bayesian]
        #[derive(Clone, Debug)]
        pub struct $name<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
            #[doc = concat!("Input weights, of shape (", $rows, ", inputs)", $order, ".")]
            #[prior(self.prior)]
            pub weight_ih: Q,
            #[doc = concat!("Recurrent weights, of shape (", $rows, ", hidden).")]
            #[prior(self.prior)]
            pub weight_hh: Q,
            #[doc = concat!("Input bias, of shape (", $rows, ").")]
            #[prior(self.prior)]
            pub bias_ih: Q,
            #[doc = concat!("Recurrent bias, of shape (", $rows, ").")]
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
        impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> $name<Q, P> {
            /// The outputs of all steps, from an initial state of zeros.
            ///
            /// # Panics
            /// If `x` is not (examples, steps, inputs) with at least one step.
            #[track_caller]
            pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
                self.forward_from(x, self.zero_state(x)).0
            }

            /// The outputs of all steps from the initial state, (examples, hidden), and the final state. An LSTM's state
            /// is its output and its cell.
            ///
            /// # Panics
            /// As [`forward`](Self::forward), or if the state has another shape.
            #[track_caller]
            pub fn forward_from(&self, x: Var<Q::Scalar>, state: $($state)+) -> (Var<Q::Scalar>, $($state)+) {
                let biases = Some([self.bias_ih, self.bias_hh]);
                let (weight_ih, weight_hh) = (self.weight_ih, self.weight_hh);
                x.$method(Recurrent { weight_ih, weight_hh, biases, reverse: *self.reverse }, state)
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
                self.forward_from_padded(x, lengths, self.zero_state(x)).0
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
                x: Var<Q::Scalar>,
                lengths: &[usize],
                state: $($state)+,
            ) -> (Var<Q::Scalar>, $($state)+) {
                let biases = Some([self.bias_ih, self.bias_hh]);
                let (weight_ih, weight_hh) = (self.weight_ih, self.weight_hh);
                x.$padded(lengths, Recurrent { weight_ih, weight_hh, biases, reverse: *self.reverse }, state)
            }

            /// The initial state of zeros for the examples of `x`.
            ///
            /// # Panics
            /// If `x` is a scalar.
            #[track_caller]
            pub fn zero_state(&self, x: Var<Q::Scalar>) -> $($state)+ {
                let $zeros = zero_state(stringify!($name), x, *self.hidden);
                $initial
            }
        }

        impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentDraw<'t, Q::Scalar> for $draw<'t, Q, P> {
            type State = $($drawn_state)+;

            #[track_caller]
            fn run(&self, x: Var<'t, Q::Scalar>, lengths: Option<&[usize]>) -> (Var<'t, Q::Scalar>, Self::State) {
                match lengths {
                    None => self.forward_from(x, self.zero_state(x)),
                    Some(lengths) => self.forward_from_padded(x, lengths, self.zero_state(x)),
                }
            }
        }

        impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentLayer for $name<Q, P> {
            fn is_reversed(&self) -> bool {
                self.reverse
            }

            fn reversed(self) -> Self {
                $name { reverse: true, ..self }
            }
        }

        impl $name {
            /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
            #[track_caller]
            pub fn new(inputs: usize, hidden: usize) -> Self {
                $name::of(inputs, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
            }
        }

        initial_sd!($name: weight_ih, weight_hh, bias_ih, bias_hh);

        impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> $name<Q, P> {
            /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape: input
            /// weights, recurrent weights, input bias, recurrent bias.
            #[track_caller]
            pub fn of(inputs: usize, hidden: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
                let outputs = outputs_of_gates(stringify!($name), $gates, hidden);
                $name {
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
            pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> $name<Q, R>
            where
                Q: Divergence<R>,
            {
                let $name { weight_ih, weight_hh, bias_ih, bias_hh, hidden, reverse, .. } = self;
                $name { weight_ih, weight_hh, bias_ih, bias_hh, prior, hidden, reverse }
            }

            /// Processes sequences from the last step to the first.
            pub fn reversed(self) -> Self {
                $name { reverse: true, ..self }
            }
        }
    };
}

recurrent! {
    /// A long short-term memory over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
    /// family and any prior. See [`Var::lstm`](crate::engine::Var::lstm) for the equations; the gates are in PyTorch's
    /// order.
    Lstm, LstmDraw, lstm, lstm_padded, 4 gates "4 · hidden" ": gates i, f, g, o", |zeros| [zeros; 2],
    ([Var<Q::Scalar>; 2]) ([Var<'t, Q::Scalar>; 2])
}

recurrent! {
    /// A gated recurrent unit over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
    /// family and any prior. See [`Var::gru`](crate::engine::Var::gru) for the equations; the gates are in PyTorch's order.
    Gru, GruDraw, gru, gru_padded, 3 gates "3 · hidden" ": gates r, z, n", |zeros| zeros, (Var<Q::Scalar>)
    (Var<'t, Q::Scalar>)
}

recurrent! {
    /// A plain recurrent network over sequences: (examples, steps, inputs) to (examples, steps, hidden), with any posterior
    /// family and any prior. See [`Var::rnn`](crate::engine::Var::rnn) for the equations.
    Rnn, RnnDraw, rnn, rnn_padded, 1 gates "hidden" "", |zeros| zeros, (Var<Q::Scalar>)
    (Var<'t, Q::Scalar>)
}
