//! `Geometry`: the sizes of a convolution, how its work is split, and the scratch memory that it needs.

use super::{direct, winograd};
use crate::kernels::window::{Axis, sizes};
use crate::threads::pieces;

/// Elements of a block of patches: 256 KiB in single precision, within a second-level cache.
const BLOCK: usize = 1 << 16;

/// Elements of a block for the adjoint of the weight, where the GEMM packs the patches again: below 128 KiB, since an
/// allocator may request larger pieces from the system each time.
const WEIGHT_BLOCK: usize = 28 << 10;

/// Fewer places than this make an inefficient matrix product; with very many rows, a block may be larger to reach it.
const MIN_PLACES: usize = 32;

/// Multiply-adds below which a convolution stays on one thread.
const PARALLEL: usize = 1 << 20;

/// The number of tasks to aim for, so that many threads have work.
const TASKS: usize = 32;

/// The maximal total length of the partial sums of a weight's adjoint.
const PARTIAL: usize = 1 << 20;

/// The sizes of a convolution of x (batch, groups · channels, elements) with a weight (groups · outputs, channels, taps)
/// to (batch, groups · outputs, places).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Examples.
    pub batch: usize,
    /// Groups of channels that are convolved separately.
    pub groups: usize,
    /// Input channels per group.
    pub channels: usize,
    /// Output channels per group.
    pub outputs: usize,
    /// The spatial axes, the last one contiguous; if fewer than three, they are the last ones.
    pub axes: [Axis; 3],
}

/// How channels of a group and places are split into tasks.
pub(super) struct Cut {
    /// Channels of a task; the last one may have fewer.
    pub(super) channels: usize,
    /// Tasks per group.
    pub(super) chunks: usize,
    /// Places of a block; the last one may have fewer.
    pub(super) places: usize,
    /// The number of blocks.
    pub(super) blocks: usize,
}

impl Geometry {
    /// Splits a group's channels into at most `chunks`, and the places into blocks of about `block` elements.
    fn cut(&self, chunks: usize, block: usize) -> Cut {
        let [_, places, taps] = sizes(self.axes);
        let channels = self.channels.div_ceil(chunks.max(1)).max(1);
        let block = (block / (channels * taps).max(1)).max(MIN_PLACES).min(places).max(1);
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

    /// The length of the scratch memory for the patches of all pieces.
    pub(super) fn patches(&self, cut: &Cut, pieces: usize) -> usize {
        let [_, _, taps] = sizes(self.axes);
        if self.is_pointwise() { 0 } else { pieces * cut.channels * taps * cut.places }
    }

    /// How [`convolve`] is split: its tasks are examples, groups and blocks.
    pub(super) fn forward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(1, BLOCK);
        let tasks = self.batch * self.groups * cut.blocks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_input`] is split: its tasks are examples, groups and chunks of channels.
    pub(super) fn backward(&self) -> (Cut, usize, usize) {
        let cut = self.cut(TASKS.div_ceil((self.batch * self.groups).max(1)), BLOCK);
        let tasks = self.batch * self.groups * cut.chunks;
        (cut, tasks, pieces(tasks, self.is_parallel()))
    }

    /// How [`to_weight`] is split: into parts of the sum over examples and blocks, as many as the memory for partial
    /// sums allows, groups, and chunks of channels.
    pub(super) fn weight(&self) -> (Cut, usize, usize, usize) {
        let weight = self.weight_len().max(1);
        let most = |cut: &Cut| (self.batch * cut.blocks).min(PARTIAL / weight).clamp(1, TASKS);
        let parts = most(&self.cut(1, WEIGHT_BLOCK));
        let cut = self.cut(TASKS.div_ceil(parts * self.groups), WEIGHT_BLOCK);
        let parts = parts.min(most(&cut));
        let tasks = parts * self.groups * cut.chunks;
        (cut, parts, tasks, pieces(tasks, self.is_parallel()))
    }

    /// The adjoint of the input as a convolution, or `None` if the kernel never reaches some elements of the input, as
    /// in a transposed convolution with output padding.
    fn input_adjoint(&self) -> Option<Geometry> {
        direct::flipped(self).filter(|back| back.axes.iter().all(|axis| axis.stride == 1 && axis.is_consistent()))
    }

    /// [`input_adjoint`](Geometry::input_adjoint), if direct convolution handles it.
    pub(super) fn input_adjoint_direct(&self) -> Option<Geometry> {
        self.input_adjoint().filter(direct::supports)
    }

    /// [`input_adjoint`](Geometry::input_adjoint), if Winograd's algorithm handles it.
    pub(super) fn input_adjoint_winograd(&self) -> Option<Geometry> {
        self.input_adjoint().filter(winograd::supports)
    }

    pub(super) fn weight_len(&self) -> usize {
        self.groups * self.outputs * self.channels * sizes(self.axes)[2]
    }

    /// The length of the scratch memory for [`convolve`](super::convolve).
    pub fn convolve_scratch(&self) -> usize {
        let (cut, _, pieces) = self.forward();
        let direct = if direct::supports(self) { direct::scratch(self) } else { 0 };
        let tiles = if winograd::supports(self) { winograd::scratch(self) } else { 0 };
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// The length of the scratch memory for [`to_input`](super::to_input).
    pub fn to_input_scratch(&self) -> usize {
        let (cut, _, pieces) = self.backward();
        let direct = self.input_adjoint_direct().map_or(0, |back| direct::scratch(&back));
        let tiles = self.input_adjoint_winograd().map_or(0, |back| winograd::scratch(&back));
        self.patches(&cut, pieces).max(direct).max(tiles)
    }

    /// The length of the scratch memory for [`to_weight`](super::to_weight).
    pub fn to_weight_scratch(&self) -> usize {
        let (cut, parts, _, pieces) = self.weight();
        let partial = if parts > 1 { parts * self.weight_len() } else { 0 };
        let tiles = if winograd::supports(self) { winograd::weight_scratch(self) } else { 0 };
        let direct = if direct::supports_weight(self) { direct::weight_scratch(self) } else { 0 };
        (partial + self.patches(&cut, pieces)).max(tiles).max(direct)
    }
}
