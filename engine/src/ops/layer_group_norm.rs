//! Normalisation within each example: layer, root mean square, group and instance normalisation.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::map_slices;
use crate::kernels::normalize::{
    Back, Correlation, Extent, Keep, Kept, Normalized, Per, Product, Square, Statistics, channel_sums,
};
use crate::kernels::reduce::{Same, sum_slices};
use crate::ops::norm_affine::{Scaling, accumulate_scaling, check_eps, inputs, is_wanted};
use crate::threads::{GRAIN, Rows, Split, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Layer normalisation over the last `axes` axes: (x − mean) / √(variance + `eps`), with the divisor n for the
    /// variance; then multiplied by a weight and plus a bias of these axes' shape, if given (Ba, Kiros and Hinton
    /// 2016).
    ///
    /// # Panics
    /// If x has fewer axes, the shape of the weight or bias does not match, or `eps` is negative.
    #[track_caller]
    pub fn layer_norm(self, axes: usize, scaling: impl Scaling<'t, T>, eps: f64) -> Var<'t, T> {
        over_last("layer_norm", self, axes, scaling, eps, true)
    }

    /// Normalisation by the root mean square over the last `axes` axes: x / √(mean x² + `eps`), then as
    /// [`layer_norm`](Var::layer_norm) (Zhang and Sennrich 2019).
    ///
    /// # Panics
    /// As [`layer_norm`](Var::layer_norm).
    #[track_caller]
    pub fn rms_norm(self, axes: usize, scaling: impl Scaling<'t, T>, eps: f64) -> Var<'t, T> {
        over_last("rms_norm", self, axes, scaling, eps, false)
    }

    /// Group normalisation of x (batch, channels, ..): each example's channels in `groups` groups, each with the mean
    /// and the variance of its elements; then multiplied by a weight and plus a bias per channel, if given (Wu and He
    /// 2018).
    ///
    /// # Panics
    /// If x does not have this shape, the channels are not divisible by `groups`, the shape of the weight or bias does
    /// not match, or `eps` is negative.
    #[track_caller]
    pub fn group_norm(self, groups: usize, scaling: impl Scaling<'t, T>, eps: f64) -> Var<'t, T> {
        let x = self.shape();
        let Some((&[_, channels], _)) = x.split_first_chunk::<2>() else {
            panic!("group_norm: x of shape {x:?}; expected (batch, channels, ..)");
        };
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "group_norm: x of shape {x:?} has {channels} channels, which are not divisible by {groups} group(s)"
        );
        // Groups without channels have no statistics to keep, however many groups there are.
        over_groups("group_norm", self, groups.min(channels), scaling, eps)
    }

    /// Instance normalisation of x (batch, channels, spatial axes ..): [`group_norm`](Var::group_norm) with every channel
    /// its own group (Ulyanov, Vedaldi and Lempitsky 2016).
    ///
    /// # Panics
    /// If x does not have this shape or has only one spatial element, the shape of the weight or bias does not match,
    /// or `eps` is negative.
    #[track_caller]
    pub fn instance_norm(self, scaling: impl Scaling<'t, T>, eps: f64) -> Var<'t, T> {
        let x = self.shape();
        assert!(
            x.len() > 2 && x[2..].iter().product::<usize>() != 1,
            "instance_norm: x of shape {x:?}; expected (batch, channels, spatial axes ..) with more than one spatial \
             element, which the variance needs"
        );
        over_groups("instance_norm", self, x[1], scaling, eps)
    }
}

#[track_caller]
fn over_last<'t, T: Real>(
    name: &'static str,
    x: Var<'t, T>,
    axes: usize,
    scaling: impl Scaling<'t, T>,
    eps: f64,
    centred: bool,
) -> Var<'t, T> {
    let shape = x.shape();
    assert!(
        0 < axes && axes <= shape.len(),
        "{name}: x of shape {shape:?} over its last {axes} axes; expected at least 1 and at most {}",
        shape.len()
    );
    check_eps(name, eps);
    let (outer, inner) = shape.split_at(shape.len() - axes);
    let inputs = inputs(name, x, scaling, inner);
    let (batch, channels) = (outer.iter().product(), inner.iter().product());
    let extent = Extent { batch, channels, spatial: 1 };
    x.tape().record(RowNorm { name, extent, axes, groups: 1, eps, centred }, &inputs, [shape, &[3, batch]])[0]
}

#[track_caller]
fn over_groups<'t, T: Real>(
    name: &'static str,
    x: Var<'t, T>,
    groups: usize,
    scaling: impl Scaling<'t, T>,
    eps: f64,
) -> Var<'t, T> {
    check_eps(name, eps);
    let shape = x.shape();
    let inputs = inputs(name, x, scaling, &shape[1..2]);
    let extent = Extent { batch: shape[0], channels: shape[1], spatial: shape[2..].iter().product() };
    let operation = RowNorm { name, extent, axes: 0, groups, eps, centred: true };
    x.tape().record(operation, &inputs, [shape, &[3, shape[0] * groups]])[0]
}

/// Normalises rows of neighbouring elements (an example's group of channels). The second output, the rows' statistics,
/// is kept for the adjoint.
#[derive(Clone, Copy)]
struct RowNorm {
    name: &'static str,
    extent: Extent,
    /// The number of last axes that are normalised; 0 for groups of channels.
    axes: usize,
    groups: usize,
    eps: f64,
    /// Whether the mean is subtracted.
    centred: bool,
}

impl RowNorm {
    /// Channels per row.
    fn channels(&self) -> usize {
        self.extent.channels.checked_div(self.groups).unwrap_or(0)
    }

    fn row(&self) -> usize {
        self.channels() * self.extent.spatial
    }

    /// Calls `visit` with ranges of rows and the corresponding parts of `memory`, possibly in parallel.
    fn for_each_part<P: Split>(&self, memory: P, visit: &(dyn Fn(Range<usize>, P) + Sync)) {
        for_each_part(memory, self.extent.batch * self.groups, GRAIN.div_ceil(self.row().max(1)), 1, visit);
    }

    /// The segments of row `i` with their weights and biases: the whole row if these are per element or absent,
    /// channels if they are per channel.
    #[inline(always)]
    fn for_each_segment<'a, T: Real>(
        &self,
        i: usize,
        [w, b]: [Option<&'a [T]>; 2],
        mut visit: impl FnMut(Range<usize>, RowOperand<'a, T>, RowOperand<'a, T>),
    ) {
        let (channels, spatial) = (self.channels(), self.extent.spatial);
        let first = i % self.groups * channels;
        match w {
            None => visit(0..self.row(), All(T::ONE), All(T::ZERO)),
            Some(w) if spatial == 1 => {
                let b = b.map_or(All(T::ZERO), |b| Each(&b[first..first + channels]));
                visit(0..self.row(), Each(&w[first..first + channels]), b);
            }
            Some(w) => {
                for c in 0..channels {
                    let b = b.map_or(T::ZERO, |b| b[first + c]);
                    visit(c * spatial..(c + 1) * spatial, All(w[first + c]), All(b));
                }
            }
        }
    }
}

/// One number per element, or one for all.
#[derive(Clone, Copy)]
enum RowOperand<'a, T> {
    Each(&'a [T]),
    All(T),
}

use RowOperand::{All, Each};

impl<T: Real> Operation<T> for RowNorm {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let &RowNorm { name, axes, groups, eps, centred, .. } = self;
        if matches!(name, "group_norm" | "instance_norm") {
            return Some(Description::GroupNormalization { groups, eps });
        }
        Some(Description::LayerNormalization { axes, eps, centred })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let affine = std::array::from_fn(|k| (k + 1 < io.inputs()).then(|| io.input(k + 1).data));
        let [out, kept] = io.outputs();
        self.for_each_part((Rows::new(out, self.row()), Keep::new(kept)), &|rows, (out, keep)| {
            let x = &x[rows.start * self.row()..rows.end * self.row()];
            dispatch(Forward { of: self, first: rows.start, x, affine, out: out.data, keep });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0).data;
        let w = (io.inputs() > 1).then(|| io.input(1).data);
        let kept = Kept::new(io.output(1).data);
        let Some(g) = io.upstream(0) else {
            unreachable!("the second output is private");
        };
        io.accumulate(0, |target, write| {
            self.for_each_part(Rows::new(target, self.row()), &|rows, target| {
                let part = rows.start * self.row()..rows.end * self.row();
                let (x, g) = (&x[part.clone()], &g[part]);
                dispatch(Backward { of: self, first: rows.start, x, g, w, kept, target: target.data, write });
            });
        });
        if is_wanted(io) {
            let sums = io.scratch(2 * self.extent.channels);
            channel_sums(self.extent, Per::Group(self.channels()), kept, x, g, sums);
            accumulate_scaling(io, sums);
        }
    }
}

struct Forward<'a, T> {
    of: &'a RowNorm,
    /// The index of the first row.
    first: usize,
    x: &'a [T],
    affine: [Option<&'a [T]>; 2],
    out: &'a mut [T],
    keep: Keep<'a, T>,
}

impl<T: Real> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Forward { of, first, x, affine, out, mut keep } = self;
        let row = of.row();
        if row == 0 {
            return;
        }
        let count = row as f64;
        for (i, (x, out)) in x.chunks_exact(row).zip(out.chunks_exact_mut(row)).enumerate() {
            let mean = if of.centred { sum_slices::<S, T, _, 1>(Same, [x]) / count } else { 0.0 };
            let around = Statistics::around(mean);
            let variance = sum_slices::<S, T, _, 1>(Square(around), [x]) / count;
            let statistics = around.scaled(variance, of.eps);
            keep.set(i, statistics);
            of.for_each_segment(first + i, affine, |part, w, b| {
                let (x, out) = (&x[part.clone()], &mut out[part]);
                let normalized = |w, b| Normalized { of: statistics, w, b };
                match (w, b) {
                    (All(w), All(b)) => map_slices::<S, T, _, 1>(normalized(w, b), [x], out, Write::Store),
                    (Each(w), All(b)) => map_slices::<S, T, _, 2>(normalized(T::ONE, b), [x, w], out, Write::Store),
                    (Each(w), Each(b)) => {
                        map_slices::<S, T, _, 3>(normalized(T::ONE, T::ZERO), [x, w, b], out, Write::Store);
                    }
                    (All(_), Each(_)) => unreachable!("a bias comes with a weight"),
                }
            });
        }
    }
}

struct Backward<'a, T> {
    of: &'a RowNorm,
    first: usize,
    x: &'a [T],
    g: &'a [T],
    w: Option<&'a [T]>,
    kept: Kept<'a, T>,
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { of, first, x, g, w, kept, target, write } = self;
        let row = of.row();
        if row == 0 {
            return;
        }
        let count = row as f64;
        let rows = x.chunks_exact(row).zip(g.chunks_exact(row)).zip(target.chunks_exact_mut(row));
        for (i, ((x, g), target)) in rows.enumerate() {
            if all_zero(g) {
                // The statistics of a row that is not used may be infinite or NaN.
                write.clear(target);
                continue;
            }
            let statistics = kept.at(first + i);
            let factor = statistics.factor.to_f64();
            // Σ g w and Σ g w (x − mean).
            let (mut sum, mut correlation) = (0.0, 0.0);
            of.for_each_segment(first + i, [w, None], |part, w, _| {
                let (x, g) = (&x[part.clone()], &g[part]);
                match w {
                    Each(w) => {
                        sum += sum_slices::<S, T, _, 2>(Product, [g, w]);
                        correlation += sum_slices::<S, T, _, 3>(Correlation(statistics), [g, w, x]);
                    }
                    All(w) => {
                        sum += w.to_f64() * sum_slices::<S, T, _, 1>(Same, [g]);
                        correlation += w.to_f64() * sum_slices::<S, T, _, 2>(Correlation(statistics), [g, x]);
                    }
                }
            });
            let slope = T::from_f64(-factor * factor * factor * correlation / count);
            let shift = T::from_f64(if of.centred { -factor * sum / count } else { 0.0 });
            of.for_each_segment(first + i, [w, None], |part, w, _| {
                let (x, g, target) = (&x[part.clone()], &g[part.clone()], &mut target[part]);
                let back = |a| Back { of: statistics, a, slope, shift };
                match w {
                    Each(w) => map_slices::<S, T, _, 3>(back(statistics.factor), [g, w, x], target, write),
                    All(w) => map_slices::<S, T, _, 2>(back(statistics.factor * w), [g, x], target, write),
                }
            });
        }
    }
}
