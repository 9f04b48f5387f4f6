//! The embedding layer: looks up rows of a random table by index.

use crate::divergence::Divergence;
use crate::engine::{Indices, Real, Shape, Var};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// An embedding: a table of random vectors, looked up by index, (..) to (.., features), with any posterior family and
/// any prior. The divergence is that of the whole table, whichever rows are looked up.
///
/// ```
/// use elbo::nn::Embedding;
/// use elbo::prelude::*;
///
/// let words = Embedding::new(1000, 16);
/// let (tape, sentences) = (Tape::new(), Tensor::new([2, 3], [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]));
/// let draw = words.draw(&tape, Key::new(1));
/// assert_eq!(draw.forward(tape.input(&sentences)).shape(), [2, 3, 16]);
/// assert_eq!(draw.rows(&[3, 1]).value()[..16], draw.forward(tape.input(&sentences)).value()[..16]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Embedding<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Of shape (entries, features).
    #[prior(self.prior)]
    pub table: Q,
    /// Its prior.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Embedding<Q, P> {
    /// The rows whose indices are in `x`, as whole numbers: (..) to (.., features). So an embedding takes a tensor as
    /// input, like other layers.
    ///
    /// # Panics
    /// If an element is not a whole number or out of range, or x has several draws.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        assert!(x.draws() == 1, "Embedding: x has {} draws; expected data with row indices", x.draws());
        for (i, number) in x.value().iter().enumerate() {
            let number = number.to_f64();
            assert!(
                number >= 0.0 && number.fract() == 0.0 && number < usize::MAX as f64,
                "Embedding: element {i} of x of shape {:?} is {number}; expected whole numbers, the indices of rows",
                x.shape()
            );
        }
        let numbers = x.tape().alloc_slice(x.len(), |i| x.value()[i].to_f64() as usize);
        self.table.embedding_read_from(Indices::new(x.shape(), numbers), x)
    }

    /// The rows with these indices: (rows, features).
    ///
    /// # Panics
    /// If an index is out of range.
    #[track_caller]
    pub fn rows(&self, numbers: &[usize]) -> Var<Q::Scalar> {
        let tape = self.table.tape();
        self.table.embedding(tape.alloc_slice(numbers.len(), |i| numbers[i]))
    }
}

impl Embedding {
    /// A table in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn new(entries: usize, features: usize) -> Self {
        Embedding::of(entries, features, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Embedding<Q, P> {
    /// A table of any posterior family under any prior: `posterior` makes the random table from its shape (entries,
    /// features).
    #[track_caller]
    pub fn of(entries: usize, features: usize, posterior: impl FnOnce(Shape) -> Q, prior: P) -> Self {
        Embedding { table: posterior([entries, features].into()), prior }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> Embedding<Q, R>
    where
        Q: Divergence<R>,
    {
        Embedding { table: self.table, prior }
    }
}

initial_sd!(Embedding: table);
