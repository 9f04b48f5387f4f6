//! Optimisers: what is done with gradients.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, Shared, for_each_range};
use crate::numbers::held;
use crate::{Gradients, Parameters, Real, Role, Tensor};

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

/// State of the same shape as every learned tensor: made at the first step, and from then on of one model, which is known
/// by its gradients.
///
/// # Panics
/// If it was made for a model of another form, or the gradients are of another than `model`.
#[track_caller]
fn prepare<T: Real, M: Parameters<Scalar = T> + ?Sized, const N: usize>(
    optimizer: &str,
    state: &mut Vec<[Tensor<T>; N]>,
    model: &mut M,
    gradients: &mut Gradients<T>,
) {
    fn shape_of((role, shape): (Role, &[usize])) -> &[usize] {
        if role.is_learned() { shape } else { &[0] }
    }
    fn is_other<T: Real, const N: usize>((state, tensor): (&[Tensor<T>; N], (Role, &[usize]))) -> bool {
        !state[0].shape().iter().eq(shape_of(tensor))
    }
    if state.len() == gradients.tensors().len() && !state.iter().zip(gradients.tensors()).any(is_other) {
        return;
    }
    gradients.check(model);
    if state.is_empty() {
        *state = gradients.tensors().map(|tensor| [(); N].map(|()| Tensor::zeros(shape_of(tensor)))).collect();
        return;
    }
    let other = match state.iter().zip(gradients.tensors()).position(is_other) {
        Some(index) => {
            let (name, shape) = (gradients.name(index), gradients.tensors().nth(index).map(|(_, shape)| shape));
            format!("`{name}` of shape {:?}", shape.unwrap_or_default())
        }
        None => format!("{} tensors where the other had {}", gradients.tensors().len(), state.len()),
    };
    panic!("{optimizer}: this optimiser has trained another model, and has nothing for {other}; make a new one");
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
