//! The sizes of a convolution, how its work is cut, and the scratch memory that it needs.

use super::{direct, winograd};
use crate::kernels::window::{Axis, sizes};
use crate::threads::pieces;

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
pub(super) struct Cut {
    /// Channels of a task; the last one may have fewer.
    pub(super) channels: usize,
    /// Tasks that a group's channels make.
    pub(super) chunks: usize,
    /// Places of a block; the last one may have fewer.
    pub(super) places: usize,
    /// Blocks that the places make.
    pub(super) blocks: usize,
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
    pub(super) fn is_pointwise(&self) -> bool {
        self.axes.into_iter().all(Axis::is_trivial)
    }

    pub(super) fn is_parallel(&self) -> bool {
        let [_, places, taps] = sizes(self.axes);
        let factors = [self.batch, self.groups, self.channels, self.outputs, places, taps];
        factors.into_iter().fold(1, usize::saturating_mul) >= PARALLEL
    }

    /// Scratch memory for the patches of every piece of the work.
    pub(super) fn patches(&self, cut: &Cut, pieces: usize) -> usize {
        let [_, _, taps] = sizes(self.axes);
        if self.is_pointwise() { 0 } else { pieces * cut.channels * taps * cut.places }
    }

    /// How [`convolve`] is cut: its tasks are examples, groups and blocks.
    pub(super) fn forward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(1, BLOCK);
        let tasks = self.batch * self.groups * cut.blocks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_input`] is cut: its tasks are examples, groups and chunks of channels.
    pub(super) fn backward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(TASKS.div_ceil((self.batch * self.groups).max(1)), BLOCK);
        let tasks = self.batch * self.groups * cut.chunks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_weight`] is cut: into parts of the sum over examples and blocks, as many as the memory for partial sums
    /// allows, groups, and chunks of channels.
    pub(super) fn weight(&self) -> (Cut, usize, usize, usize) {
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
    pub(super) fn back_directly(&self) -> Option<Geometry> {
        self.back().filter(direct::fits)
    }

    /// The same, where Winograd's tiles do.
    pub(super) fn back_by_tiles(&self) -> Option<Geometry> {
        self.back().filter(winograd::fits)
    }

    pub(super) fn weight_len(&self) -> usize {
        self.groups * self.outputs * self.channels * sizes(self.axes)[2]
    }

    /// Numbers of scratch memory for [`convolve`](super::convolve).
    pub fn convolve_scratch(&self) -> usize {
        let (cut, _, pieces) = self.forward();
        let direct = if direct::fits(self) { direct::scratch(self) } else { 0 };
        let tiles = if winograd::fits(self) { winograd::scratch(self) } else { 0 };
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// Numbers of scratch memory for [`to_input`](super::to_input).
    pub fn to_input_scratch(&self) -> usize {
        let (cut, _, pieces) = self.backward();
        let direct = self.back_directly().map_or(0, |back| direct::scratch(&back));
        let tiles = self.back_by_tiles().map_or(0, |back| winograd::scratch(&back));
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// Numbers of scratch memory for [`to_weight`](super::to_weight).
    pub fn to_weight_scratch(&self) -> usize {
        let (cut, parts, _, pieces) = self.weight();
        let partial = if parts > 1 { parts * self.weight_len() } else { 0 };
        let tiles = if winograd::fits(self) { winograd::weight_scratch(self) } else { 0 };
        let direct = if direct::weight_fits(self) { direct::weight_scratch(self) } else { 0 };
        (partial + self.patches(&cut, pieces)).max(tiles).max(direct)
    }
}
