//! Optimisers: what is done with gradients.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, Shared, for_each_range};
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

/// Runs a kernel on parts of slices of one length, part by part, on several threads where they are long.
///
/// # Panics
/// If the slices differ in length.
#[track_caller]
fn over_parts<'a, T: Real, K: Kernel<Output = ()>, const N: usize>(
    slices: [&'a mut [T]; N],
    kernel: impl Fn([&'a mut [T]; N]) -> K + Sync,
) {
    let lengths = slices.each_ref().map(|slice| slice.len());
    let len = lengths[0];
    assert!(lengths.iter().all(|&other| other == len), "an optimiser's step on slices of {lengths:?} elements");
    let slices = slices.map(Shared::new);
    // Some four arrays are moved for every element: half as many of them are worth a thread.
    for_each_range(len, GRAIN / 2, 64, &|range| {
        // SAFETY: ranges are disjoint parts of slices of this length, which are borrowed throughout.
        let parts = slices.map(|slice| unsafe { slice.range(range.clone()) });
        dispatch(kernel(parts));
    });
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
