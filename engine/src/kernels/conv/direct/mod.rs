//! Convolutions with stride 1 in registers, without patches: single precision with AVX-512.
//!
//! An image is copied once, with its padding. Seen as one line of memory, the elements under a tap at neighbouring places
//! are neighbours too, also from the end of one row to the beginning of the next: there lie as many places that are
//! nobody's as a padded row is longer than a row of the output, and they are computed and dropped. So a tile of 8 outputs
//! and up to 48 places stands in registers while the sum over channels and taps runs, and a step of it is three loads
//! and 24 multiply-adds.
//!
//! The way back to the input is the same with the kernel flipped and the margins that are left of it. The way back to
//! the weight has tiles of its own (`to_weight`).

mod to_weight;

pub(super) use to_weight::{to_weight, weight_fits, weight_scratch};

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

/// Elements of a padded image up to which it stays in a processor's own cache.
const LARGEST: usize = 1 << 18;

/// Images and groups, the tasks here; of fewer not every thread would have some.
pub(super) const FEWEST: usize = 8;

/// A number type that may have tiles in registers.
pub trait Direct: Sized {
    /// Computes an image.
    ///
    /// # Panics
    /// If there are no tiles in this number type on this processor.
    #[doc(hidden)]
    fn image(image: &mut Image<'_, Self>);

    /// Computes the gradients of some outputs' weights.
    ///
    /// # Panics
    /// As [`image`](Direct::image).
    #[doc(hidden)]
    fn lines(lines: to_weight::Lines<'_, Self>);

    /// Whether [`image`](Direct::image) is there on this processor.
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

/// Whether a convolution of these sizes is one for tiles.
pub(super) fn fits(g: &Geometry) -> bool {
    let whole = g.axes.into_iter().all(|axis| axis.stride == 1 && axis.output > 0 && axis.kernel > 0);
    let is_dense = g.axes[2].output * 2 >= padded_length(g.axes[2]);
    whole
        && is_dense
        && g.channels > 0
        && g.outputs * 2 >= OUTPUTS
        && g.batch * g.groups >= FEWEST
        && padded(g) <= LARGEST
}

/// The convolution that leads from the output's adjoint to the input's, where its margins are none that cut.
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

/// Elements of a padded image, and what the last tile reads beyond it.
fn padded(g: &Geometry) -> usize {
    g.axes.into_iter().map(padded_length).fold(g.channels, usize::saturating_mul).saturating_add(WIDEST)
}

fn packed(g: &Geometry) -> usize {
    g.groups * g.outputs.next_multiple_of(OUTPUTS) * g.channels * sizes(g.axes)[2]
}

fn pieces_of(g: &Geometry) -> usize {
    pieces(g.batch * g.groups, g.is_parallel())
}

/// Numbers of scratch memory for [`run`].
pub(super) fn scratch(g: &Geometry) -> usize {
    packed(g) + pieces_of(g) * padded(g)
}

/// `out = x ∗ w + bias`, or `+=`. Where `is_flipped` says so, w is that of the convolution that this one leads back from.
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
        // The margins stay zero.
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

/// The weight of every 8 outputs side by side, for each channel and tap.
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
        unreachable!("`is_direct` says that there is none");
    }

    fn lines(_: to_weight::Lines<'_, f64>) {
        unreachable!("`is_direct` says that there is none");
    }

    fn is_direct() -> bool {
        false
    }
}

impl Direct for f32 {
    fn image(image: &mut Image<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "`is_direct` says that there is none");
            // SAFETY: the processor has the level's features.
            unsafe { x86::image(image) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`is_direct` says that there is none: {image:?}");
    }

    fn lines(lines: to_weight::Lines<'_, f32>) {
        #[cfg(target_arch = "x86_64")]
        {
            assert!(Level::Avx512.is_supported(), "`is_direct` says that there is none");
            // SAFETY: as above.
            unsafe { x86::lines(lines) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`is_direct` says that there is none: {lines:?}");
    }

    fn is_direct() -> bool {
        cfg!(target_arch = "x86_64") && level() == Level::Avx512
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_reduce_add_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::to_weight::{self, Lines, TAPS};
    use super::{Image, LANES, OUTPUTS, WIDEST, padded, padded_length};
    use crate::kernels::Write;
    use crate::kernels::window::sizes;

    /// A tile, row by row.
    type Tile = [[f32; WIDEST]; OUTPUTS];

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    pub(super) fn image(image: &mut Image<'_, f32>) {
        let g = image.geometry;
        let [z, y, x] = g.axes;
        let (height, width) = (padded_length(y), padded_length(x));
        let line = (y.output - 1) * width + x.output;
        let step = OUTPUTS * g.channels * sizes(g.axes)[2];
        let mut tile = [[0.0; WIDEST]; OUTPUTS];
        for at_z in 0..z.output {
            let mut from = 0;
            while from < line {
                let len = (line - from).min(WIDEST);
                for (block, weight) in image.weight.chunks_exact(step).enumerate() {
                    let first = block * OUTPUTS;
                    let outputs = OUTPUTS.min(g.outputs - first);
                    let mut bias = [0.0; OUTPUTS];
                    if let Some(all) = image.bias {
                        bias[..outputs].copy_from_slice(&all[first..first + outputs]);
                    }
                    let start = at_z * height * width + from;
                    match len.div_ceil(LANES) {
                        1 => compute::<1>(image, start, weight, &bias, &mut tile),
                        2 => compute::<2>(image, start, weight, &bias, &mut tile),
                        _ => compute::<3>(image, start, weight, &bias, &mut tile),
                    }
                    for (output, row) in (first..).zip(&tile[..outputs]) {
                        put(image, [output, at_z, from], &row[..len], width);
                    }
                }
                from += len;
            }
        }
    }

    /// A tile of `V` vectors a row, from this element of the padded image on.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    fn compute<const V: usize>(
        image: &Image<'_, f32>,
        start: usize,
        weight: &[f32],
        bias: &[f32; OUTPUTS],
        tile: &mut Tile,
    ) {
        let g = image.geometry;
        let [z, y, x] = g.axes;
        let (height, width) = (padded_length(y), padded_length(x));
        let (plane, volume) = (height * width, padded_length(z) * height * width);
        let reach =
            (z.kernel - 1) * z.dilation * plane + (y.kernel - 1) * y.dilation * width + (x.kernel - 1) * x.dilation;
        assert!(start + (g.channels - 1) * volume + reach + V * LANES <= image.padded.len(), "a tile beyond the image");
        assert!(weight.len() == g.channels * z.kernel * y.kernel * x.kernel * OUTPUTS, "{} weights", weight.len());
        let mut sums = bias.map(|bias| [_mm512_set1_ps(bias); V]);
        let mut weights = weight.as_chunks::<OUTPUTS>().0.iter();
        for channel in 0..g.channels {
            for tap_z in 0..z.kernel {
                for tap_y in 0..y.kernel {
                    let row = start + channel * volume + tap_z * z.dilation * plane + tap_y * y.dilation * width;
                    for (tap_x, weight) in (0..x.kernel).zip(&mut weights) {
                        let from = row + tap_x * x.dilation;
                        // SAFETY: no load ends behind the largest offset, which was checked above to lie within.
                        let x: [_; V] = std::array::from_fn(|v| unsafe {
                            _mm512_loadu_ps(image.padded.as_ptr().add(from + v * LANES))
                        });
                        for (sums, &w) in sums.iter_mut().zip(weight) {
                            let w = _mm512_set1_ps(w);
                            for (sum, &x) in sums.iter_mut().zip(&x) {
                                *sum = _mm512_fmadd_ps(x, w, *sum);
                            }
                        }
                    }
                }
            }
        }
        for (row, sums) in tile.iter_mut().zip(&sums) {
            for (v, &sum) in sums.iter().enumerate() {
                let part = &mut row[v * LANES..(v + 1) * LANES];
                // SAFETY: the part has as many elements as a vector.
                unsafe { _mm512_storeu_ps(part.as_mut_ptr(), sum) };
            }
        }
    }

    /// The places of a row of a tile that are the output's.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    fn put(image: &mut Image<'_, f32>, [output, at_z, from]: [usize; 3], row: &[f32], width: usize) {
        let [z, y, x] = image.geometry.axes;
        let end = from + row.len();
        for at_y in from / width..end.div_ceil(width) {
            let line = (at_y * width).max(from)..(at_y * width + x.output).min(end);
            if line.is_empty() {
                continue;
            }
            let start = ((output * z.output + at_z) * y.output + at_y) * x.output + line.start - at_y * width;
            let (out, row) = (&mut image.out[start..start + line.len()], &row[line.start - from..line.end - from]);
            match image.write {
                Write::Store => out.iter_mut().zip(row).for_each(|(out, &y)| *out = y),
                Write::Add => out.iter_mut().zip(row).for_each(|(out, &y)| *out += y),
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    pub(super) fn lines(mut lines: Lines<'_, f32>) {
        let g = lines.geometry;
        let taps = sizes(g.axes)[2];
        let offset = |tap: usize| {
            let [z, y, x] = g.axes;
            let (channel, tap) = (tap / taps, tap % taps);
            let [at_z, at_y, at_x] = [tap / (y.kernel * x.kernel), tap / x.kernel % y.kernel, tap % x.kernel];
            let plane = channel * padded_length(z) + at_z * z.dilation;
            (plane * padded_length(y) + at_y * y.dilation) * padded_length(x) + at_x * x.dilation
        };
        for first in (0..g.channels * taps).step_by(TAPS) {
            // Beyond the last tap the last one is computed again, and dropped.
            let offsets = std::array::from_fn(|i| offset((first + i).min(g.channels * taps - 1)));
            match lines.outputs {
                1 => sum_lines::<1>(&mut lines, first, offsets),
                2 => sum_lines::<2>(&mut lines, first, offsets),
                3 => sum_lines::<3>(&mut lines, first, offsets),
                _ => sum_lines::<{ to_weight::OUTPUTS }>(&mut lines, first, offsets),
            }
        }
    }

    /// A tile of `R` outputs and the taps at these offsets. Every loop over the sums has a length that the compiler knows,
    /// so that they stay in registers.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    #[expect(clippy::needless_range_loop, reason = "the compiler unrolls these")]
    fn sum_lines<const R: usize>(lines: &mut Lines<'_, f32>, first: usize, offsets: [usize; TAPS]) {
        let g = lines.geometry;
        let [z, y, x] = g.axes;
        let (line, plane) = (to_weight::line(g), padded_length(y) * padded_length(x));
        let reach = offsets.into_iter().max().unwrap_or(0);
        assert!((z.output - 1) * plane + reach + line <= padded(g), "a line beyond the image");
        let mut sums = [[_mm512_setzero_ps(); TAPS]; R];
        let images = lines.x.chunks_exact(padded(g)).zip(lines.y.chunks_exact(R * z.output * line));
        for (from, y) in images {
            for at in 0..z.output {
                for i in (0..line).step_by(LANES) {
                    // SAFETY: `y` has `R · z.output` lines, of which no vector crosses the end; those of `from` end
                    // behind the largest offset of a line's end, which was checked above to lie within.
                    let y: [_; R] = std::array::from_fn(|r| unsafe {
                        _mm512_loadu_ps(y.as_ptr().add((r * z.output + at) * line + i))
                    });
                    for t in 0..TAPS {
                        // SAFETY: as above.
                        let x = unsafe { _mm512_loadu_ps(from.as_ptr().add(at * plane + offsets[t] + i)) };
                        for r in 0..R {
                            sums[r][t] = _mm512_fmadd_ps(x, y[r], sums[r][t]);
                        }
                    }
                }
            }
        }
        let all = g.channels * z.kernel * g.axes[1].kernel * x.kernel;
        for r in 0..R {
            for t in 0..TAPS {
                let sum = _mm512_reduce_add_ps(sums[r][t]);
                if first + t < all {
                    let to = &mut lines.sums[r * all + first + t];
                    lines.write.put(sum, to);
                }
            }
        }
    }
}
