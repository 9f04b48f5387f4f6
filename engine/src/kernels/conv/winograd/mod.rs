//! Winograd convolution for 3×3 kernels (along the last two axes) with stride 1: single precision with AVX-512.
//!
//! Winograd's form F(2×2, 3×3), see Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section
//! 4: the outputs form tiles of 2×2, which read 4×4 elements. Elements and kernel are each transformed to 16 numbers,
//! multiplied, and transformed back: 16 multiplications instead of 36. The sums over channels, and over taps along the
//! first axis, are taken between the transforms, so they are 16 matrix products. The factors of the transforms are 1,
//! −1 and ½ and cost little accuracy: a test bounds the error by twice that of plain sums. The weight's adjoint uses
//! the transposed form.
//!
//! Channels are the lanes of vectors. Bands of tile rows that fit into a core's own cache are transformed and
//! multiplied together. The adjoint of the input is the forward convolution with the kernel flipped.

mod to_weight;
#[cfg(target_arch = "x86_64")]
mod x86;

use to_weight::Cut;
pub(super) use to_weight::{to_weight, weight_scratch};

use crate::Real;
use crate::kernels::Write;
use crate::kernels::conv::direct::MIN_TASKS;
use crate::kernels::conv::{Geometry, check_scratch};
use crate::kernels::dispatch::Level;
use crate::kernels::window::{Axis, sizes};
use crate::threads::{Rows, for_each_with, pieces};

/// Channels of a vector.
const LANES: usize = 16;

/// Vectors of outputs that are computed together.
const CHUNK: usize = 2;

/// Numbers of a transformed tile.
const POINTS: usize = 16;

/// The minimum number of channels and outputs for which the transforms pay off.
const MIN_CHANNELS: usize = 16;

/// The maximal number of tiles of a band, and of elements of its transformed tiles.
const TILES: usize = 64;
const BAND: usize = 1 << 17;
const WEIGHT_BAND: usize = 5 << 15;

/// The largest scratch memory of a band, in elements, for which this is used.
const LARGEST: usize = 1 << 19;

/// A scalar type that may support Winograd convolution.
pub trait Winograd: Sized {
    /// Computes an image.
    ///
    /// # Panics
    /// If Winograd convolution is not supported for this scalar type on this processor.
    #[doc(hidden)]
    fn image(image: Image<'_, Self>);

    /// Adds an image's part to the adjoint of the transformed weight.
    ///
    /// # Panics
    /// As [`image`](Winograd::image).
    #[doc(hidden)]
    fn to_weight(image: ToWeight<'_, Self>);
}

/// One image and group.
#[doc(hidden)]
#[derive(Debug)]
pub struct Image<'a, T> {
    geometry: &'a Geometry,
    x: &'a [T],
    /// See [`transform`].
    weight: &'a [T],
    bias: Option<&'a [T]>,
    out: &'a mut [T],
    write: Write,
    scratch: &'a mut [T],
}

/// One image and group for the adjoint of the weight of `geometry`'s outputs, which may be a part of a group's.
#[doc(hidden)]
#[derive(Debug)]
pub struct ToWeight<'a, T> {
    geometry: &'a Geometry,
    band: Band,
    x: &'a [T],
    y: &'a [T],
    /// One vector of all channels per point, first tap and output.
    sums: &'a mut [T],
    write: Write,
    scratch: &'a mut [T],
}

/// Whether Winograd convolution handles these sizes. Not too many tiles may be cut off at the edges.
pub(super) fn supports(g: &Geometry) -> bool {
    let [z, y, x] = g.axes;
    let is_whole = |axis: Axis| axis.stride == 1 && axis.output > 0 && axis.input > 0 && axis.kernel > 0;
    let has_three = |axis: Axis| axis.kernel == 3 && axis.dilation == 1;
    g.axes.into_iter().all(is_whole)
        && has_three(y)
        && has_three(x)
        && z.dilation == 1
        && 4 * POINTS * tiles(y) * tiles(x) <= 3 * 9 * y.output * x.output
        && g.channels.min(g.outputs) >= MIN_CHANNELS
        && g.batch * g.groups >= MIN_TASKS
        && Band::of(g).scratch(g) <= LARGEST
        && Cut::of(g).scratch(g) <= LARGEST
}

fn tiles(axis: Axis) -> usize {
    axis.output.div_ceil(2)
}

fn vectors(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// The distance in vectors between points. An even number would map the points' lines to the same cache sets.
fn point_stride(vectors: usize) -> usize {
    vectors | 1
}

/// Tile rows that are processed together.
#[derive(Clone, Copy, Debug)]
struct Band {
    rows: usize,
}

impl Band {
    fn of(g: &Geometry) -> Band {
        Band::new(g, g.axes[0].input * vectors(g.channels), BAND, TILES)
    }

    fn to_weight(g: &Geometry) -> Band {
        let [z, ..] = g.axes;
        Band::new(g, z.input * vectors(g.channels) + z.output * vectors(g.outputs), WEIGHT_BAND, 2 * TILES)
    }

    /// Bands of about equal height, with this many vectors per tile and point.
    fn new(g: &Geometry, vectors: usize, elements: usize, most: usize) -> Band {
        let [_, y, x] = g.axes;
        let row = tiles(x) * vectors * POINTS * LANES;
        let rows = (elements / row).min(most / tiles(x)).clamp(1, tiles(y));
        Band { rows: tiles(y).div_ceil(tiles(y).div_ceil(rows)) }
    }

    /// Tiles of a plane.
    fn tiles(self, g: &Geometry) -> usize {
        self.rows * tiles(g.axes[2])
    }

    /// Vectors of the plane's elements that a band reads.
    fn elements(self, g: &Geometry) -> usize {
        (2 * self.rows + 2) * (2 * tiles(g.axes[2]) + 2) * vectors(g.channels)
    }

    /// Vectors of the transformed tiles of `planes` planes.
    fn points(self, g: &Geometry, planes: usize, channels: usize) -> usize {
        planes * POINTS * point_stride(self.tiles(g) * vectors(channels))
    }

    /// The length of the scratch memory for an image.
    fn scratch(self, g: &Geometry) -> usize {
        let products = POINTS * point_stride(self.tiles(g) * CHUNK);
        let outputs = 4 * self.tiles(g) * CHUNK;
        let vectors = self.elements(g) + self.points(g, g.axes[0].input, g.channels) + products + outputs;
        (vectors + 1) * LANES
    }

    /// The length of the scratch memory for the adjoint of the weight.
    fn weight_scratch(self, g: &Geometry) -> usize {
        let [z, ..] = g.axes;
        let outputs = 4 * self.tiles(g) * vectors(g.outputs);
        let points = self.points(g, z.input, g.channels) + self.points(g, z.output, g.outputs);
        (self.elements(g) + outputs + points + 1) * LANES
    }
}

/// The part of a slice that is aligned for vectors.
fn aligned<T>(scratch: &mut [T]) -> &mut [T] {
    let skip = scratch.as_ptr().align_offset(LANES * size_of::<f32>());
    &mut scratch[skip..]
}

/// Elements of a group's transformed weight.
fn transformed(g: &Geometry) -> usize {
    POINTS * g.axes[0].kernel * g.channels * vectors(g.outputs) * LANES
}

fn pieces_of(g: &Geometry) -> usize {
    pieces(g.batch * g.groups, g.is_parallel())
}

/// The length of the scratch memory for [`run`].
pub(super) fn scratch(g: &Geometry) -> usize {
    g.groups * transformed(g) + LANES + pieces_of(g) * Band::of(g).scratch(g)
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
    let each = transformed(g);
    check_scratch(name, scratch, self::scratch(g));
    let (weight, scratch) = aligned(scratch).split_at_mut(g.groups * each);
    for (group, weight) in weight.chunks_exact_mut(each).enumerate() {
        transform(g, w, (group, is_flipped), weight);
    }
    let (weight, out) = (&*weight, Rows::new(out, g.outputs * places));
    for_each_with(pieces_of(g), g.batch * g.groups, scratch, out, &|scratch, images, mut out| {
        for (i, image) in images.enumerate() {
            let group = image % g.groups;
            <T as Winograd>::image(Image {
                geometry: g,
                x: &x[image * g.channels * elements..][..g.channels * elements],
                weight: &weight[group * each..][..each],
                bias: bias.map(|bias| &bias[group * g.outputs..][..g.outputs]),
                out: out.row(i),
                write,
                scratch,
            });
        }
    });
}

/// G g Gᵀ of all kernels of a group: the outputs are contiguous, for each chunk of outputs, point, tap along the first
/// axis and channel.
fn transform<T: Real>(g: &Geometry, w: &[T], (group, is_flipped): (usize, bool), out: &mut [T]) {
    let first = g.axes[0].kernel;
    let taps = 9 * first;
    let whole = vectors(g.outputs) * LANES;
    out.fill(T::ZERO);
    for output in 0..g.outputs {
        let chunk = output / (CHUNK * LANES) * CHUNK * LANES;
        let width = (CHUNK * LANES).min(whole - chunk);
        let out = &mut out[chunk * POINTS * first * g.channels + output - chunk..];
        for channel in 0..g.channels {
            let from = match is_flipped {
                true => (group * g.channels + channel) * g.outputs + output,
                false => (group * g.outputs + output) * g.channels + channel,
            };
            let kernel = &w[from * taps..][..taps];
            for tap in 0..first {
                let points = match is_flipped {
                    true => kernel_to_points(&std::array::from_fn(|i| kernel[taps - 1 - tap * 9 - i])),
                    false => kernel_to_points(&std::array::from_fn(|i| kernel[tap * 9 + i])),
                };
                for (point, value) in points.into_iter().enumerate() {
                    out[((point * first + tap) * g.channels + channel) * width] = value;
                }
            }
        }
    }
}

/// G g Gᵀ.
fn kernel_to_points<T: Real>(kernel: &[T; 9]) -> [T; POINTS] {
    let half = T::from_f64(0.5);
    let spread = |[a, b, c]: [T; 3]| [a, half * (a + c + b), half * (a + c - b), c];
    let columns: [[T; 4]; 3] = std::array::from_fn(|j| spread([kernel[j], kernel[3 + j], kernel[6 + j]]));
    let rows: [[T; 4]; 4] = std::array::from_fn(|i| spread([columns[0][i], columns[1][i], columns[2][i]]));
    std::array::from_fn(|point| rows[point / 4][point % 4])
}

impl Winograd for f64 {
    fn image(_: Image<'_, f64>) {
        unreachable!("`Direct::is_direct` is false");
    }

    fn to_weight(_: ToWeight<'_, f64>) {
        unreachable!("`Direct::is_direct` is false");
    }
}

impl Winograd for f32 {
    fn image(image: Image<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "Winograd convolution needs AVX-512: check `Direct::is_direct`");
            // SAFETY: the processor has the level's features.
            unsafe { x86::image(image) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`Direct::is_direct` is false: {image:?}");
    }

    fn to_weight(image: ToWeight<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "Winograd convolution needs AVX-512: check `Direct::is_direct`");
            // SAFETY: as above.
            unsafe { x86::to_weight(image) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`Direct::is_direct` is false: {image:?}");
    }
}
