//! The adjoint of the weight by Winograd's algorithm.

use super::{Band, CHUNK, LANES, POINTS, ToWeight, Winograd, aligned, vectors};
use crate::Real;
use crate::kernels::Write;
use crate::kernels::conv::direct::MIN_TASKS;
use crate::kernels::conv::{Geometry, check_scratch};
use crate::kernels::map::map;
use crate::kernels::reduce::Same;
use crate::kernels::window::sizes;
use crate::threads::{Ragged, for_each_with, pieces};

/// The number of parts of the sum over images, and the maximal total length of their partial sums.
const PARTS: usize = 32;
const PARTIAL: usize = 1 << 20;

/// Gᵀ u G, the adjoint of [`kernel_to_points`].
fn points_to_kernel<T: Real>(points: &[T; POINTS]) -> [T; 9] {
    let half = T::from_f64(0.5);
    let gather = |[a, b, c, d]: [T; 4]| [a + half * (b + c), half * (b - c), half * (b + c) + d];
    let rows: [[T; 3]; 4] = std::array::from_fn(|i| gather(std::array::from_fn(|j| points[4 * i + j])));
    let columns: [[T; 3]; 3] = std::array::from_fn(|j| gather(std::array::from_fn(|i| rows[i][j])));
    std::array::from_fn(|tap| columns[tap % 3][tap / 3])
}

/// How the work is split: into parts of the sum over images, and if these are few, a group's outputs into chunks.
pub(super) struct Cut {
    parts: usize,
    /// Outputs of a chunk; the last one may have fewer.
    outputs: usize,
    chunks: usize,
    /// Elements of a part's sums for all groups.
    sums: usize,
    band: Band,
}

impl Cut {
    pub(super) fn of(g: &Geometry) -> Cut {
        let sums = g.groups * g.outputs * sums_of_output(g);
        let parts = g.batch.min(PARTIAL / sums.max(1)).clamp(1, PARTS);
        let chunks = MIN_TASKS.div_ceil(parts * g.groups).min(g.outputs.div_ceil(CHUNK * LANES));
        let outputs = g.outputs.div_ceil(chunks).next_multiple_of(LANES);
        let band = Band::to_weight(&Geometry { outputs: g.outputs.min(outputs), ..*g });
        Cut { parts, outputs, chunks: g.outputs.div_ceil(outputs), sums, band }
    }

    /// The length of the scratch memory for a task.
    pub(super) fn scratch(&self, g: &Geometry) -> usize {
        self.band.weight_scratch(&Geometry { outputs: g.outputs.min(self.outputs), ..*g })
    }

    fn tasks(&self, g: &Geometry) -> usize {
        self.parts * g.groups * self.chunks
    }

    /// The part, the group and the chunk of a task.
    fn task(&self, g: &Geometry, task: usize) -> (usize, usize, usize) {
        (task / self.chunks / g.groups, task / self.chunks % g.groups, task % self.chunks)
    }
}

fn sums_of_output(g: &Geometry) -> usize {
    POINTS * g.axes[0].kernel * vectors(g.channels) * LANES
}

/// The length of the scratch memory for [`to_weight`].
pub(in crate::kernels::conv) fn weight_scratch(g: &Geometry) -> usize {
    let cut = Cut::of(g);
    let pieces = pieces(cut.tasks(g), g.is_parallel());
    cut.parts * cut.sums + LANES + pieces * cut.scratch(g)
}

/// `target =` the adjoint of w, or `+=`, given the output's adjoint `y`.
#[track_caller]
pub(in crate::kernels::conv) fn to_weight<T: Real>(
    g: &Geometry,
    x: &[T],
    y: &[T],
    target: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, _] = sizes(g.axes);
    let cut = Cut::of(g);
    let pieces = pieces(cut.tasks(g), g.is_parallel());
    check_scratch("to_weight", scratch, weight_scratch(g));
    let (sums, scratch) = aligned(scratch).split_at_mut(cut.parts * cut.sums);
    let start = |task: usize| {
        let (part, group, chunk) = cut.task(g, task);
        part * cut.sums + (group * g.outputs + chunk * cut.outputs) * sums_of_output(g)
    };
    for_each_with(pieces, cut.tasks(g), scratch, Ragged::new(sums, &start), &|scratch, tasks, mut sums| {
        for task in tasks {
            let (part, group, chunk) = cut.task(g, task);
            let outputs = chunk * cut.outputs..g.outputs.min((chunk + 1) * cut.outputs);
            let sums = sums.item(task);
            let geometry = &Geometry { outputs: outputs.len(), ..*g };
            for (i, image) in (part * g.batch / cut.parts..(part + 1) * g.batch / cut.parts).enumerate() {
                let image = image * g.groups + group;
                <T as Winograd>::to_weight(ToWeight {
                    geometry,
                    band: cut.band,
                    x: &x[image * g.channels * elements..][..g.channels * elements],
                    y: &y[(image * g.outputs + outputs.start) * places..][..outputs.len() * places],
                    sums,
                    write: if i == 0 { Write::Store } else { Write::Add },
                    scratch,
                });
            }
        }
    });
    let (sums, others) = sums.split_at_mut(cut.sums);
    for other in others.chunks_exact(cut.sums) {
        map(Same, [other], sums, Write::Add);
    }
    let (chunk, of_outputs) = (cut.outputs * sums_of_output(g), cut.outputs * g.channels * sizes(g.axes)[2]);
    let groups = sums.chunks_exact(cut.sums / g.groups).zip(target.chunks_exact_mut(target.len() / g.groups));
    for (sums, target) in groups {
        let chunks = sums.chunks(chunk).zip(target.chunks_mut(of_outputs));
        chunks.for_each(|(sums, target)| transform_back(g, sums, target, write));
    }
}

/// Gᵀ u G of every sum of some outputs.
fn transform_back<T: Real>(g: &Geometry, sums: &[T], target: &mut [T], write: Write) {
    let first = g.axes[0].kernel;
    let lanes = vectors(g.channels) * LANES;
    let point = sums.len() / POINTS;
    let outputs = point / (first * lanes);
    for (i, target) in target.as_chunks_mut::<9>().0.iter_mut().enumerate() {
        let (output, channel, tap) = (i / first / g.channels, i / first % g.channels, i % first);
        let at = (tap * outputs + output) * lanes + channel;
        let kernel = points_to_kernel(&std::array::from_fn(|k| sums[k * point + at]));
        for (target, part) in target.iter_mut().zip(kernel) {
            write.put(part, target);
        }
    }
}
