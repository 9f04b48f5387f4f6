//! The statistics of normalisations, made anew for given weights.

use std::ops::Range;

use crate::data::Targets;
use crate::engine::{Gradients, Order, Path, Real, Role, Tape, Tensor};
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;

/// Sets the buffers of `model` to what training at its present weights would bring them to: the mean of the batches' statistics.
///
/// A forward pass in training sets a buffer to (1 − m) times its value plus m times the batch's statistic. The mean of that over all
/// batches, from a buffer of zeros, and its slope, from one batch with a buffer of ones, give the fixed point. Buffers that no forward
/// pass sets, or not in this way, keep their values.
pub(super) fn renew<M: Bayesian>(
    model: &mut M,
    inputs: &Tensor<M::Scalar>,
    batch_size: usize,
    forward: &impl Outputs<M>,
) {
    let mut kept = Vec::new();
    model.visit(&Path::ROOT, &mut |_, role, tensor| kept.extend((role == Role::Buffer).then(|| tensor.clone())));
    if kept.is_empty() {
        return;
    }
    let batches = balanced(inputs.rows(), batch_size);
    fill(model, 1.0);
    let ones = updates(model, inputs, &batches[..1], forward);
    fill(model, 0.0);
    let zeros = updates(model, inputs, &batches[..1], forward);
    let means = updates(model, inputs, &batches, forward);
    let mut next = 0;
    Order::of(model).each_mut(model, |_, role, tensor| {
        if role != Role::Buffer {
            return;
        }
        let index = next;
        next += 1;
        tensor.data_mut().copy_from_slice(kept[index].data());
        let (Some(ones), Some(zeros), Some(means)) = (&ones[index], &zeros[index], &means[index]) else { return };
        let points = ones.iter().zip(zeros).zip(means).map(|((one, zero), mean)| {
            let slope = one.to_f64() - zero.to_f64();
            (slope.abs() < 1.0).then(|| mean.to_f64() / (1.0 - slope)).filter(|point| point.is_finite())
        });
        if let Some(points) = points.collect::<Option<Vec<f64>>>() {
            tensor.data_mut().iter_mut().zip(points).for_each(|(w, point)| *w = M::Scalar::from_f64(point));
        }
    });
}

/// Fills all buffers with a number.
fn fill<M: Bayesian>(model: &mut M, value: f64) {
    Order::of(model).each_mut(model, |_, role, tensor| {
        if role == Role::Buffer {
            tensor.data_mut().fill(M::Scalar::from_f64(value));
        }
    });
}

/// The mean over these batches of the values that a forward pass in training sets each buffer to; `None` if it does not.
fn updates<M: Bayesian>(
    model: &M,
    inputs: &Tensor<M::Scalar>,
    batches: &[Range<usize>],
    forward: &impl Outputs<M>,
) -> Vec<Option<Vec<M::Scalar>>> {
    let (mut gradients, mut tape, mut rows) = (Gradients::of(model), Tape::new(), inputs.empty_like());
    for batch in batches {
        inputs.gather(&batch.clone().collect::<Vec<_>>(), &mut rows);
        tape.reset();
        // A backward pass collects the buffers' new values; of what does not matter.
        forward.outputs(model.mean(&tape), tape.input(&rows)).sum().backward(&mut gradients);
    }
    let (mut found, mut index) = (Vec::new(), 0);
    model.visit(&Path::ROOT, &mut |_, role, _| {
        if role == Role::Buffer {
            found.push(gradients.at(index).map(<[_]>::to_vec));
        }
        index += 1;
    });
    found
}

/// The rows 0..`rows` in as few batches of at most `size` rows as possible, whose sizes differ by at most one.
fn balanced(rows: usize, size: usize) -> Vec<Range<usize>> {
    let batches = rows.div_ceil(size.max(1));
    (0..batches).map(|batch| (batch * rows / batches)..((batch + 1) * rows / batches)).collect()
}
