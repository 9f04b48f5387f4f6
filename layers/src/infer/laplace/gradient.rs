//! The log-likelihood of all data and its gradient, at any weights.

use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Gradients, Real, Tape};
use crate::infer::batch::Batch;
use crate::infer::laplace::mode::Mode;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::weights::Weights;

/// Groups of examples that are summed separately. A fixed number, so that sums have the same bits for any number of threads.
const GROUPS: usize = 16;

/// Examples on the tape at a time.
const ROWS: usize = 256;

/// Σ ln p(y | x, w) at these weights, in nats, and its gradient with respect to the chosen weights. Batches are added in double
/// precision, whatever the model's scalar type.
pub(super) fn log_likelihood<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    weights: &Weights<M::Scalar>,
) -> (f64, Vec<f64>)
where
    M: Bayesian + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let group = data.len().div_ceil(GROUPS);
    let groups = map_tasks(
        data.len().div_ceil(group),
        || (Batch::new(Tape::new(), data), Gradients::of(weights)),
        |(batch, gradients), task| {
            let (mut nats, mut slopes) = (0.0, vec![0.0; mode.chosen.len()]);
            let end = data.len().min((task + 1) * group);
            for first in (task * group..end).step_by(ROWS) {
                let rows: Vec<usize> = (first..end.min(first + ROWS)).collect();
                batch.gather(data, &rows);
                gradients.clear();
                let (_, nll) = batch.nll::<M>(likelihood, &mode.forward, |tape| mode.model.at(tape, weights));
                let share = -(rows.len() as f64);
                nats += share * nll.nats();
                batch.tape.backward(&[(nll.var(), M::Scalar::from_f64(share))], gradients);
                for weight in &mode.chosen.weights {
                    let of_batch = gradients.at(weight.index).unwrap_or_default();
                    let sums = slopes[weight.elements.clone()].iter_mut();
                    sums.zip(of_batch).for_each(|(sum, slope)| *sum += slope.to_f64());
                }
            }
            (nats, slopes)
        },
    );
    let mut sum = (0.0, vec![0.0; mode.chosen.len()]);
    for (nats, slopes) in groups {
        sum.0 += nats;
        sum.1.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
    }
    sum
}
