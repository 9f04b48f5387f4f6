//! A copy of a model's tensors, to which a training may return.

use crate::engine::{Order, Path, Real, Tensor};
use crate::model::Bayesian;

/// A copy of all tensors of a model.
#[derive(Default)]
pub(super) struct Snapshot<T: Real>(Vec<Tensor<T>>);

impl<T: Real> Snapshot<T> {
    /// Copies the model's tensors, into the memory of the last copy.
    pub(super) fn take<M: Bayesian<Scalar = T>>(&mut self, model: &M) {
        let mut kept = self.0.iter_mut();
        let mut new = Vec::new();
        model.visit(&Path::ROOT, &mut |_, _, tensor| match kept.next() {
            Some(kept) => kept.data_mut().copy_from_slice(tensor.data()),
            None => new.push(tensor.clone()),
        });
        self.0.extend(new);
    }

    /// The copies in the model's order; none before the first one was made.
    #[cfg(feature = "files")]
    pub(super) fn tensors(&self) -> &[Tensor<T>] {
        &self.0
    }

    /// These copies.
    #[cfg(feature = "files")]
    pub(super) fn of(tensors: Vec<Tensor<T>>) -> Self {
        Snapshot(tensors)
    }

    /// Copies them back.
    ///
    /// # Panics
    /// If the model's `visit` and `visit_mut` differ.
    #[track_caller]
    pub(super) fn restore<M: Bayesian<Scalar = T>>(&self, model: &mut M) {
        Order::of(model).each_mut(model, |index, _, tensor| {
            tensor.data_mut().copy_from_slice(self.0[index].data());
        });
    }
}
