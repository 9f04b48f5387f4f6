//! Batch normalisation, with the batch's statistics (training) or with given ones (evaluation).

mod normalize;
mod statistics;

use normalize::{adjoint_of_input, normalize};
use statistics::Moments;

use crate::kernels::dispatch::dispatch;
use crate::kernels::normalize::{Extent, Keep, Kept, Per, Statistics, channel_sums};
use crate::ops::norm_affine::{Scaling, accumulate_scaling, check_eps, inputs, is_wanted};
use crate::threads::Rows;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Tensor, Var};

/// Running mean and variance of every channel, accumulated in training for use in evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Running<'t, T: Real = f32> {
    /// The mean of every channel.
    pub mean: &'t Tensor<T>,
    /// The variance of every channel, with the divisor n − 1.
    pub variance: &'t Tensor<T>,
    /// The weight of the newest batch.
    pub momentum: f64,
}

impl<'t, T: Real> Var<'t, T> {
    /// Batch normalisation of x (batch, channels, ..) in training: subtracts each channel's mean over the batch and all
    /// further axes, and divides by √(variance + `eps`), with the divisor n for the variance; then multiplies by a
    /// weight and adds a bias per channel, if given (Ioffe and Szegedy 2015).
    ///
    /// With `running` statistics, (1 − momentum) · old + momentum · batch is recorded as their update
    /// ([`Tape::update`](crate::Tape::update)), which the optimiser applies; there, the batch's variance has the
    /// divisor n − 1.
    ///
    /// # Panics
    /// If x does not have this shape, a channel has fewer than two elements, the shape of a parameter or statistic does
    /// not match, `eps` is negative or the momentum is not in 0..=1.
    #[track_caller]
    pub fn batch_norm(self, scaling: impl Scaling<'t, T>, running: Option<Running<'t, T>>, eps: f64) -> Var<'t, T> {
        let extent = extent("batch_norm", self.shape());
        let x = self.shape();
        assert!(
            extent.batch * extent.spatial >= 2 || extent.channels == 0,
            "batch_norm: x of shape {x:?} has {} element(s) per channel; training needs at least 2",
            extent.batch * extent.spatial
        );
        check_eps("batch_norm", eps);
        let channels = [extent.channels];
        let inputs = inputs("batch_norm", self, scaling, &channels);
        if let Some(Running { mean, variance, momentum }) = running {
            assert!(
                mean.shape() == channels && variance.shape() == channels,
                "batch_norm: x of shape {x:?} needs running statistics of shape {channels:?}; the mean has shape {:?} and \
                 the variance {:?}",
                mean.shape(),
                variance.shape()
            );
            assert!((0.0..=1.0).contains(&momentum), "batch_norm: the momentum must be in 0..=1, got {momentum}");
        }
        let updated = [if running.is_some() { extent.channels } else { 0 }];
        let operation = BatchNorm { extent, eps, running };
        let [y, _, mean, variance] =
            self.tape().record(operation, &inputs, [x, &[3, extent.channels], &updated, &updated]);
        // Empty buffers have no unique address, and no elements to update.
        if let Some(running) = running.filter(|_| extent.channels > 0) {
            self.tape().update(running.mean, mean);
            self.tape().update(running.variance, variance);
        }
        y
    }

    /// Batch normalisation of x (batch, channels, ..) with given statistics of every channel, as in evaluation: (x −
    /// mean) / √(variance + `eps`), then as [`batch_norm`](Var::batch_norm). Mean and variance are constants: they get
    /// no gradient. Examples do not influence each other.
    ///
    /// # Panics
    /// If x does not have this shape, another shape does not match, a statistic has several draws, or `eps` is
    /// negative.
    #[track_caller]
    pub fn batch_norm_with(
        self,
        scaling: impl Scaling<'t, T>,
        mean: Var<'t, T>,
        variance: Var<'t, T>,
        eps: f64,
    ) -> Var<'t, T> {
        let extent = extent("batch_norm_with", self.shape());
        check_eps("batch_norm_with", eps);
        let channels = [extent.channels];
        let inputs = inputs("batch_norm_with", self, scaling, &channels);
        assert!(
            mean.shape() == channels && variance.shape() == channels,
            "batch_norm_with: x of shape {:?} needs statistics of shape {channels:?}; the mean has shape {:?} and the \
             variance {:?}",
            self.shape(),
            mean.shape(),
            variance.shape()
        );
        for (name, statistic) in [("mean", mean), ("variance", variance)] {
            assert!(
                statistic.draws() == 1,
                "batch_norm_with: the {name} of shape {channels:?} has {} draws; expected 1, as statistics are constants",
                statistic.draws()
            );
        }
        let operation = GivenNorm { extent, eps, mean: mean.value(), variance: variance.value() };
        self.tape().record(operation, &inputs, [self.shape(), &[3, extent.channels]])[0]
    }
}

#[track_caller]
fn extent(name: &str, x: &[usize]) -> Extent {
    let Some((&[batch, channels], spatial)) = x.split_first_chunk() else {
        panic!("{name}: x of shape {x:?}; expected (batch, channels, ..)");
    };
    Extent { batch, channels, spatial: spatial.iter().product() }
}

/// The second output, the channels' statistics, is kept for the adjoint; the new running statistics follow.
#[derive(Clone, Copy)]
struct BatchNorm<'t, T: Real> {
    extent: Extent,
    eps: f64,
    running: Option<Running<'t, T>>,
}

impl<T: Real> Operation<T> for BatchNorm<'_, T> {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let extent = self.extent;
        let x = io.input(0).data;
        let affine = std::array::from_fn(|k| (k + 1 < io.inputs()).then(|| io.input(k + 1).data));
        let scratch = io.scratch(2 * extent.channels);
        let [out, kept, mean, variance] = io.outputs();
        let updated = self.running.map(|_| (Rows::new(mean, 1), Rows::new(variance, 1)));
        extent.for_each_part((Keep::new(kept), updated), &|channels, (keep, updated)| {
            let updated = self.running.zip(updated).map(|(of, (mean, variance))| (of, mean.data, variance.data));
            dispatch(Moments { extent, eps: self.eps, x, channels, keep, updated });
        });
        normalize(extent, Kept::new(kept), affine, x, out, scratch);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let extent = self.extent;
        let x = io.input(0).data;
        let kept = Kept::new(io.output(1).data);
        let Some(g) = io.upstream(0) else {
            // The value is unused; the running statistics have no adjoint.
            return;
        };
        let sums = io.scratch(2 * extent.channels);
        channel_sums(extent, Per::Channel, kept, x, g, sums);
        adjoint_of_input(extent, kept, sums, x, g, io);
        accumulate_scaling(io, sums);
    }
}

/// Batch normalisation with given statistics; the second output holds them in the kernels' form.
#[derive(Clone, Copy)]
struct GivenNorm<'t, T> {
    extent: Extent,
    eps: f64,
    mean: &'t [T],
    variance: &'t [T],
}

impl<T: Real> Operation<T> for GivenNorm<'_, T> {
    fn name(&self) -> &'static str {
        "batch_norm_with"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let numbers = |x: &[T]| x.iter().map(|x| x.to_f64()).collect();
        Some(Description::BatchNormalization {
            mean: numbers(self.mean),
            variance: numbers(self.variance),
            eps: self.eps,
        })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let affine = std::array::from_fn(|k| (k + 1 < io.inputs()).then(|| io.input(k + 1).data));
        let scratch = io.scratch(2 * self.extent.channels);
        let [out, kept] = io.outputs();
        let mut keep = Keep::new(kept);
        for (c, (mean, variance)) in self.mean.iter().zip(self.variance).enumerate() {
            keep.set(c, Statistics::around(mean.to_f64()).scaled(variance.to_f64(), self.eps));
        }
        normalize(self.extent, Kept::new(kept), affine, x, out, scratch);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0).data;
        let kept = Kept::new(io.output(1).data);
        let Some(g) = io.upstream(0) else {
            unreachable!("the second output is private");
        };
        // The statistics do not depend on x, so they contribute nothing to its adjoint.
        adjoint_of_input(self.extent, kept, &[], x, g, io);
        if is_wanted(io) {
            let sums = io.scratch(2 * self.extent.channels);
            channel_sums(self.extent, Per::Channel, kept, x, g, sums);
            accumulate_scaling(io, sums);
        }
    }
}
