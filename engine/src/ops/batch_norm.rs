//! Normalisation over a batch, with the batch's own statistics or with given ones.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::map_slices;
use crate::kernels::normalize::{
    Back, BackEach, Extent, Keep, Kept, Normalized, NormalizedEach, Per, Square, Statistics, WIDTH, channel_sums,
};
use crate::kernels::reduce::{Same, sum_slices};
use crate::ops::norm_affine::{Scaling, check_eps, inputs, is_wanted, pass_on};
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Evaluation, Operation, Real, Tensor, Var};

/// Mean and variance of every channel, gathered over the batches of training for use without a batch.
#[derive(Clone, Copy, Debug)]
pub struct Running<'t, T: Real = f32> {
    /// The mean of every channel.
    pub mean: &'t Tensor<T>,
    /// The variance of every channel, with the divisor n − 1.
    pub variance: &'t Tensor<T>,
    /// The share of the newest batch.
    pub momentum: f64,
}

impl<'t, T: Real> Var<'t, T> {
    /// Batch normalisation of x (batch, channels, ..) in training: every channel minus its mean over the batch and all
    /// further axes, divided by √(variance + `eps`), with the mean square deviation as the variance; then times a weight
    /// and plus a bias of every channel, if there are some (Ioffe and Szegedy 2015).
    ///
    /// With `running` statistics, (1 − momentum) · old + momentum · batch is noted as their update
    /// ([`Tape::update`](crate::Tape::update)), for the optimiser to apply; the batch's variance has the divisor n − 1 there.
    ///
    /// # Panics
    /// If x has not this shape, a channel has fewer than two elements, a shape differs, `eps` is negative or the momentum
    /// not in 0..=1.
    #[track_caller]
    pub fn batch_norm(self, scaling: impl Scaling<'t, T>, running: Option<Running<'t, T>>, eps: f64) -> Var<'t, T> {
        let extent = extent("batch_norm", self.shape());
        let x = self.shape();
        assert!(
            extent.batch * extent.spatial >= 2 || extent.channels == 0,
            "batch_norm: x of shape {x:?} has {} element(s) in a channel; a variance in training needs at least 2",
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
            assert!((0.0..=1.0).contains(&momentum), "batch_norm: the momentum is {momentum}; it must be in 0..=1");
        }
        let updated = [if running.is_some() { extent.channels } else { 0 }];
        let operation = BatchNorm { extent, eps, running };
        let [y, _, mean, variance] =
            self.tape().record(operation, &inputs, [x, &[3, extent.channels], &updated, &updated]);
        // Empty buffers have no address to be found by, and nothing to take.
        if let Some(running) = running.filter(|_| extent.channels > 0) {
            self.tape().update(running.mean, mean);
            self.tape().update(running.variance, variance);
        }
        y
    }

    /// Batch normalisation of x (batch, channels, ..) with given statistics of every channel, as after training:
    /// (x − mean) / √(variance + `eps`), then as [`batch_norm`](Var::batch_norm). Mean and variance are constants: nothing
    /// is passed back to them. Examples do not influence each other.
    ///
    /// # Panics
    /// If x has not this shape, a shape differs, a statistic stands for several draws, or `eps` is negative.
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
                "batch_norm_with: the {name} of shape {channels:?} stands for {} draws; expected one, as statistics are \
                 constants",
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

/// The second output, the channels' statistics, is kept for the adjoint; then come the new running statistics.
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
            // Nothing depends on the value; the running statistics have no way back.
            return;
        };
        let sums = io.scratch(2 * extent.channels);
        channel_sums(extent, Per::Channel, kept, x, g, sums);
        pass_back(extent, kept, sums, x, g, io);
        pass_on(io, sums);
    }
}

/// With given statistics; the second output is them as the kernels want them.
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
            unreachable!("nobody else has the second output");
        };
        // The statistics do not depend on x: no sums come back through them.
        pass_back(self.extent, kept, &[], x, g, io);
        if is_wanted(io) {
            let sums = io.scratch(2 * self.extent.channels);
            channel_sums(self.extent, Per::Channel, kept, x, g, sums);
            pass_on(io, sums);
        }
    }
}

/// Mean and variance of some channels.
struct Moments<'a, T: Real> {
    extent: Extent,
    eps: f64,
    x: &'a [T],
    channels: Range<usize>,
    keep: Keep<'a, T>,
    updated: Option<(Running<'a, T>, &'a mut [T], &'a mut [T])>,
}

impl<T: Real> Kernel for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let Extent { batch, channels, spatial } = self.extent;
        let count = (batch * spatial) as f64;
        if spatial != 1 {
            for c in self.channels.clone() {
                let x = self.x;
                let segments = || (0..batch).map(|n| &x[self.extent.segment(n, c)]);
                let mut sum = 0.0;
                for x in segments() {
                    sum += sum_slices::<S, T, _, 1>(Same, [x]);
                }
                let around = Statistics::around(sum / count);
                let mut squares = 0.0;
                for x in segments() {
                    squares += sum_slices::<S, T, _, 1>(Square(around), [x]);
                }
                self.set(c, around, sum / count, squares);
            }
            return;
        }
        let mut from = self.channels.start;
        while from < self.channels.end {
            let to = self.channels.end.min(from + WIDTH);
            let rows = || self.x.chunks_exact(channels).map(|row| &row[from..to]);
            let mut sums = [0.0; WIDTH];
            for row in rows() {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
            }
            let mut around = [Statistics::around(0.0); WIDTH];
            for (around, sum) in around.iter_mut().zip(sums) {
                *around = Statistics::around(sum / count);
            }
            let mut squares = [0.0; WIDTH];
            for row in rows() {
                for ((sum, &x), around) in squares.iter_mut().zip(row).zip(&around) {
                    let centred = around.centre(x);
                    *sum += (centred * centred).to_f64();
                }
            }
            for i in 0..to - from {
                self.set(from + i, around[i], sums[i] / count, squares[i]);
            }
            from = to;
        }
    }
}

impl<T: Real> Moments<'_, T> {
    #[inline(always)]
    fn set(&mut self, channel: usize, around: Statistics<T>, mean: f64, squares: f64) {
        let count = (self.extent.batch * self.extent.spatial) as f64;
        let i = channel - self.channels.start;
        self.keep.set(i, around.scaled(squares / count, self.eps));
        if let Some((running, means, variances)) = &mut self.updated {
            let step = |old: T, new: f64| T::from_f64(old.to_f64() + running.momentum * (new - old.to_f64()));
            means[i] = step(running.mean.data()[channel], mean);
            variances[i] = step(running.variance.data()[channel], squares / (count - 1.0));
        }
    }
}

/// Calls `visit` with ranges of examples where channels lie side by side, otherwise of examples' channels, and with these
/// parts of `out`.
fn for_each_piece<'a, T: Real>(extent: Extent, out: &'a mut [T], visit: &(dyn Fn(Range<usize>, Rows<'a, T>) + Sync)) {
    let (pieces, each) = match extent.spatial {
        1 => (extent.batch, extent.channels),
        spatial => (extent.batch * extent.channels, spatial),
    };
    for_each_part(Rows::new(out, each), pieces, GRAIN.div_ceil(each.max(1)), 1, visit);
}

/// (x − mean) · factor · w + b for every channel.
fn normalize<T: Real>(
    extent: Extent,
    kept: Kept<'_, T>,
    [w, b]: [Option<&[T]>; 2],
    x: &[T],
    out: &mut [T],
    scratch: &mut [T],
) {
    let (a, shift) = scratch.split_at_mut(extent.channels);
    for c in 0..extent.channels {
        a[c] = kept.factor[c] * w.map_or(T::ONE, |w| w[c]);
        shift[c] = b.map_or(T::ZERO, |b| b[c]);
    }
    let (a, shift) = (&*a, &*shift);
    let each = if extent.spatial == 1 { extent.channels } else { extent.spatial };
    for_each_piece(extent, out, &|pieces, out| {
        let x = &x[pieces.start * each..pieces.end * each];
        dispatch(Normalize { extent, kept, a, shift, first: pieces.start, x, out: out.data });
    });
}

struct Normalize<'a, T> {
    extent: Extent,
    kept: Kept<'a, T>,
    a: &'a [T],
    shift: &'a [T],
    /// The number of the first piece.
    first: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Normalize<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Normalize { extent, kept, a, shift, first, x, out } = self;
        if x.is_empty() {
            return;
        }
        if extent.spatial == 1 {
            for (x, out) in x.chunks_exact(extent.channels).zip(out.chunks_exact_mut(extent.channels)) {
                map_slices::<S, T, _, 5>(NormalizedEach, [x, kept.high, kept.low, a, shift], out, Write::Store);
            }
            return;
        }
        let pieces = x.chunks_exact(extent.spatial).zip(out.chunks_exact_mut(extent.spatial));
        for (i, (x, out)) in pieces.enumerate() {
            let c = (first + i) % extent.channels;
            let normalized = Normalized { of: Statistics { factor: T::ONE, ..kept.at(c) }, w: a[c], b: shift[c] };
            map_slices::<S, T, _, 1>(normalized, [x], out, Write::Store);
        }
    }
}

/// The way back to x: through the statistics too, if there are `sums` of g and of g x̂ for every channel.
fn pass_back<T: Real>(extent: Extent, kept: Kept<'_, T>, sums: &[T], x: &[T], g: &[T], io: &mut Adjoints<'_, T>) {
    if !io.is_wanted(0) {
        return;
    }
    let w = (io.inputs() > 1).then(|| io.input(1).data);
    let channels = extent.channels;
    let (a, rest) = io.scratch(3 * channels).split_at_mut(channels);
    let (slope, shift) = rest.split_at_mut(channels);
    let count = (extent.batch * extent.spatial) as f64;
    for c in 0..channels {
        a[c] = kept.factor[c] * w.map_or(T::ONE, |w| w[c]);
        let [plain, scaled] = if sums.is_empty() { [0.0; 2] } else { [sums[c], sums[channels + c]].map(T::to_f64) };
        let through = -a[c].to_f64() / count;
        shift[c] = T::from_f64(through * plain);
        slope[c] = T::from_f64(through * scaled * kept.factor[c].to_f64());
    }
    let (a, slope, shift) = (&*a, &*slope, &*shift);
    let each = if extent.spatial == 1 { channels } else { extent.spatial };
    io.accumulate(0, |target, write| {
        for_each_piece(extent, target, &|pieces, target| {
            let part = pieces.start * each..pieces.end * each;
            let (x, g, target) = (&x[part.clone()], &g[part], target.data);
            dispatch(PassBack { extent, kept, a, slope, shift, first: pieces.start, x, g, target, write });
        });
    });
}

struct PassBack<'a, T> {
    extent: Extent,
    kept: Kept<'a, T>,
    a: &'a [T],
    slope: &'a [T],
    shift: &'a [T],
    first: usize,
    x: &'a [T],
    g: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for PassBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let PassBack { extent, kept, a, slope, shift, first, x, g, target, write } = self;
        if x.is_empty() {
            return;
        }
        let each = if extent.spatial == 1 { extent.channels } else { extent.spatial };
        let pieces = x.chunks_exact(each).zip(g.chunks_exact(each)).zip(target.chunks_exact_mut(each));
        for (i, ((x, g), target)) in pieces.enumerate() {
            if extent.spatial == 1 {
                let inputs = [g, x, kept.high, kept.low, a, slope, shift];
                map_slices::<S, T, _, 7>(BackEach, inputs, target, write);
                continue;
            }
            let c = (first + i) % extent.channels;
            let back = Back { of: kept.at(c), a: a[c], slope: slope[c], shift: shift[c] };
            map_slices::<S, T, _, 2>(back, [g, x], target, write);
        }
    }
}
