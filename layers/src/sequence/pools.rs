//! Pools over the real steps of padded sequences: mean, maximum, last step.

use crate::engine::{Real, Shape, Var};
use crate::sequence::Sequence;

impl<'t, T: Real> Sequence<'t, T> {
    /// h (examples, steps, ..) with zeros in place of padding.
    ///
    /// # Panics
    /// If `h` has fewer axes, or another number of examples or steps than the sequences.
    #[track_caller]
    pub fn without_padding(self, h: Var<'t, T>) -> Var<'t, T> {
        let mask = self.over("without_padding", h);
        mask.select(h, h.tape().constant([], |_| T::ZERO))
    }

    /// The mean of h (examples, steps, ..) over each row's real steps: (examples, ..).
    ///
    /// # Panics
    /// As [`without_padding`](Self::without_padding).
    #[track_caller]
    pub fn mean(self, h: Var<'t, T>) -> Var<'t, T> {
        let mask = self.over("mean", h);
        let real = mask.select(h, h.tape().constant([], |_| T::ZERO));
        let counts: Shape =
            mask.shape().iter().enumerate().filter(|&(axis, _)| axis != 1).map(|(_, &length)| length).collect();
        real.sum_axes(&[1], false) / h.tape().constant(counts, |row| T::from_f64(self.lengths[row] as f64))
    }

    /// The maximum of h (examples, steps, ..) over each row's real steps: (examples, ..). Equal maxima share the gradient
    /// evenly.
    ///
    /// # Panics
    /// As [`without_padding`](Self::without_padding).
    #[track_caller]
    pub fn max(self, h: Var<'t, T>) -> Var<'t, T> {
        let mask = self.over("max", h);
        mask.select(h, h.tape().constant([], |_| T::from_f64(f64::NEG_INFINITY))).max_axes(&[1], false)
    }

    /// h (examples, steps, ..) at each row's last real step: (examples, ..). For a recurrent layer that processes
    /// sequences in order, this is its final output; for a reversed one, that is `h.at(1, 0)`.
    ///
    /// # Panics
    /// As [`without_padding`](Self::without_padding).
    #[track_caller]
    pub fn last(self, h: Var<'t, T>) -> Var<'t, T> {
        self.over("last", h);
        let [examples, steps, rest @ ..] = h.shape() else { unreachable!("checked by `over`") };
        let places = h.tape().alloc_slice(*examples, |row| row * steps + self.lengths[row] - 1);
        let rows: Shape = [examples * steps].iter().chain(rest).copied().collect();
        let shape: Shape = [*examples].iter().chain(rest).copied().collect();
        h.reshape(rows).index_select(0, places).reshape(shape)
    }

    /// The mask of h's steps, with an axis of length 1 for each further axis of h.
    #[track_caller]
    fn over(self, method: &str, h: Var<'t, T>) -> Var<'t, T> {
        let (shape, steps) = (h.shape(), self.x.shape()[1]);
        let fits = matches!(*shape, [rows, own, ..] if [rows, own] == [self.lengths.len(), steps]);
        assert!(
            fits,
            "Sequence::{method}: h of shape {shape:?}; expected (examples, steps, ..) with {} examples and {steps} steps, as \
             the sequences have",
            self.lengths.len()
        );
        self.mask_of(shape.len() - 2)
    }
}
