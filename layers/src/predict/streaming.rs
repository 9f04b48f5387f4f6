//! Streams the rows of an input through a model: to outputs, to predictions, to log-likelihoods.

use std::ops::Range;

use super::RowBatches;
use super::row_batches::OutputError;
use crate::data::{Examples, Targets};
use crate::engine::{Real, Tensor, Var};
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::forward_by::Outputs as Forwards;
use crate::predict::LogLikelihood;
use crate::predictive::{Outputs, Predictive};
use crate::samples::Samples;
use crate::samples::ScalarOf;
use crate::spans::span;

/// The most bytes of outputs held at a time while predicting.
const OUTPUTS: usize = 1 << 26;

/// The outputs of all draws.
#[track_caller]
pub(super) fn outputs<S: Samples, F: Forwards<S::Model> + Sync>(
    samples: &S,
    forward: &F,
    x: &Tensor<ScalarOf<S>>,
) -> Outputs<ScalarOf<S>> {
    span!(INFO, "predict", rows = x.rows(), draws = samples.count());
    outputs_of_rows(&RowBatches::new(samples, forward, x), 0..x.rows(), |output| output.iter().all(|y| y.is_finite()))
}

/// The predictive distribution of `likelihood` for all rows.
#[track_caller]
pub(super) fn predict<S: Samples, F: Forwards<S::Model> + Sync, L: Likelihood<ScalarOf<S>>>(
    samples: &S,
    forward: &F,
    likelihood: &L,
    x: &Tensor<ScalarOf<S>>,
) -> L::Predictive {
    span!(INFO, "predict", draws = samples.count());
    predict_in_parts(samples, forward, likelihood, x, OUTPUTS)
}

/// [`predict`], with at most `bytes` bytes of outputs held at a time.
#[track_caller]
fn predict_in_parts<S: Samples, F: Forwards<S::Model> + Sync, L: Likelihood<ScalarOf<S>>>(
    samples: &S,
    forward: &F,
    likelihood: &L,
    x: &Tensor<ScalarOf<S>>,
    bytes: usize,
) -> L::Predictive {
    let rows = RowBatches::new(samples, forward, x).taking_moments(likelihood.takes_moments());
    let each = rows.width().unwrap_or(0) * samples.count() * size_of::<ScalarOf<S>>();
    let part = if samples.in_one_batch() { x.rows() } else { (bytes / each.max(1)).max(rows.at_once()).min(x.rows()) };
    let predicted = (0..x.rows()).step_by(part).map(|from| {
        let outputs = outputs_of_rows(&rows, from..x.rows().min(from + part), |output| likelihood.allows(output));
        likelihood.predictive(&outputs)
    });
    L::Predictive::join(predicted.collect())
}

#[track_caller]
fn outputs_of_rows<S: Samples, F: Forwards<S::Model> + Sync>(
    rows: &RowBatches<'_, S, F>,
    range: Range<usize>,
    allows: impl Fn(&[ScalarOf<S>]) -> bool + Sync,
) -> Outputs<ScalarOf<S>> {
    type Group<T> = (Vec<usize>, Vec<T>);
    let groups: Vec<Result<Group<ScalarOf<S>>, OutputError>> = rows.map_groups(|tape, group| {
        let (mut axes, mut values) = (Vec::new(), Vec::new());
        rows.for_each(tape, group.clone(), range.clone(), |part, output| {
            let width = output.len() / part.len();
            if values.is_empty() {
                axes = output.shape()[1..].to_vec();
                values = vec![ScalarOf::<S>::ZERO; group.len() * range.len() * width];
            }
            // An output that does not depend on the draw is repeated for all draws.
            let of_draws = output.value().chunks_exact((part.len() * width).max(1)).cycle();
            for (draw, of_draw) in of_draws.take(group.len()).enumerate() {
                let to = (draw * range.len() + part.start - range.start) * width;
                values[to..to + part.len() * width].copy_from_slice(of_draw);
            }
            check_values(output, &part, &group, &allows)
        })?;
        Ok((axes, values))
    });
    let mut all = Vec::new();
    let mut shape = vec![rows.count_of_draws(), range.len()];
    for (index, group) in groups.into_iter().enumerate() {
        match group {
            Ok((axes, values)) => {
                if index == 0 {
                    shape.extend(axes);
                    // A single group, as for one row in a service, is not copied.
                    all = values;
                } else {
                    all.extend(values);
                }
            }
            Err(error) => error.raise(),
        }
    }
    Outputs::new(Tensor::new(shape, all))
}

/// Checks the outputs of these rows with `allows`.
///
/// # Errors
/// The first row and draw that fails.
fn check_values<T: Real>(
    output: Var<'_, T>,
    rows: &Range<usize>,
    group: &Range<usize>,
    allows: impl Fn(&[T]) -> bool,
) -> Result<(), OutputError> {
    let width = output.len() / rows.len();
    match output.value().chunks_exact(width.max(1)).position(|row| !allows(row)) {
        None => Ok(()),
        Some(at) => {
            Err(OutputError::NotFinite { row: rows.start + at % rows.len(), draw: group.start + at / rows.len() })
        }
    }
}

/// The log-likelihood of each example under each draw.
#[track_caller]
pub(super) fn log_likelihood<S, F, L>(
    samples: &S,
    forward: &F,
    likelihood: &L,
    data: &Examples<ScalarOf<S>, L::Targets>,
) -> Result<LogLikelihood, TrainError>
where
    S: Samples,
    F: Forwards<S::Model> + Sync,
    L: Likelihood<ScalarOf<S>>,
    L::Targets: Sync,
{
    let rows = RowBatches::new(samples, forward, data.inputs()).taking_moments(likelihood.takes_moments());
    likelihood.check(&rows.axes(), data.targets()).map_err(TrainError::Targets)?;
    let groups = rows.map_groups(|tape, group| {
        let mut observed = data.observed().empty_like();
        let mut nats = vec![0.0; group.len() * data.len()];
        let result = rows.for_each(tape, group.clone(), 0..data.len(), |part, output| {
            check_values(output, &part, &group, |row| likelihood.allows(row))?;
            let indices: Vec<usize> = part.clone().collect();
            data.observed().gather(&indices, &mut observed);
            let each = observed.log_likelihood(likelihood, output);
            let of_draws = each.value().chunks_exact(each.len()).cycle();
            for (draw, of_draw) in of_draws.take(group.len()).enumerate() {
                let examples = of_draw.chunks_exact(each.len() / part.len());
                let to = &mut nats[draw * data.len()..][part.clone()];
                to.iter_mut().zip(examples).for_each(|(nats, each)| *nats = each.iter().map(|x| x.to_f64()).sum());
            }
            Ok(())
        });
        result.map(|()| nats)
    });
    let mut nats = Vec::with_capacity(samples.count() * data.len());
    for group in groups {
        match group {
            Ok(group) => nats.extend(group),
            Err(error) => error.raise(),
        }
    }
    Ok(LogLikelihood::new(data.len(), nats))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::forward_by::Own;
    use crate::prelude::*;

    #[test]
    fn predictions_in_parts_equal_the_prediction_of_all_rows() {
        let model = Dense::new(2, 3).initial_sd(4000.0);
        let x = Tensor::from_fn([1000, 2], |i| (i as f64).sin());
        let samples = model.posterior(Draws(3));
        let parts = |bytes: usize| predict_in_parts(&samples, &Own, &Categorical, &x, bytes);
        let whole = parts(usize::MAX);
        assert_eq!(parts(1), whole);
        let labels: Vec<usize> = (0..1000).map(|i| i % 3).collect();
        assert!(
            whole.mean().contains(&0.0) && whole.nll(&labels).is_finite(),
            "the test needs probabilities that underflow"
        );
        let noise = Gaussian::new(0.5);
        let numbers = |bytes: usize| predict_in_parts(&samples, &Own, &noise, &x, bytes);
        assert_eq!(numbers(1), numbers(usize::MAX));
    }
}
