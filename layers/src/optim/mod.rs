//! Optimisers: what is done with gradients.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, for_each_range};
use crate::numbers::held;
use crate::{Gradients, Parameters, Path, Real, Role, Tensor};

/// Moves a model's parameters against their gradients.
///
/// What it remembers belongs to one model. For another model make another optimiser.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimiser of parameters in `{T}`",
    label = "a model in `{T}` needs an optimiser in `{T}`",
    note = "an optimiser has the number type of its model; `Elbo::new` brings one in `f32`, so for a model in `f64` say `.optimizer(Adam::new(1e-3))`"
)]
pub trait Optimizer<T: Real> {
    /// Takes one step, applies the buffers' updates, and uses `gradients` up: in their places stand
    /// the values before the step, so that [`Gradients::undo`] can take it back.
    ///
    /// # Panics
    /// If `gradients` were made for a model of another form, or hold nothing, or this optimiser has trained a model of
    /// another form. The model is then as it was. Models of one form cannot be told apart.
    fn step<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<T>);

    /// From the next step on, with the learning rate that it was made with times `factor`: for a
    /// [`Schedule`](crate::Schedule).
    ///
    /// # Panics
    /// If the factor is negative or not finite.
    fn scale_rate(&mut self, factor: f64);
}

/// After [`Gradients::check_step`]: calls `update` with the number of every learned tensor, the tensor, and its gradient, in whose
/// place `update` leaves the tensor's value before the step; gives buffers their new values.
#[track_caller]
fn walk<T: Real, M: Parameters<Scalar = T> + ?Sized>(
    model: &mut M,
    gradients: &mut Gradients<T>,
    mut update: impl FnMut(usize, &mut Tensor<T>, &mut [T]),
) {
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |_, role, tensor| {
        // A buffer that no forward updated has no new value.
        match gradients.at_mut(index) {
            Some(value) if role == Role::Buffer => tensor.data_mut().swap_with_slice(value),
            Some(gradient) => update(index, tensor, gradient),
            None => {}
        }
        index += 1;
    });
    gradients.finish_step();
}

/// State of the same shape as every learned tensor: made at the first step, and from then on of one model.
///
/// # Panics
/// If it was made for a model of another form.
#[track_caller]
fn prepare<T: Real, M: Parameters<Scalar = T> + ?Sized, const N: usize>(
    optimizer: &str,
    state: &mut Vec<[Tensor<T>; N]>,
    model: &M,
) {
    fn shape_of<T: Real>(role: Role, tensor: &Tensor<T>) -> &[usize] {
        if role.is_learned() { tensor.shape() } else { &[0] }
    }
    if state.is_empty() {
        model.visit(&Path::ROOT, &mut |_, role, tensor| {
            state.push(std::array::from_fn(|_| Tensor::zeros(shape_of(role, tensor))));
        });
        return;
    }
    let (mut index, mut other) = (0, None);
    model.visit(&Path::ROOT, &mut |path, role, tensor| {
        let shape = shape_of(role, tensor);
        let fits = state.get(index).is_some_and(|state| state.iter().all(|state| state.shape() == shape));
        if !fits && other.is_none() {
            other = Some(format!("`{path}` of shape {:?}", tensor.shape()));
        }
        index += 1;
    });
    if other.is_none() && index < state.len() {
        other = Some(format!("{index} tensors where the other had {}", state.len()));
    }
    if let Some(other) = other {
        panic!("{optimizer}: this optimiser has trained another model, and has nothing for {other}; make a new one");
    }
}

/// Runs a kernel over ranges of a tensor, on several threads where it is large.
fn over_ranges<K: Kernel<Output = ()>>(len: usize, kernel: impl Fn(std::ops::Range<usize>) -> K + Sync) {
    // Four arrays are moved for every element: half as many of them are worth a thread.
    for_each_range(len, GRAIN / 2, 64, &|range| dispatch(kernel(range)));
}

#[track_caller]
fn check_rate<T: Real>(name: &str, rate: f64) {
    assert!(rate > 0.0 && rate.is_finite(), "{name}: the learning rate must be positive and finite, got {rate}");
    held::<T>(format_args!("{name}: a learning rate"), rate);
}

/// A factor of the learning rate: not negative, and finite.
#[track_caller]
fn check_factor(name: &str, factor: f64) {
    let fits = factor >= 0.0 && factor.is_finite();
    assert!(fits, "{name}: a factor of the learning rate must be finite and at least 0, got {factor}");
}
