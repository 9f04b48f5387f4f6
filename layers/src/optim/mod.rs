//! Optimisers: what is done with gradients.

mod adam;
#[cfg(feature = "serde")]
mod saved;
mod sgd;
mod state;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, Shared, for_each_range};
use crate::engine::{Gradients, Parameters, Real};
use state::State;

/// Moves a model's parameters against their gradients.
///
/// What it remembers belongs to one model, and is in that model's number type from the first step on. For another model
/// make another optimiser.
pub trait Optimizer {
    /// Takes one step, applies the buffers' updates, and uses `gradients` up: in their places stand
    /// the values before the step, so that [`Gradients::undo`] can take it back.
    ///
    /// # Panics
    /// If `gradients` were made for a model of another form, or hold nothing, or [`check`](Optimizer::check) refuses the
    /// model. The model is then as it was.
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>);

    /// From the next step on, with the learning rate that it was made with times `factor`: for a
    /// [`Schedule`](crate::Schedule).
    ///
    /// # Panics
    /// If the factor is negative or not finite.
    fn scale_rate(&mut self, factor: f64);

    /// Whether it can train `model`. [`Elbo::fit`](crate::Elbo::fit) asks before its first step.
    ///
    /// # Errors
    /// What is wrong, and what to do: its settings are not numbers in the model's number type, or it has trained a model
    /// of another form or number type. Models of one form cannot be told apart.
    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        let _ = model;
        Ok(())
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

fn check_rate(name: &str, rate: f64) -> Result<(), String> {
    if rate > 0.0 && rate.is_finite() {
        return Ok(());
    }
    Err(format!("{name}: the learning rate must be positive and finite, got {rate}"))
}

/// A factor of the learning rate: not negative, and finite.
#[track_caller]
fn check_factor(name: &str, factor: f64) {
    let fits = factor >= 0.0 && factor.is_finite();
    assert!(fits, "{name}: a factor of the learning rate must be finite and at least 0, got {factor}");
}
