//! Optimisers: what is done with gradients.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, for_each_range};
use crate::{Gradients, Parameters, Path, Real, Role, Tensor};

/// Moves a model's parameters against their gradients.
pub trait Optimizer<T: Real> {
    /// Takes one step, applies the buffers' updates, and uses `gradients` up: in their places stand
    /// the values before the step, so that [`Gradients::undo`] can take it back.
    ///
    /// # Panics
    /// If `gradients` were made for another model, or hold nothing.
    fn step<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<T>);
}

/// Calls `update` with the number of every learned tensor, the tensor, and its gradient, in whose
/// place `update` leaves the tensor's value before the step; gives buffers their new values.
#[track_caller]
fn walk<T: Real, M: Parameters<Scalar = T> + ?Sized>(
    model: &mut M,
    gradients: &mut Gradients<T>,
    mut update: impl FnMut(usize, &mut Tensor<T>, &mut [T]),
) {
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, tensor| {
        match (gradients.at_mut(index), role) {
            (Some(value), _) if value.len() != tensor.len() => panic!(
                "step: the gradient of {path:?} has {} elements and the parameter {}; these gradients are of another \
                 model",
                value.len(),
                tensor.len()
            ),
            (Some(value), Role::Buffer) => tensor.data_mut().swap_with_slice(value),
            (None, Role::Buffer) => {}
            (Some(gradient), _) => update(index, tensor, gradient),
            (None, _) => panic!("step: there is no gradient of {path:?}; call `loss.backward(&mut gradients)` first"),
        }
        index += 1;
    });
    gradients.finish_step();
}

/// State of the same shape as every learned tensor, made at the first step.
fn state_of<T: Real>(state: &mut Vec<Tensor<T>>, index: usize, like: &Tensor<T>) {
    while state.len() <= index {
        state.push(Tensor::zeros([0]));
    }
    if state[index].len() != like.len() {
        state[index] = Tensor::zeros(like.shape());
    }
}

/// Runs a kernel over ranges of a tensor, on several threads where it is large.
fn over_ranges<K: Kernel<Output = ()>>(len: usize, kernel: impl Fn(std::ops::Range<usize>) -> K + Sync) {
    // Four arrays are moved for every element: half as many of them are worth a thread.
    for_each_range(len, GRAIN / 2, 64, &|range| dispatch(kernel(range)));
}

#[track_caller]
fn check_rate(name: &str, rate: f64) {
    assert!(rate > 0.0 && rate.is_finite(), "{name}: the learning rate must be positive and finite, got {rate}");
}
