//! Direct convolution with stride 1, in registers and without patches: single precision with AVX-512.
//!
//! An image is copied once, with its padding. In this contiguous copy, the elements under a tap at neighbouring places
//! are adjacent, also from the end of one row to the beginning of the next. There lie as many superfluous places as a
//! padded row is longer than an output row; they are computed and discarded. A tile of 8 outputs and up to 48 places
//! stays in registers during the sum over channels and taps, and one step of it is three loads and 24 multiply-adds.
//!
//! The adjoint of the input is the same convolution with the kernel flipped and the remaining padding. The adjoint of
//! the weight has its own tiles (`to_weight`).

mod to_weight;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use to_weight::{supports_weight, to_weight, weight_scratch};

use crate::Real;
use crate::kernels::Write;
use crate::kernels::conv::{Geometry, check_scratch};
use crate::kernels::dispatch::{Level, level};
use crate::kernels::window::{Axis, sizes};
use crate::threads::{Rows, for_each_with, pieces};

/// Outputs of a tile.
const OUTPUTS: usize = 8;

/// Places of a vector, and of the widest tile.
const LANES: usize = 16;
const WIDEST: usize = 3 * LANES;

/// The largest padded image, in elements, for which this is used: it fits into a core's own cache.
const LARGEST: usize = 1 << 18;

/// The minimum number of tasks (images times groups), so that every thread gets some.
pub(super) const MIN_TASKS: usize = 8;

/// A scalar type that may support direct convolution.
pub trait Direct: Sized {
    /// Computes an image.
    ///
    /// # Panics
    /// If direct convolution is not supported for this scalar type on this processor.
    #[doc(hidden)]
    fn image(image: &mut Image<'_, Self>);

    /// Computes the gradients of some outputs' weights.
    ///
    /// # Panics
    /// As [`image`](Direct::image).
    #[doc(hidden)]
    fn lines(lines: to_weight::Lines<'_, Self>);

    /// Whether [`image`](Direct::image) is supported on this processor.
    #[doc(hidden)]
    fn is_direct() -> bool;
}

/// One image and group.
#[doc(hidden)]
#[derive(Debug)]
pub struct Image<'a, T> {
    geometry: &'a Geometry,
    padded: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    out: &'a mut [T],
    write: Write,
}

/// Whether direct convolution handles these sizes.
pub(super) fn supports(g: &Geometry) -> bool {
    let whole = g.axes.into_iter().all(|axis| axis.stride == 1 && axis.output > 0 && axis.kernel > 0);
    let is_dense = g.axes[2].output * 2 >= padded_length(g.axes[2]);
    whole
        && is_dense
        && g.channels > 0
        && g.outputs * 2 >= OUTPUTS
        && g.batch * g.groups >= MIN_TASKS
        && padded(g) <= LARGEST
}

/// The convolution that computes the input's adjoint from the output's, unless its padding would be negative.
pub(super) fn flipped(g: &Geometry) -> Option<Geometry> {
    let mut axes = g.axes;
    for axis in &mut axes {
        let reach = axis.dilation * axis.kernel.checked_sub(1)?;
        let padding = reach.checked_sub(axis.padding)?;
        *axis = Axis { input: axis.output, output: axis.input, padding, ..*axis };
    }
    Some(Geometry { channels: g.outputs, outputs: g.channels, axes, ..*g })
}

fn padded_length(axis: Axis) -> usize {
    axis.input + 2 * axis.padding
}

/// Elements of a padded image, plus those that the last tile reads past its end.
fn padded(g: &Geometry) -> usize {
    g.axes.into_iter().map(padded_length).fold(g.channels, usize::saturating_mul).saturating_add(WIDEST)
}

fn packed(g: &Geometry) -> usize {
    g.groups * g.outputs.next_multiple_of(OUTPUTS) * g.channels * sizes(g.axes)[2]
}

fn pieces_of(g: &Geometry) -> usize {
    pieces(g.batch * g.groups, g.is_parallel())
}

/// The length of the scratch memory for [`run`].
pub(super) fn scratch(g: &Geometry) -> usize {
    packed(g) + pieces_of(g) * padded(g)
}

/// `out = x ∗ w + bias`, or `+=`. If `is_flipped`, w is the weight of the convolution whose input adjoint this
/// computes.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "a product, what it is of, and where it goes")]
pub(super) fn run<T: Real>(
    name: &str,
    g: &Geometry,
    x: &[T],
    (w, is_flipped): (&[T], bool),
    bias: Option<&[T]>,
    out: &mut [T],
    write: Write,
    scratch: &mut [T],
) {
    let [elements, places, _] = sizes(g.axes);
    check_scratch(name, scratch, self::scratch(g));
    let (weight, scratch) = scratch.split_at_mut(packed(g));
    pack(g, w, is_flipped, weight);
    let each = weight.len() / g.groups;
    let (weight, out) = (&*weight, Rows::new(out, g.outputs * places));
    for_each_with(pieces_of(g), g.batch * g.groups, scratch, out, &|padded, images, mut out| {
        // The padding stays zero.
        padded.fill(T::ZERO);
        for (i, image) in images.enumerate() {
            let group = image % g.groups;
            copy_inside(g, &x[image * g.channels * elements..][..g.channels * elements], padded);
            <T as Direct>::image(&mut Image {
                geometry: g,
                padded,
                weight: &weight[group * each..][..each],
                bias: bias.map(|bias| &bias[group * g.outputs..][..g.outputs]),
                out: out.row(i),
                write,
            });
        }
    });
}

/// Packs the weights: 8 outputs contiguously, for each channel and tap.
fn pack<T: Real>(g: &Geometry, w: &[T], is_flipped: bool, out: &mut [T]) {
    let taps = sizes(g.axes)[2];
    let blocks = g.outputs.div_ceil(OUTPUTS);
    let step = g.channels * taps;
    for (i, tile) in out.chunks_exact_mut(OUTPUTS).enumerate() {
        let (block, at) = (i / step, i % step);
        let (group, first) = (block / blocks, block % blocks * OUTPUTS);
        let (channel, tap) = (at / taps, at % taps);
        for (lane, value) in tile.iter_mut().enumerate() {
            let output = first + lane;
            let from = if is_flipped {
                ((group * g.channels + channel) * g.outputs + output) * taps + (taps - 1 - tap)
            } else {
                ((group * g.outputs + output) * g.channels + channel) * taps + tap
            };
            *value = if output < g.outputs { w[from] } else { T::ZERO };
        }
    }
}

fn copy_inside<T: Real>(g: &Geometry, x: &[T], padded: &mut [T]) {
    let [z, y, line] = g.axes;
    if x.is_empty() {
        return;
    }
    for (row, x) in x.chunks_exact(line.input).enumerate() {
        let (plane, at_y) = (row / y.input, row % y.input);
        let (channel, at_z) = (plane / z.input, plane % z.input);
        let plane = channel * padded_length(z) + z.padding + at_z;
        let start = (plane * padded_length(y) + y.padding + at_y) * padded_length(line) + line.padding;
        padded[start..start + line.input].copy_from_slice(x);
    }
}

impl Direct for f64 {
    fn image(_: &mut Image<'_, f64>) {
        unreachable!("`is_direct` is false");
    }

    fn lines(_: to_weight::Lines<'_, f64>) {
        unreachable!("`is_direct` is false");
    }

    fn is_direct() -> bool {
        false
    }
}

impl Direct for f32 {
    fn image(image: &mut Image<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "direct convolution needs AVX-512: check `is_direct`");
            // SAFETY: the processor has the level's features.
            unsafe { x86::image(image) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`is_direct` is false: {image:?}");
    }

    fn lines(lines: to_weight::Lines<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "direct convolution needs AVX-512: check `is_direct`");
            // SAFETY: as above.
            unsafe { x86::lines(lines) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`is_direct` is false: {lines:?}");
    }

    fn is_direct() -> bool {
        cfg!(target_arch = "x86_64") && level() == Level::Avx512
    }
}
