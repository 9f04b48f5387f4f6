//! Optimisers: the trait `Optimizer`, `Adam`, `Sgd` and `Ivon`, with settings by name; averages of parameters: `Ema`.

mod adam;
mod by_role;
mod ema;
pub(crate) mod groups;
mod ivon;
mod optimizer_state;
#[cfg(feature = "serde")]
mod saved;
mod sgd;
mod state;

pub use adam::Adam;
pub use ema::Ema;
pub use ivon::Ivon;
pub use optimizer_state::OptimizerState;
pub use sgd::Sgd;

use crate::engine::kernels::dispatch::{Kernel, dispatch};
use crate::engine::threads::{GRAIN, for_each_part};
use crate::engine::{Gradients, Parameters, Real, Role};
use crate::model::Bayesian;
use state::State;

/// An optimiser: updates a model's parameters by their gradients.
///
/// Its state belongs to one model, in that model's scalar type from the first step on. Use a new optimiser for another
/// model.
pub trait Optimizer {
    /// Takes one step, applies the buffers' updates, and consumes `gradients`: they then hold the values before the
    /// step, so that [`Gradients::undo`] can undo it.
    ///
    /// # Panics
    /// If `gradients` were made for a model with other parameters, or are empty, or [`check`](Optimizer::check) refuses
    /// the model. The model is then unchanged.
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>);

    /// Multiplies the initial learning rate by `factor` from the next step on, for a [`Schedule`](crate::Schedule).
    ///
    /// # Panics
    /// If the factor is negative or not finite.
    fn scale_rate(&mut self, factor: f64);

    /// Whether the tensor of this name is frozen: no step changes it. [`Elbo::fit`](crate::Elbo::fit) then keeps its initial
    /// value and discards its gradient before clipping.
    fn is_frozen(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Whether [`Elbo::fit`](crate::Elbo::fit) chooses what is not set, as with [`Adam::automatic`].
    fn is_automatic(&self) -> bool {
        false
    }

    /// Checks whether it can train `model`. [`Elbo::fit`](crate::Elbo::fit) calls it before the first step.
    ///
    /// # Errors
    /// What is wrong, and what to do: its settings are zero or infinite in the model's scalar type, or it has trained a
    /// model with other parameter shapes or another scalar type. Another model with the same shapes cannot be detected.
    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        let _ = model;
        Ok(())
    }

    /// Tells it the model, with its priors, and the number of examples, N. [`Elbo::fit`](crate::Elbo::fit) calls it before the
    /// first step, after [`check`](Optimizer::check). Provided: does nothing.
    ///
    /// # Errors
    /// Why it cannot train such a model, and what to do.
    fn begin<M: Bayesian>(&mut self, model: &M, examples: usize) -> Result<(), String> {
        let _ = (model, examples);
        Ok(())
    }

    /// Whether it needs the divergence in the loss, with the same weight in each step, as [`Ivon`] does, which keeps
    /// its estimates in the posterior's scales. [`Map`](crate::Map), whose loss has no divergence, and losses with
    /// another weight from step to step then refuse it. Provided: `false`.
    fn needs_divergence(&self) -> bool {
        false
    }

    /// Tells it the weight of the divergence in the loss of the next step, 1/N unless the loss is tempered or warms up.
    /// [`Elbo::fit`](crate::Elbo::fit) calls it before each step. Provided: does nothing.
    fn set_kl_weight(&mut self, weight: f64) {
        let _ = weight;
    }

    /// Writes its state and settings for a [checkpoint](crate::Elbo::checkpoint): everything that its next steps depend on. The
    /// tensors of the parameter `name` are best named `<what>/<name>`. Provided: an error, so that a training with a checkpoint is
    /// refused before its first step and no state is ever lost. An optimiser without state returns `Ok(())`.
    ///
    /// # Errors
    /// Why it cannot be saved.
    fn save_state<M: Parameters + ?Sized>(
        &self,
        model: &M,
        state: &mut OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let _ = (model, state);
        Err(format!(
            "the optimiser `{}` cannot be saved in a checkpoint; implement `Optimizer::save_state` and `load_state` for it",
            std::any::type_name::<Self>()
        ))
    }

    /// Replaces its state by one that [`save_state`](Optimizer::save_state) has written for the same model. Provided: an error.
    ///
    /// # Errors
    /// What is missing or does not fit. The state is then unchanged.
    fn load_state<M: Parameters + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let _ = (model, state);
        Err(format!("the optimiser `{}` does not implement `Optimizer::load_state`", std::any::type_name::<Self>()))
    }
}

/// The learning rate of `Adam::automatic` for the means of a weight of this shape, (outputs, inputs..) for a matrix.
pub(crate) fn rate_of_mean(shape: &[usize]) -> f64 {
    by_role::rate("", Role::Mean, shape).unwrap_or(by_role::MEANS)
}

/// The indices of the tensors that `optimizer` freezes.
pub(crate) fn frozen<T: Real>(optimizer: &impl Optimizer, gradients: &Gradients<T>) -> Vec<usize> {
    (0..gradients.tensors().len()).filter(|&index| optimizer.is_frozen(gradients.name(index))).collect()
}

/// Runs a kernel on corresponding parts of equally long slices, on several threads if they are long.
///
/// # Panics
/// If the slices differ in length.
#[track_caller]
fn over_parts<'a, T: Real, K: Kernel<Output = ()>, const N: usize>(
    slices: [&'a mut [T]; N],
    kernel: impl Fn([&'a mut [T]; N]) -> K + Sync,
) {
    let len = slices[0].len();
    assert!(
        slices.iter().all(|slice| slice.len() == len),
        "an optimiser's step needs slices of equal length, got lengths {:?}",
        slices.each_ref().map(|slice| slice.len())
    );
    // About four arrays are read or written for each element, so half the usual number of elements is worth a thread.
    for_each_part(slices, len, GRAIN / 2, 64, &|_, parts| dispatch(kernel(parts)));
}

fn check_rate(name: &str, rate: f64) -> Result<(), String> {
    if rate > 0.0 && rate.is_finite() {
        return Ok(());
    }
    Err(format!("{name}: the learning rate must be positive and finite, got {rate}"))
}

/// Checks that a factor of the learning rate is finite and at least 0.
#[track_caller]
fn check_factor(name: &str, factor: f64) {
    let fits = factor >= 0.0 && factor.is_finite();
    assert!(fits, "{name}: a factor of the learning rate must be finite and at least 0, got {factor}");
}
