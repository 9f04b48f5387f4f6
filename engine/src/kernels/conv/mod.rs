//! Convolutions in one to three dimensions, as matrix products over blocks of patches.
//!
//! A patch is what the kernel covers at one place of the output. The patches of a block of places are packed into
//! scratch memory, a row for each channel and tap and a column for each place, as many places as fit into a processor's
//! own cache, and multiplied there: the patches of a whole image never exist. A kernel of one tap with stride 1 needs no
//! patches; its input is the matrix. Where `winograd` or `direct` has tiles, no way needs them.
//!
//! How the work is cut depends on the shapes alone, and every sum is taken in one order: the results have the same bits
//! for any number of threads. Each routine says how much scratch memory it needs.

mod check;
mod direct;
mod winograd;

use std::ops::Range;

use check::{check, check_bias, check_scratch};
use direct::Direct;
use winograd::Winograd;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::gemm::{Matrix, MatrixMut, gemm_alone};
use crate::kernels::map::{map, map_slices};
use crate::kernels::reduce::{Same, sum, sum_columns};
use crate::kernels::window::{Axis, for_each_run, sizes};
use crate::threads::{Ragged, Rows, Shared, for_each_part, for_each_with, pieces};

/// Elements of a block of patches: a quarter of a megabyte in single precision, within a second-level cache.
const BLOCK: usize = 1 << 16;

/// The same on the way back to the weight, where the library packs the patches once more: below 128 KiB, since of larger
/// pieces of memory an allocator may ask the system for every one anew.
const WEIGHT_BLOCK: usize = 28 << 10;

/// Fewer places than this are no good matrix product; a block of very many rows may be larger for it.
const NARROWEST: usize = 32;

/// Multiply-adds below which a convolution stays on one thread.
const PARALLEL: usize = 1 << 20;

/// Tasks that the work is cut into where it can be, so that many threads have something to do.
const TASKS: usize = 32;

/// Elements that partial sums of a weight's gradient may take up together.
const PARTIAL: usize = 1 << 20;

/// A number type that can be convolved. The functions of this module choose the algorithm.
pub trait Convolve: Direct + Winograd {}

impl Convolve for f32 {}
impl Convolve for f64 {}

/// The sizes of a convolution of x (batch, groups · channels, elements) with a weight (groups · outputs, channels, taps)
/// to (batch, groups · outputs, places).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Examples.
    pub batch: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Channels of the input in a group.
    pub channels: usize,
    /// Channels of the output in a group.
    pub outputs: usize,
    /// The spatial axes, the last one contiguous; fewer than three are the last ones.
    pub axes: [Axis; 3],
}

/// Channels of one group, and places: what one task does at a time.
struct Cut {
    /// Channels of a task; the last one may have fewer.
    channels: usize,
    /// Tasks that a group's channels make.
    chunks: usize,
    /// Places of a block; the last one may have fewer.
    places: usize,
    /// Blocks that the places make.
    blocks: usize,
}

impl Geometry {
    /// Cuts a group's channels into `chunks` or fewer, and the places into blocks of so many elements.
    fn cut(&self, chunks: usize, block: usize) -> Cut {
        let [_, places, taps] = sizes(self.axes);
        let channels = self.channels.div_ceil(chunks.max(1)).max(1);
        let block = (block / (channels * taps).max(1)).max(NARROWEST).min(places).max(1);
        Cut { channels, chunks: self.channels.div_ceil(channels), places: block, blocks: places.div_ceil(block) }
    }

    /// Whether the input is its own matrix of patches.
    fn is_pointwise(&self) -> bool {
        self.axes.into_iter().all(Axis::is_trivial)
    }

    pub(super) fn is_parallel(&self) -> bool {
        let [_, places, taps] = sizes(self.axes);
        let factors = [self.batch, self.groups, self.channels, self.outputs, places, taps];
        factors.into_iter().fold(1, usize::saturating_mul) >= PARALLEL
    }

    /// Scratch memory for the patches of every piece of the work.
    fn patches(&self, cut: &Cut, pieces: usize) -> usize {
        let [_, _, taps] = sizes(self.axes);
        if self.is_pointwise() { 0 } else { pieces * cut.channels * taps * cut.places }
    }

    /// How [`convolve`] is cut: its tasks are examples, groups and blocks.
    fn forward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(1, BLOCK);
        let tasks = self.batch * self.groups * cut.blocks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_input`] is cut: its tasks are examples, groups and chunks of channels.
    fn backward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(TASKS.div_ceil((self.batch * self.groups).max(1)), BLOCK);
        let tasks = self.batch * self.groups * cut.chunks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_weight`] is cut: into parts of the sum over examples and blocks, as many as the memory for partial sums
    /// allows, groups, and chunks of channels.
    fn weight(&self) -> (Cut, usize, usize, usize) {
        let weight = self.weight_len().max(1);
        let most = |cut: &Cut| (self.batch * cut.blocks).min(PARTIAL / weight).clamp(1, TASKS);
        let parts = most(&self.cut(1, WEIGHT_BLOCK));
        let cut = self.cut(TASKS.div_ceil(parts * self.groups), WEIGHT_BLOCK);
        let parts = parts.min(most(&cut));
        let tasks = parts * self.groups * cut.chunks;
        (cut, parts, tasks, pieces(tasks, self.is_parallel()))
    }

    /// The gradient with respect to the input as a convolution, if it is one. It is not where the input has elements that
    /// the kernel never reaches, as that of a transposed convolution with output padding has.
    fn back(&self) -> Option<Geometry> {
        direct::flipped(self).filter(|back| back.axes.iter().all(|axis| axis.stride == 1 && axis.is_consistent()))
    }

    /// The same as [`back`](Geometry::back), where tiles in registers fit.
    fn back_directly(&self) -> Option<Geometry> {
        self.back().filter(direct::fits)
    }

    /// The same, where Winograd's tiles do.
    fn back_by_tiles(&self) -> Option<Geometry> {
        self.back().filter(winograd::fits)
    }

    pub(super) fn weight_len(&self) -> usize {
        self.groups * self.outputs * self.channels * sizes(self.axes)[2]
    }

    /// Numbers of scratch memory for [`convolve`].
    pub fn convolve_scratch(&self) -> usize {
        let (cut, _, pieces) = self.forward();
        let direct = if direct::fits(self) { direct::scratch(self) } else { 0 };
        let tiles = if winograd::fits(self) { winograd::scratch(self) } else { 0 };
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// Numbers of scratch memory for [`to_input`].
    pub fn to_input_scratch(&self) -> usize {
        let (cut, _, pieces) = self.backward();
        let direct = self.back_directly().map_or(0, |back| direct::scratch(&back));
        let tiles = self.back_by_tiles().map_or(0, |back| winograd::scratch(&back));
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// Numbers of scratch memory for [`to_weight`].
    pub fn to_weight_scratch(&self) -> usize {
        let (cut, parts, _, pieces) = self.weight();
        let partial = if parts > 1 { parts * self.weight_len() } else { 0 };
        let tiles = if winograd::fits(self) { winograd::weight_scratch(self) } else { 0 };
        let direct = if direct::weight_fits(self) { direct::weight_scratch(self) } else { 0 };
        (partial + self.patches(&cut, pieces)).max(tiles).max(direct)
    }
}

/// `out = x ∗ w + bias`, or `+=`: each output is the sum over a group's channels and the kernel's taps.
///
/// # Panics
/// If a slice is not of the geometry's size.
#[track_caller]
pub fn convolve<T: Real>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, taps] = check("convolve", g, x, w, out);
    check_bias("convolve", g.groups * g.outputs, bias);
    if T::is_direct() && winograd::fits(g) {
        winograd::run("convolve", g, x, (w, false), bias, out, write, scratch);
        return;
    }
    if T::is_direct() && direct::fits(g) && !g.is_pointwise() {
        direct::run("convolve", g, x, (w, false), bias, out, write, scratch);
        return;
    }
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
            // SAFETY: the block's columns of this image's group are this task's alone, and lie within the output,
            // whose size was checked and which is borrowed throughout.
            let mut out = unsafe {
                MatrixMut::part(out, image * g.outputs * places + block.start, g.outputs, block.len(), places)
            };
            let mut write = write;
            if let Some(bias) = bias {
                for (i, &bias) in bias[group * g.outputs..][..g.outputs].iter().enumerate() {
                    match write {
                        Write::Store => out.row(i).fill(bias),
                        Write::Add => out.row(i).iter_mut().for_each(|y| *y += bias),
                    }
                }
                write = Write::Add;
            }
            let w = Matrix::new(&w[group * g.outputs * rows..][..g.outputs * rows], g.outputs, rows);
            gemm_alone(w, patches(g, x, rows, block, scratch), out, write);
        }
    });
}

/// The patches at `places` of the channels in `x`, packed into `scratch` where they have to be.
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

/// `target = bias +` the adjoint of x, or `target +=` it, where `y` is the output's: what [`convolve`] spread over
/// patches is added up again. This is the transposed convolution of `y`.
///
/// # Panics
/// If a slice is not of the geometry's size.
#[track_caller]
pub fn to_input<T: Real>(
    g: &Geometry,
    y: &[T],
    w: &[T],
    bias: Option<&[T]>,
    target: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, taps] = check("to_input", g, target, w, y);
    check_bias("to_input", g.groups * g.channels, bias);
    if let Some(back) = g.back_by_tiles().filter(|_| T::is_direct()) {
        winograd::run("to_input", &back, y, (w, true), bias, target, write, scratch);
        return;
    }
    if let Some(back) = g.back_directly().filter(|_| T::is_direct() && !g.is_pointwise()) {
        direct::run("to_input", &back, y, (w, true), bias, target, write, scratch);
        return;
    }
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

/// Before anything is added: zero, or each channel's bias.
fn set_channels<T: Real>(bias: Option<&[T]>, target: &mut [T], elements: usize, write: Write) {
    match (bias, write) {
        (None, Write::Store) => target.fill(T::ZERO),
        (None, Write::Add) => {}
        (Some(bias), _) => {
            for (target, &bias) in target.chunks_exact_mut(elements.max(1)).zip(bias) {
                match write {
                    Write::Store => target.fill(bias),
                    Write::Add => target.iter_mut().for_each(|y| *y += bias),
                }
            }
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

/// `target =` the adjoint of w, or `+=`, where `y` is the output's.
///
/// # Panics
/// If a slice is not of the geometry's size.
#[track_caller]
pub fn to_weight<T: Real>(g: &Geometry, x: &[T], y: &[T], target: &mut [T], write: Write, scratch: &mut [T]) {
    let [elements, places, taps] = check("to_weight", g, x, target, y);
    if T::is_direct() && winograd::fits(g) {
        winograd::to_weight(g, x, y, target, write, scratch);
        return;
    }
    if T::is_direct() && direct::weight_fits(g) && !g.is_pointwise() {
        direct::to_weight(g, x, y, target, write, scratch);
        return;
    }
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
            // SAFETY: these channels' columns of this group and part are this task's alone, and lie within the target or
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

/// `target =` the adjoint of a bias that was added to every place of its channel, or `+=`: y is (batch, channels,
/// places), with as many channels as the target has elements.
///
/// # Panics
/// If that is not so.
#[track_caller]
pub fn to_bias<T: Real>(y: &[T], places: usize, target: &mut [T], write: Write) {
    let channels = target.len();
    // A count that overflows is that of no image.
    let image = channels.checked_mul(places).unwrap_or(0);
    assert!(
        if image == 0 { y.is_empty() } else { y.len().is_multiple_of(image) },
        "to_bias: {} elements are no images of {channels} channels with {places} places",
        y.len()
    );
    if y.is_empty() {
        write.clear(target);
        return;
    }
    if places == 1 {
        sum_columns(T::ONE, y, target, write);
        return;
    }
    let grain = (1 << 15) / (y.len() / channels.max(1)).max(1);
    for_each_part(Rows::new(target, 1), channels, grain.max(1), 1, &|range, target| {
        for (channel, target) in range.zip(target.data) {
            let images = y.chunks_exact(image.max(1));
            let total: f64 = images.map(|image| sum(&image[channel * places..][..places])).sum();
            let part = T::from_f64(total);
            write.put(part, target);
        }
    });
}
