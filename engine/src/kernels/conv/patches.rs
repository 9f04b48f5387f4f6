//! Convolutions as matrix products over blocks of patches (im2col), and their adjoints.

use std::ops::Range;

use super::Geometry;
use super::check::check_scratch;
use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::gemm::{Matrix, MatrixMut, gemm_alone};
use crate::kernels::map::{map, map_slices};
use crate::kernels::reduce::Same;
use crate::kernels::window::{Axis, for_each_run, sizes};
use crate::threads::{Ragged, Shared, for_each_with};

/// As [`super::convolve`], with checked arguments.
#[track_caller]
pub(super) fn convolve<T: Real>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, taps] = sizes(g.axes);
    let (cut, tasks, pieces) = g.forward();
    check_scratch("convolve", scratch, g.patches(&cut, pieces));
    let rows = g.channels * taps;
    let out = Shared::new(out);
    for_each_with(pieces, tasks, scratch, (), &|scratch, tasks, ()| {
        for task in tasks {
            let (image, block) = (task / cut.blocks, task % cut.blocks);
            let group = image % g.groups;
            let block = block * cut.places..places.min((block + 1) * cut.places);
            let x = &x[image * g.channels * elements..][..g.channels * elements];
            // SAFETY: the block's columns of this image's group are only written by this task, and lie within the output, whose
            // size was checked and which is borrowed throughout.
            let mut out = unsafe {
                MatrixMut::part(out, image * g.outputs * places + block.start, g.outputs, block.len(), places)
            };
            let mut write = write;
            if let Some(bias) = bias {
                for (i, &bias) in bias[group * g.outputs..][..g.outputs].iter().enumerate() {
                    write.fill(bias, out.row(i));
                }
                write = Write::Add;
            }
            let w = Matrix::new(&w[group * g.outputs * rows..][..g.outputs * rows], g.outputs, rows);
            gemm_alone(w, patches(g, x, rows, block, scratch), out, write);
        }
    });
}

/// As [`super::to_input`], with checked arguments.
#[track_caller]
pub(super) fn to_input<T: Real>(
    g: &Geometry,
    y: &[T],
    w: &[T],
    bias: Option<&[T]>,
    target: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, taps] = sizes(g.axes);
    let (cut, tasks, pieces) = g.backward();
    check_scratch("to_input", scratch, g.patches(&cut, pieces));
    let columns = g.channels * taps;
    let start = |task: usize| (task / cut.chunks * g.channels + task % cut.chunks * cut.channels) * elements;
    let target = Ragged::new(target, &start);
    for_each_with(pieces, tasks, scratch, target, &|scratch, tasks, mut target| {
        for task in tasks {
            let (image, chunk) = (task / cut.chunks, task % cut.chunks);
            let group = image % g.groups;
            let channels = chunk * cut.channels..g.channels.min((chunk + 1) * cut.channels);
            let target = target.item(task);
            let y = &y[image * g.outputs * places..][..g.outputs * places];
            let rows = channels.len() * taps;
            let w = w[group * g.outputs * columns..][..g.outputs * columns].get(channels.start * taps..);
            let w = Matrix::strided(w.unwrap_or_default(), g.outputs, rows, columns).t();
            let mut write = write;
            if bias.is_some() || !g.is_pointwise() {
                set_channels(bias.map(|bias| &bias[group * g.channels..][channels.clone()]), target, elements, write);
                write = Write::Add;
            }
            if g.is_pointwise() {
                let y = Matrix::new(y, g.outputs, places);
                gemm_alone(w, y, MatrixMut::new(target, channels.len(), elements), write);
                continue;
            }
            for block in 0..cut.blocks {
                let block = block * cut.places..places.min((block + 1) * cut.places);
                let patches = &mut scratch[..rows * block.len()];
                let y = Matrix::strided(&y[block.start.min(y.len())..], g.outputs, block.len(), places);
                gemm_alone(w, y, MatrixMut::new(patches, rows, block.len()), Write::Store);
                dispatch(Unpack { axes: g.axes, channels: channels.len(), patches, places: block, target });
            }
        }
    });
}

/// As [`super::to_weight`], with checked arguments.
#[track_caller]
pub(super) fn to_weight<T: Real>(g: &Geometry, x: &[T], y: &[T], target: &mut [T], write: Write, scratch: &mut [T]) {
    let [elements, places, taps] = sizes(g.axes);
    let (cut, parts, tasks, pieces) = g.weight();
    let columns = g.channels * taps;
    let len = target.len();
    let partial = if parts > 1 { parts * len } else { 0 };
    check_scratch("to_weight", scratch, partial + g.patches(&cut, pieces));
    let (partial, scratch) = scratch.split_at_mut(partial);
    let (into, into_write) = if parts > 1 { (&mut *partial, Write::Store) } else { (&mut *target, write) };
    let into = Shared::new(into);
    let items = g.batch * cut.blocks;
    for_each_with(pieces, tasks, scratch, (), &|scratch, tasks, ()| {
        for task in tasks {
            let (part, group, chunk) = (task / cut.chunks / g.groups, task / cut.chunks % g.groups, task % cut.chunks);
            let channels = chunk * cut.channels..g.channels.min((chunk + 1) * cut.channels);
            let rows = channels.len() * taps;
            let start = part * len + group * g.outputs * columns + channels.start * taps;
            let items = part * items / parts..(part + 1) * items / parts;
            let mut write = into_write;
            // SAFETY: these channels' columns of this group and part are only written by this task, and lie within the target or
            // the partial sums, whose sizes were checked and which are borrowed throughout.
            let sum = || unsafe { MatrixMut::part(into, start, g.outputs, rows, columns) };
            if items.is_empty() && write == Write::Store {
                let mut sum = sum();
                (0..g.outputs).for_each(|i| sum.row(i).fill(T::ZERO));
            }
            for item in items {
                let (image, block) = (item / cut.blocks, item % cut.blocks);
                let block = block * cut.places..places.min((block + 1) * cut.places);
                let image = image * g.groups + group;
                let x = &x[(image * g.channels + channels.start) * elements..][..channels.len() * elements];
                let y = &y[image * g.outputs * places..][..g.outputs * places];
                let y = Matrix::strided(&y[block.start.min(y.len())..], g.outputs, block.len(), places);
                gemm_alone(y, patches(g, x, rows, block, scratch).t(), sum(), write);
                write = Write::Add;
            }
        }
    });
    if parts > 1 {
        for (part, partial) in partial.chunks_exact(len.max(1)).enumerate() {
            map(Same, [partial], target, if part == 0 { write } else { Write::Add });
        }
    }
}

/// The patches at `places` of the channels in `x`, packed into `scratch` unless `x` already is the matrix.
fn patches<'a, T: Real>(
    g: &Geometry,
    x: &'a [T],
    rows: usize,
    places: Range<usize>,
    scratch: &'a mut [T],
) -> Matrix<'a, T> {
    let [elements, _, taps] = sizes(g.axes);
    if g.is_pointwise() {
        return Matrix::strided(x.get(places.start..).unwrap_or_default(), rows, places.len(), elements);
    }
    let out = &mut scratch[..rows * places.len()];
    let (columns, channels) = (places.len(), rows / taps);
    dispatch(Pack { axes: g.axes, channels, x, places, out });
    Matrix::new(out, rows, columns)
}

struct Pack<'a, T> {
    axes: [Axis; 3],
    channels: usize,
    x: &'a [T],
    places: Range<usize>,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let stride = self.axes[2].stride;
        for_each_run(self.axes, self.channels, self.places, |run| {
            let out = &mut self.out[run.start..][..run.len];
            if run.inside.is_empty() {
                out.fill(T::ZERO);
                return;
            }
            out[..run.inside.start].fill(T::ZERO);
            out[run.inside.end..].fill(T::ZERO);
            let out = &mut out[run.inside];
            let from = &self.x[run.element..=run.element + (out.len() - 1) * stride];
            match stride {
                1 => out.copy_from_slice(from),
                _ => out.iter_mut().zip(from.iter().step_by(stride)).for_each(|(out, &x)| *out = x),
            }
        });
    }
}

/// Initialises the target of a sum: with zeros, or each channel's bias.
fn set_channels<T: Real>(bias: Option<&[T]>, target: &mut [T], elements: usize, write: Write) {
    match bias {
        None => write.clear(target),
        Some(bias) => {
            let channels = target.chunks_exact_mut(elements.max(1)).zip(bias);
            channels.for_each(|(target, &bias)| write.fill(bias, target));
        }
    }
}

struct Unpack<'a, T> {
    axes: [Axis; 3],
    channels: usize,
    patches: &'a [T],
    places: Range<usize>,
    target: &'a mut [T],
}

impl<T: Real> Kernel for Unpack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let stride = self.axes[2].stride;
        for_each_run(self.axes, self.channels, self.places, |run| {
            if run.inside.is_empty() {
                return;
            }
            let from = &self.patches[run.start..][run.inside];
            let target = &mut self.target[run.element..=run.element + (from.len() - 1) * stride];
            match stride {
                1 => map_slices::<S, T, _, 1>(Same, [from], target, Write::Add),
                _ => target.iter_mut().step_by(stride).zip(from).for_each(|(target, &part)| *target += part),
            }
        });
    }
}
