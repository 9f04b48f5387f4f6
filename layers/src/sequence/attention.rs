//! Attention between padded sequences, without their padding.

use crate::engine::{Attention, Real, Shape, Var};
use crate::sequence::Sequence;

impl<'t, T: Real> Sequence<'t, T> {
    /// [Attention](Var::attention) within each row: queries q, keys k and values v, of shape (examples, .., steps, d), as
    /// for several heads in between. Real steps attend to the real steps of their row, and the result at padded steps is 0.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// use elbo::engine::Attention;
    /// use elbo::sequence::Sequence;
    ///
    /// let (tape, x) = (Tape::new(), Tensor::from_fn([2, 5, 8], |i| (i as f64).sin()));
    /// let sequence: Sequence = Sequence::new(tape.input(&x), &[5, 2]);
    /// let y = sequence.attention([sequence.x; 3], Attention::new());
    /// assert_eq!(y.at(0, 1).at(0, 2).value(), [0.0; 8]);
    /// ```
    ///
    /// # Panics
    /// As [`Var::attention`], if `settings` has a mask, or if the examples or steps differ from those of the sequences.
    #[track_caller]
    pub fn attention(self, [q, k, v]: [Var<'t, T>; 3], settings: Attention<'t, T>) -> Var<'t, T> {
        self.cross_attention(q, self, [k, v], settings)
    }

    /// [`attention`](Self::attention) of these sequences' steps to the steps of other sequences: queries q (examples, ..,
    /// steps, d) of these, keys k and values v (examples, .., other steps, d) of `others`.
    ///
    /// # Panics
    /// As [`attention`](Self::attention).
    #[track_caller]
    pub fn cross_attention(
        self,
        q: Var<'t, T>,
        others: Sequence<'t, T>,
        [k, v]: [Var<'t, T>; 2],
        settings: Attention<'t, T>,
    ) -> Var<'t, T> {
        // 0 · NaN is NaN, so a weight of 0 does not suffice to ignore a key, nor a gradient of 0 a query.
        let real = [self.real_steps("q", q), others.real_steps("k", k), others.real_steps("v", v)];
        let [q, k, v] = real;
        let (queries, keys) = (self.x.shape()[1], others.x.shape()[1]);
        let between = q.shape().len().saturating_sub(3);
        let shape: Shape =
            [self.lengths.len()].into_iter().chain(std::iter::repeat_n(1, between)).chain([queries, keys]).collect();
        // A padded query attends to no key: its result is 0, and its gradient too.
        let allowed = q.tape().constant(shape, |i| {
            let (row, query, key) = (i / keys / queries, i / keys % queries, i % keys);
            if query < self.lengths[row] && key < others.lengths[row] { T::ONE } else { T::ZERO }
        });
        self.real_steps("the result", q.attention(k, v, settings.allow(allowed)))
    }

    /// x (examples, .., steps, d) with zeros in place of padding.
    #[track_caller]
    fn real_steps(self, what: &str, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, steps) = (x.shape(), self.x.shape()[1]);
        let fits = matches!(*shape, [rows, .., own, _] if [rows, own] == [self.lengths.len(), steps]);
        assert!(
            fits,
            "Sequence::attention: {what} of shape {shape:?}; expected (examples, .., steps, d) with {} examples and {steps} \
             steps, as the sequences have",
            self.lengths.len()
        );
        let mask: Shape =
            [shape[0]].into_iter().chain(shape[1..shape.len() - 2].iter().map(|_| 1)).chain([steps, 1]).collect();
        let is_real = |i: usize| i % steps < self.lengths[i / steps];
        let mask = x.tape().constant(mask, |i| if is_real(i) { T::ONE } else { T::ZERO });
        mask.select(x, x.tape().constant([], |_| T::ZERO))
    }
}
