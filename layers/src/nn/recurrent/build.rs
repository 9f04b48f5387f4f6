//! How recurrent layers are made.

use crate::divergence::Divergence;
use crate::engine::{Real, Shape};
use crate::nn::bias::InitialSd;
use crate::nn::{Bias, Cell, Lstm, RecurrentNet, Rnn};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};

impl<C: Cell> RecurrentNet<C> {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize) -> Self {
        RecurrentNet::of(inputs, hidden, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl Lstm {
    /// An LSTM whose outputs are projections, of this number, of its hidden state (Sak, Senior and Beaufays 2014), PyTorch's
    /// `proj_size`; in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    ///
    /// ```
    /// use elbo::nn::Lstm;
    /// use elbo::prelude::*;
    ///
    /// let layer = Lstm::projected(3, 16, 5);
    /// let (tape, x) = (Tape::new(), Tensor::full([8, 20, 3], 0.5));
    /// let draw = layer.draw(&tape, Key::new(1));
    /// let x = tape.input(&x);
    /// let (y, [output, cell]) = draw.forward_from(x, draw.zero_state(x));
    /// assert_eq!((y.shape(), output.shape(), cell.shape()), (&[8, 20, 5][..], &[8, 5][..], &[8, 16][..]));
    /// ```
    #[track_caller]
    pub fn projected(inputs: usize, hidden: usize, outputs: usize) -> Self {
        Lstm::projected_of(inputs, hidden, outputs, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> RecurrentNet<C, Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape: input
    /// weights, recurrent weights, input bias, recurrent bias.
    #[track_caller]
    pub fn of(inputs: usize, hidden: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        Self::with_outputs(inputs, hidden, hidden, &mut posterior, prior)
    }

    /// A layer of this number of outputs, without a projection.
    #[track_caller]
    fn with_outputs(
        inputs: usize,
        hidden: usize,
        outputs: usize,
        posterior: &mut dyn FnMut(Shape) -> Q,
        prior: P,
    ) -> Self {
        let Some(rows) = C::GATES.checked_mul(hidden) else {
            panic!(
                "{}: {} gates of width {hidden} have more outputs than can be addressed in memory",
                C::NAME,
                C::GATES
            )
        };
        let (weight_ih, weight_hh) = (posterior([rows, inputs].into()), posterior([rows, outputs].into()));
        let mut bias = || Some(Bias { value: posterior([rows].into()), prior: prior.clone() });
        let (bias_ih, bias_hh) = (bias(), bias());
        let (cell, weight_hr, reverse) = (C::default(), None, false);
        RecurrentNet {
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            weight_hr,
            prior,
            cell,
            inputs,
            hidden,
            outputs,
            reverse,
        }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> RecurrentNet<C, Q, R>
    where
        Q: Divergence<R>,
    {
        let with = |part: Option<Bias<Q, P>>| part.map(|part| part.under(prior.clone()));
        RecurrentNet {
            bias_ih: with(self.bias_ih),
            bias_hh: with(self.bias_hh),
            weight_hr: with(self.weight_hr),
            weight_ih: self.weight_ih,
            weight_hh: self.weight_hh,
            prior,
            cell: self.cell,
            inputs: self.inputs,
            hidden: self.hidden,
            outputs: self.outputs,
            reverse: self.reverse,
        }
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> Lstm<Q, P> {
    /// A [projected](Lstm::projected) LSTM of any posterior family under any prior: `posterior` makes a random weight from its
    /// shape: input weights, recurrent weights, input bias, recurrent bias, projection.
    #[track_caller]
    pub fn projected_of(
        inputs: usize,
        hidden: usize,
        outputs: usize,
        mut posterior: impl FnMut(Shape) -> Q,
        prior: P,
    ) -> Self {
        let layer = Self::with_outputs(inputs, hidden, outputs, &mut posterior, prior);
        let projection = Bias { value: posterior([outputs, hidden].into()), prior: layer.prior.clone() };
        RecurrentNet { weight_hr: Some(projection), ..layer }
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Rnn<Q, P> {
    /// Outputs max(x, 0) instead of tanh(x), PyTorch's `nonlinearity="relu"`.
    #[must_use]
    pub fn relu(mut self) -> Self {
        self.cell.relu = true;
        self
    }
}

impl<C: Cell, Q: Divergence<P>, P: PriorFor<Q::Scalar>> RecurrentNet<C, Q, P> {
    /// Removes both biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        RecurrentNet { bias_ih: None, bias_hh: None, ..self }
    }

    /// Processes sequences from the last step to the first.
    #[must_use]
    pub fn reversed(self) -> Self {
        RecurrentNet { reverse: true, ..self }
    }
}

impl<C: Cell, T: Real, P: PriorFor<T>> RecurrentNet<C, MeanField<T>, P>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    /// Sets the initial standard deviation of every weight, in place of [`INITIAL_SD`](crate::INITIAL_SD). The means
    /// stay.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn initial_sd(mut self, sd: f64) -> Self {
        self.weight_ih = self.weight_ih.initial_sd(sd);
        self.weight_hh = self.weight_hh.initial_sd(sd);
        self.bias_ih = self.bias_ih.initial_sd(sd);
        self.bias_hh = self.bias_hh.initial_sd(sd);
        self.weight_hr = self.weight_hr.initial_sd(sd);
        self
    }
}
