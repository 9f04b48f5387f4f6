//! The numbers that a point estimate consists of, one after another: posterior means and deterministic weights.

use crate::engine::{Order, Path, Real, Role};
use crate::model::Bayesian;

fn is_part(role: Role) -> bool {
    matches!(role, Role::Mean | Role::Point)
}

/// Reads the estimate of a model.
pub(super) fn read<M: Bayesian>(model: &M) -> Vec<f64> {
    let mut values = Vec::new();
    model.visit(&Path::ROOT, &mut |_, role, tensor| {
        if is_part(role) {
            values.extend(tensor.data().iter().map(|value| value.to_f64()));
        }
    });
    values
}

/// Sets the estimate of a model to `value` of each index.
///
/// # Panics
/// If the model's `visit` and `visit_mut` differ.
pub(super) fn write<M: Bayesian>(model: &mut M, mut value: impl FnMut(usize) -> f64) {
    let mut next = 0;
    Order::of(model).each_mut(model, |_, role, tensor| {
        if is_part(role) {
            for element in tensor.data_mut() {
                *element = M::Scalar::from_f64(value(next));
                next += 1;
            }
        }
    });
}

/// The indices of the estimate's tensors in the model's walk, with whether an optimiser moves them.
pub(super) fn tensors<M: Bayesian>(model: &M, is_frozen: impl Fn(&str) -> bool) -> Vec<(usize, bool)> {
    let (mut found, mut index) = (Vec::new(), 0);
    model.visit(&Path::ROOT, &mut |path, role, _| {
        if is_part(role) {
            found.push((index, !is_frozen(&path.to_string())));
        }
        index += 1;
    });
    found
}
