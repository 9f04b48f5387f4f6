//! `LearnedPositions`: a random vector for each step.

use crate::divergence::Divergence;
use crate::engine::{Shape, Var};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// Learned positions: adds a random vector for each step to (.., steps, width), as in GPT and BERT, with any posterior family and
/// any prior. The divergence is that of the whole table, however many steps there are.
///
/// ```
/// use elbo::nn::LearnedPositions;
/// use elbo::prelude::*;
///
/// let positions = LearnedPositions::new(32, 8);
/// let tape = Tape::new();
/// let draw = positions.draw(&tape, Key::new(1));
/// let y = draw.forward(tape.constant([2, 5, 8], |_| 0.0));
/// assert_eq!(y.at(0, 1).value(), &draw.table.value()[..5 * 8]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct LearnedPositions<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Of shape (most steps, width).
    #[prior(self.prior)]
    pub table: Q,
    /// Its prior.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> LearnedPositions<Q, P> {
    /// `x` with the vectors of its steps added.
    ///
    /// # Panics
    /// If `x` is not (.., steps, width), or has more steps than there are vectors.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let (table, shape) = (self.table.shape(), x.shape());
        let fits = matches!((shape, table), (&[.., steps, own], &[most, width]) if own == width && steps <= most);
        assert!(
            fits,
            "LearnedPositions: got x of shape {shape:?}, expected (.., steps, width) for positions of shape {table:?} (most steps, \
             width)"
        );
        x + self.table.slice(0, ..shape[shape.len() - 2] as isize, 1)
    }
}

initial_sd!(LearnedPositions: table);

impl LearnedPositions {
    /// Positions in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    #[track_caller]
    pub fn new(steps: usize, width: usize) -> Self {
        LearnedPositions::of(steps, width, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> LearnedPositions<Q, P> {
    /// Positions of any posterior family under any prior: `posterior` makes the table from its shape (most steps, width).
    #[track_caller]
    pub fn of(steps: usize, width: usize, posterior: impl FnOnce(Shape) -> Q, prior: P) -> Self {
        LearnedPositions { table: posterior([steps, width].into()), prior }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> LearnedPositions<Q, R>
    where
        Q: Divergence<R>,
    {
        LearnedPositions { table: self.table, prior }
    }
}
