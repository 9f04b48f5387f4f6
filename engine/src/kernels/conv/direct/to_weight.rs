//! The adjoint of the weight by direct convolution: for each output, channel and tap, the sum over places of products
//! of two images.
//!
//! The output's adjoint is copied too, into rows as long as the padded input's, filled with zeros: both images are then
//! contiguous, and a tap is an offset. A tile of 4 outputs and 6 taps stays in registers, each a vector of partial
//! sums, during the sum over the places of several images.

use super::{LANES, LARGEST, MIN_TASKS, copy_inside, padded, padded_length, supports};
use crate::Real;
use crate::kernels::Write;
use crate::kernels::conv::{Geometry, check_scratch};
use crate::kernels::map::map;
use crate::kernels::reduce::Same;
use crate::kernels::window::sizes;
use crate::threads::{Rows, for_each_with, pieces};

/// Outputs of a tile, and taps (of any channels).
pub(super) const OUTPUTS: usize = 4;
pub(super) const TAPS: usize = 6;

/// The total length of the copies of the images processed together.
const SEVERAL: usize = 1 << 16;

/// The number of parts of the sum over images, and the maximal total length of their partial sums.
const PARTS: usize = 2 * MIN_TASKS;
const PARTIAL: usize = 1 << 20;

/// A tile of outputs, and copies of some images.
#[doc(hidden)]
#[derive(Debug)]
pub struct Lines<'a, T> {
    pub(super) geometry: &'a Geometry,
    /// Images one after the other, each of [`padded`] elements.
    pub(super) x: &'a [T],
    /// The adjoints of at most [`OUTPUTS`] outputs: a line per image, output and place of the first axis.
    pub(super) y: &'a [T],
    pub(super) outputs: usize,
    /// One element per output, channel and tap.
    pub(super) sums: &'a mut [T],
    pub(super) write: Write,
}

/// Whether direct computation of the weight's adjoint handles these sizes.
pub(in crate::kernels) fn supports_weight(g: &Geometry) -> bool {
    supports(g) && lines(g) <= LARGEST
}

/// The distance between lines: the places of the last two axes.
pub(super) fn line(g: &Geometry) -> usize {
    let [_, y, x] = g.axes;
    ((y.output - 1) * padded_length(x) + x.output).next_multiple_of(LANES)
}

/// Elements of the lines of a tile's outputs.
fn lines(g: &Geometry) -> usize {
    OUTPUTS * g.axes[0].output * line(g)
}

/// How the work is split.
struct Cut {
    /// Parts of the sum over images.
    parts: usize,
    /// Images that are copied together.
    images: usize,
    /// Elements of a part's sums.
    sums: usize,
}

impl Cut {
    fn of(g: &Geometry) -> Cut {
        let sums = g.weight_len();
        let parts = g.batch.min(PARTIAL / sums).clamp(1, PARTS);
        let most = (SEVERAL / (padded(g) + lines(g))).max(1);
        Cut { parts, images: most.min(g.batch.div_ceil(parts)), sums }
    }

    fn pieces(&self, g: &Geometry) -> usize {
        pieces(self.parts * g.groups, g.is_parallel())
    }
}

/// The length of the scratch memory for [`to_weight`].
pub(in crate::kernels) fn weight_scratch(g: &Geometry) -> usize {
    let cut = Cut::of(g);
    cut.parts * cut.sums + cut.pieces(g) * cut.images * (padded(g) + lines(g))
}

/// `target =` the adjoint of w, or `+=`, given the output's adjoint `y`.
#[track_caller]
pub(in crate::kernels) fn to_weight<T: Real>(
    g: &Geometry,
    x: &[T],
    y: &[T],
    target: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let cut = Cut::of(g);
    let needed = weight_scratch(g);
    check_scratch("to_weight", scratch, needed);
    let (sums, scratch) = scratch[..needed].split_at_mut(cut.parts * cut.sums);
    let rows = Rows::new(&mut *sums, cut.sums / g.groups);
    for_each_with(cut.pieces(g), cut.parts * g.groups, scratch, rows, &|scratch, tasks, mut sums| {
        // The padding stays zero.
        scratch.fill(T::ZERO);
        for (i, task) in tasks.enumerate() {
            let (part, group) = (task / g.groups, task % g.groups);
            let images = part * g.batch / cut.parts..(part + 1) * g.batch / cut.parts;
            let sums = sums.row(i);
            for first in images.clone().step_by(cut.images) {
                let some = first..images.end.min(first + cut.images);
                let write = if first == images.start { Write::Store } else { Write::Add };
                sum_images(g, [x, y], (group, some), sums, write, scratch);
            }
        }
    });
    for (part, sums) in sums.chunks_exact(cut.sums).enumerate() {
        map(Same, [sums], target, if part == 0 { write } else { Write::Add });
    }
}

/// Copies some images and computes their sums.
fn sum_images<T: Real>(
    g: &Geometry,
    [x, y]: [&[T]; 2],
    (group, images): (usize, std::ops::Range<usize>),
    sums: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, taps] = sizes(g.axes);
    let (padded_x, padded_y) = scratch.split_at_mut(scratch.len() / (padded(g) + lines(g)) * padded(g));
    for (image, padded) in images.clone().zip(padded_x.chunks_exact_mut(padded(g))) {
        let start = (image * g.groups + group) * g.channels * elements;
        copy_inside(g, &x[start..start + g.channels * elements], padded);
    }
    let tiles = g.outputs.div_ceil(OUTPUTS);
    for tile in 0..tiles {
        let outputs = tile * g.outputs / tiles..(tile + 1) * g.outputs / tiles;
        let each = outputs.len() * g.axes[0].output * line(g);
        for (image, padded) in images.clone().zip(padded_y.chunks_exact_mut(each)) {
            let start = ((image * g.groups + group) * g.outputs + outputs.start) * places;
            copy_lines(g, &y[start..start + outputs.len() * places], padded);
        }
        T::lines(Lines {
            geometry: g,
            x: &padded_x[..images.len() * padded(g)],
            y: &padded_y[..images.len() * each],
            outputs: outputs.len(),
            sums: &mut sums[outputs.start * g.channels * taps..outputs.end * g.channels * taps],
            write,
        });
    }
}

/// Copies the rows of some outputs' adjoints with the row stride of the padded input.
fn copy_lines<T: Real>(g: &Geometry, y: &[T], lines: &mut [T]) {
    let [_, axis, row] = g.axes;
    let apart = padded_length(row);
    for (y, line) in y.chunks_exact(axis.output * row.output).zip(lines.chunks_exact_mut(line(g))) {
        line.fill(T::ZERO);
        for (y, line) in y.chunks_exact(row.output).zip(line.chunks_mut(apart)) {
            line[..row.output].copy_from_slice(y);
        }
    }
}
