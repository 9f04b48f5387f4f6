//! Sets the means of a model's posterior to given weights.

use crate::engine::{Order, Path, Real, Role, Tensor};
use crate::model::Bayesian;
use crate::weights::{Weights, WeightsError};

/// Sets the posterior means of `model`: [`Bayesian::set_means`].
pub(super) fn set_means<M: Bayesian + ?Sized>(model: &mut M, weights: &Weights<M::Scalar>) -> Result<(), WeightsError> {
    let weights = weights.constrained();
    let own = model.mean_weights();
    weights.check_like(&own).map_err(|mistake| WeightsError::Model { index: 0, mistake })?;
    let mut targets = Vec::new();
    model.visit(&Path::ROOT, &mut |path, role, tensor| {
        // A mean lies below its weight's name, and a deterministic weight has that name.
        let name = match role {
            Role::Mean => path.parent(),
            Role::Point => Some(path),
            Role::Scale | Role::Buffer => None,
        };
        let entry = name.and_then(|name| weights.entries().iter().position(|entry| entry.name.is(name)));
        let is_set = |&entry: &usize| {
            let wanted = &weights.entries()[entry].tensor;
            wanted.shape() == tensor.shape() && *wanted != own.entries()[entry].tensor
        };
        targets.push(entry.filter(is_set));
    });
    let order = Order::of(model);
    let mut before = Vec::new();
    order.each_mut(model, |index, _, tensor| {
        if let Some(entry) = targets[index] {
            before.push(tensor.clone());
            tensor.data_mut().copy_from_slice(weights.entries()[entry].tensor.data());
        }
    });
    let set = model.mean_weights();
    let wrong = set.entries().iter().zip(weights.entries()).find(|(set, wanted)| differ(&set.tensor, &wanted.tensor));
    let Some((_, wanted)) = wrong else { return Ok(()) };
    let name = wanted.name.to_string();
    let mut before = before.into_iter();
    order.each_mut(model, |index, _, tensor| {
        if let Some(old) = targets[index].and_then(|_| before.next()) {
            tensor.data_mut().copy_from_slice(old.data());
        }
    });
    Err(WeightsError::Mean { name })
}

/// Whether two tensors differ by more than rounding.
fn differ<T: Real>(a: &Tensor<T>, b: &Tensor<T>) -> bool {
    let tolerance = 1e-5;
    a.data().iter().zip(b.data()).any(|(a, b)| {
        let (a, b) = (a.to_f64(), b.to_f64());
        (a - b).abs() > tolerance * (1.0 + a.abs().max(b.abs()))
    })
}
