//! The weights from which chains and particles start.

use crate::engine::Key;
use crate::model::Bayesian;
use crate::posterior::redraw_unchanged;
use crate::weights::{Weights, WeightsError};

/// The unconstrained weights from which the chain or the particle `index` starts: those of `given` in turn, or a draw
/// of the model's posterior, with noise from `key`. Matrices of means that still have their constructor's values are
/// then drawn as [`Bayesian::initialise`] does, so that starts are apart.
///
/// # Errors
/// If the given weights do not fit the model.
pub(in crate::infer) fn start_weights<M: Bayesian>(
    model: &M,
    given: &[Weights<M::Scalar>],
    index: usize,
    key: Key,
) -> Result<Weights<M::Scalar>, WeightsError> {
    let means = model.mean_weights();
    if !given.is_empty() {
        let index = index % given.len();
        let start = &given[index];
        start.check_like(&means).map_err(|mistake| WeightsError::Model { index, mistake })?;
        return start.unconstrained();
    }
    let key = key.at("start").index(index);
    let (mut initial, mut start) = (means, model.draw_weights(key));
    let redrawn = redraw_unchanged(&mut initial, key, |_| false);
    start.copy_entries(&initial, &redrawn);
    start.unconstrained()
}
