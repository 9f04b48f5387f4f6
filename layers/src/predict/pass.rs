//! The passes over rows: to outputs, to what is predicted, to log-likelihoods.

use super::rows::Fault;
use super::{Outputs, Predictive, Rows};
use crate::data::{Examples, Targets};
use crate::likelihood::check_examples;
use crate::outputs::Outputs as Forwards;
use crate::samples::ScalarOf;
use crate::{Likelihood, LogLikelihood, Real, Samples, Tensor, TrainError};

/// Bytes of outputs that are held at a time on the way to what is predicted.
const OUTPUTS: usize = 1 << 26;

/// The outputs of all draws.
#[track_caller]
pub(super) fn outputs<S: Samples, F: Forwards<S::Model> + Sync>(
    samples: &S,
    forward: &F,
    x: &Tensor<ScalarOf<S>>,
) -> Outputs<ScalarOf<S>> {
    outputs_of_rows(&Rows::new(samples, forward, x), 0..x.rows(), |output| output.iter().all(|y| y.is_finite()))
}

/// What `likelihood` predicts.
#[track_caller]
pub(super) fn predict<S: Samples, F: Forwards<S::Model> + Sync, L: Likelihood<ScalarOf<S>>>(
    samples: &S,
    forward: &F,
    likelihood: &L,
    x: &Tensor<ScalarOf<S>>,
) -> L::Predictive {
    let rows = Rows::new(samples, forward, x);
    let each = rows.width().unwrap_or(0) * samples.count() * size_of::<ScalarOf<S>>();
    let part =
        if samples.in_one_batch() { x.rows() } else { (OUTPUTS / each.max(1)).max(rows.at_once()).min(x.rows()) };
    let predicted = (0..x.rows()).step_by(part).map(|from| {
        let outputs = outputs_of_rows(&rows, from..x.rows().min(from + part), |output| likelihood.allows(output));
        likelihood.predictive(&outputs)
    });
    predicted
        .reduce(|mut all, rows| {
            all.append(rows);
            all
        })
        .expect("there are rows")
}

#[track_caller]
fn outputs_of_rows<S: Samples, F: Forwards<S::Model> + Sync>(
    rows: &Rows<'_, S, F>,
    range: std::ops::Range<usize>,
    allows: impl Fn(&[ScalarOf<S>]) -> bool + Sync,
) -> Outputs<ScalarOf<S>> {
    type Group<T> = (Vec<usize>, Vec<T>);
    let groups: Vec<Result<Group<ScalarOf<S>>, Fault>> = rows.map_groups(|tape, group| {
        let (mut axes, mut values) = (Vec::new(), Vec::new());
        rows.for_each(tape, group.clone(), range.clone(), |part, output| {
            let width = output.len() / part.len();
            if values.is_empty() {
                axes = output.shape()[1..].to_vec();
                values = vec![ScalarOf::<S>::ZERO; group.len() * range.len() * width];
            }
            // What does not depend on the draw stands for all of them.
            let of_draws = output.value().chunks_exact((part.len() * width).max(1)).cycle();
            for (draw, of_draw) in of_draws.take(group.len()).enumerate() {
                let to = (draw * range.len() + part.start - range.start) * width;
                values[to..to + part.len() * width].copy_from_slice(of_draw);
                if let Some(row) = of_draw.chunks_exact(width.max(1)).position(|row| !allows(row)) {
                    return Err(Fault::NotFinite { row: part.start + row, draw: group.start + draw });
                }
            }
            Ok(())
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
                    // Of one group, as of one row in a service, nothing is copied.
                    all = values;
                } else {
                    all.extend(values);
                }
            }
            Err(fault) => fault.raise(),
        }
    }
    Outputs::new(Tensor::new(shape, all))
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
    let rows = Rows::new(samples, forward, data.inputs());
    likelihood.check(&rows.axes(), data.targets()).map_err(TrainError::Targets)?;
    let groups = rows.map_groups(|tape, group| {
        let mut held = data.targets().empty_like();
        let mut nats = vec![0.0; group.len() * data.len()];
        let result = rows.for_each(tape, group.clone(), 0..data.len(), |part, output| {
            let indices: Vec<usize> = part.clone().collect();
            data.gather_targets(&indices, &mut held);
            let each = likelihood.log_likelihood(output, &held);
            check_examples::<L>(each.shape(), part.len());
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
            Err(fault) => fault.raise(),
        }
    }
    Ok(LogLikelihood::new(data.len(), nats))
}
