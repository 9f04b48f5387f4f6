//! The generalised Gauss-Newton matrix, in one pass over the data.

use crate::data::Examples;
use crate::engine::Real;
use crate::engine::threads::map_tasks;
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::blocks::Summed;
use crate::infer::laplace::jacobian::Jacobian;
use crate::infer::laplace::mode::Mode;
use crate::infer::laplace::output_hessian::output_hessians;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;

/// Adds Jᵀ H J of all examples to the blocks.
///
/// # Errors
/// [`LaplaceError::NotFinite`] if outputs or H are not finite.
pub(super) fn gauss_newton<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    blocks: &mut [Summed],
) -> Result<(), LaplaceError>
where
    M: Bayesian + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let [at_once, together] = mode.at_once();
    let batches = data.len().div_ceil(at_once);
    for first in (0..batches).step_by(together) {
        let parts = map_tasks(
            together.min(batches - first),
            || data.empty_minibatch(),
            |batch, task| {
                let start = (first + task) * at_once;
                data.gather(&(start..data.len().min(start + at_once)).collect::<Vec<_>>(), batch);
                let jacobian = mode.jacobian(batch.inputs());
                let hessians = output_hessians(likelihood, batch.observed(), &jacobian.values);
                (jacobian, hessians)
            },
        );
        for (jacobian, hessians) in &parts {
            check_finite(jacobian, hessians)?;
            for block in &mut *blocks {
                block.sum.add(jacobian, block.weights.clone(), hessians);
            }
        }
    }
    Ok(())
}

fn check_finite<T: Real>(jacobian: &Jacobian<T>, hessians: &[f64]) -> Result<(), LaplaceError> {
    let bad = |what: &str| Err(LaplaceError::NotFinite { what: what.to_owned() });
    if jacobian.values.data().iter().any(|y| y.is_nan()) {
        return bad("the model's output");
    }
    if !hessians.iter().all(|x| x.is_finite()) {
        return bad("the second derivative of the log-likelihood with respect to the model's output");
    }
    Ok(())
}
