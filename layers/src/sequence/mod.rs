//! Sequences of different lengths: packed into one tensor, read in a model's forward, pooled and attended to without their
//! padding, and batched by length.
//!
//! A tensor has one number of steps, so shorter sequences are padded. [`pack`] adds a last channel that is 1 for a real step
//! and 0 for padding. The lengths are then part of the inputs: [`Elbo::fit`](crate::Elbo::fit), prediction, splits and
//! minibatches take the tensor like any other, and [`Sequence::of`] reads the lengths back in `forward`. Nothing that a
//! [`Sequence`] computes for a row depends on its padding or on other rows.
//!
//! A classifier from the last state of a recurrent layer:
//!
//! ```
//! use elbo::nn::Gru;
//! use elbo::prelude::*;
//! use elbo::sequence::{self, Sequence};
//!
//! #[bayesian]
//! struct Classifier {
//!     gru: Gru,
//!     head: Dense,
//! }
//!
//! #[bayesian]
//! impl Classifier {
//!     fn forward(&self, x: Var) -> Var {
//!         let sequence = Sequence::of(x);
//!         let h = self.gru.forward_padded(sequence.x, sequence.lengths);
//!         self.head.forward(sequence.last(h))
//!     }
//! }
//!
//! // Rising or falling, in 2 to 6 steps.
//! let slope = |row: usize| if row % 2 == 0 { 0.5 } else { -0.5 };
//! let rows: Vec<Tensor> = (0..60).map(|row| Tensor::from_fn([2 + row % 5, 1], |t| slope(row) * t as f64)).collect();
//! let labels = (0..60).map(|row| row % 2).collect();
//! let (train, test) = Examples::new(sequence::pack(&rows)?, labels)?.split(0.8, 1)?;
//!
//! let mut model = Classifier { gru: Gru::new(1, 8), head: Dense::new(8, 2) };
//! let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(2e-2)).batch_size(16).quiet();
//! elbo.fit(&mut model, &train, Epochs(20))?;
//! let predictions = model.predict(&Categorical, test.inputs(), Draws(16));
//! assert!(predictions.accuracy(test.targets()) > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attention;
mod buckets;
mod pack;
mod pools;

pub use buckets::{batch, bucketed};
pub use pack::{SequenceError, lengths, pack, pack_to};

use crate::engine::{Real, Shape, Var};

/// Padded sequences in a forward pass: their values, (examples, steps, channels), and the number of real steps of each.
///
/// The methods take any padded value h of shape (examples, steps, ..), such as the outputs of a recurrent layer. They do not
/// read padding, which may hold NaN, and its gradient is exactly 0. Other operations do: if the padding of x is not finite,
/// start from `sequence.without_padding(sequence.x)`, because the derivative of an elementwise function multiplies the
/// gradient of 0 by NaN.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'t, T: Real = f32> {
    /// The values, (examples, steps, channels), without the channel of the mask.
    pub x: Var<'t, T>,
    /// The number of real steps of each example, at least 1.
    pub lengths: &'t [usize],
}

impl<'t, T: Real> Sequence<'t, T> {
    /// Reads a packed tensor, (examples, steps, channels + 1), whose last channel is 1 for the first steps of a row and 0
    /// for the padding after them: the result of [`pack`].
    ///
    /// Tokens are a sequence of one channel; `sequence.x.at(-1, 0)`, of shape (examples, steps), is the input of an
    /// [`Embedding`](crate::nn::Embedding).
    ///
    /// # Panics
    /// If `packed` has other axes or several draws, or if the last channel of a row is not such a mask.
    #[track_caller]
    pub fn of(packed: Var<'t, T>) -> Self {
        let shape = packed.shape();
        assert!(packed.draws() == 1, "Sequence::of: x has {} draws; expected data", packed.draws());
        let lengths = pack::lengths_in("Sequence::of", shape, packed.value());
        let lengths = packed.tape().alloc_slice(lengths.len(), |row| lengths[row]);
        Sequence { x: packed.slice(-1, ..-1, 1), lengths }
    }

    /// Padded values with known lengths.
    ///
    /// # Panics
    /// If `x` is not (examples, steps, channels), or there is not one length for each example, between 1 and the number
    /// of steps.
    #[track_caller]
    pub fn new(x: Var<'t, T>, lengths: &[usize]) -> Self {
        let &[examples, steps, _] = x.shape() else {
            panic!("Sequence::new: x of shape {:?}; expected (examples, steps, channels)", x.shape());
        };
        assert!(
            lengths.len() == examples,
            "Sequence::new: {} lengths for x of shape {:?} (examples, steps, channels); expected one for each of \
             {examples} examples",
            lengths.len(),
            x.shape()
        );
        if let Some(row) = lengths.iter().position(|&length| length == 0 || length > steps) {
            let length = lengths[row];
            panic!("Sequence::new: the length of row {row} is {length}; expected 1 to {steps}, the steps of x");
        }
        Sequence { x, lengths: x.tape().alloc_slice(examples, |row| lengths[row]) }
    }

    /// The same sequences up to the end of the longest: steps that are padding in every row are dropped. The outputs of
    /// each step then have fewer steps, too.
    pub fn trimmed(self) -> Self {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        if longest == self.x.shape()[1] {
            return self;
        }
        Sequence { x: self.x.slice(1, ..longest as isize, 1), ..self }
    }

    /// 1 for every real step and 0 for padding, (examples, steps): the weights of a loss per step.
    pub fn mask(self) -> Var<'t, T> {
        self.mask_of(0)
    }

    /// The mask for the steps of x, with this number of further axes of length 1.
    fn mask_of(self, further: usize) -> Var<'t, T> {
        let steps = self.x.shape()[1];
        let mut shape = Shape::from([self.lengths.len(), steps]);
        (0..further).for_each(|_| shape.push(1));
        let is_real = |i: usize| i % steps < self.lengths[i / steps];
        self.x.tape().constant(shape, |i| if is_real(i) { T::ONE } else { T::ZERO })
    }
}
