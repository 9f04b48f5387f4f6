//! AVX-512 tiles of direct convolution: forward, and the adjoint of the weight.

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

/// Computes a tile with `V` vectors per row, from this element of the padded image on.
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
    let reach = (z.kernel - 1) * z.dilation * plane + (y.kernel - 1) * y.dilation * width + (x.kernel - 1) * x.dilation;
    assert!(start + (g.channels - 1) * volume + reach + V * LANES <= image.padded.len(), "a tile exceeds the image");
    assert!(
        weight.len() == g.channels * z.kernel * y.kernel * x.kernel * OUTPUTS,
        "{} weights do not match the geometry",
        weight.len()
    );
    let mut sums = bias.map(|bias| [_mm512_set1_ps(bias); V]);
    let mut weights = weight.as_chunks::<OUTPUTS>().0.iter();
    for channel in 0..g.channels {
        for tap_z in 0..z.kernel {
            for tap_y in 0..y.kernel {
                let row = start + channel * volume + tap_z * z.dilation * plane + tap_y * y.dilation * width;
                for (tap_x, weight) in (0..x.kernel).zip(&mut weights) {
                    let from = row + tap_x * x.dilation;
                    // SAFETY: no load ends after the largest offset, which was checked above to lie within.
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

/// Writes the places of a tile's row that belong to the output.
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
        // Past the last tap, the last one is computed again and discarded.
        let offsets = std::array::from_fn(|i| offset((first + i).min(g.channels * taps - 1)));
        match lines.outputs {
            1 => sum_lines::<1>(&mut lines, first, offsets),
            2 => sum_lines::<2>(&mut lines, first, offsets),
            3 => sum_lines::<3>(&mut lines, first, offsets),
            _ => sum_lines::<{ to_weight::OUTPUTS }>(&mut lines, first, offsets),
        }
    }
}

/// A tile of `R` outputs and the taps at these offsets. All loops over the sums have lengths known at compile time, so
/// that the sums stay in registers.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
#[expect(clippy::needless_range_loop, reason = "the compiler unrolls these")]
fn sum_lines<const R: usize>(lines: &mut Lines<'_, f32>, first: usize, offsets: [usize; TAPS]) {
    let g = lines.geometry;
    let [z, y, x] = g.axes;
    let (line, plane) = (to_weight::line(g), padded_length(y) * padded_length(x));
    let reach = offsets.into_iter().max().unwrap_or(0);
    assert!((z.output - 1) * plane + reach + line <= padded(g), "a line exceeds the image");
    let mut sums = [[_mm512_setzero_ps(); TAPS]; R];
    let images = lines.x.chunks_exact(padded(g)).zip(lines.y.chunks_exact(R * z.output * line));
    for (from, y) in images {
        for at in 0..z.output {
            for i in (0..line).step_by(LANES) {
                // SAFETY: `y` has `R · z.output` lines, of which no vector crosses the end; those of `from` end
                // after the largest offset of a line's end, which was checked above to lie within.
                let y: [_; R] =
                    std::array::from_fn(|r| unsafe { _mm512_loadu_ps(y.as_ptr().add((r * z.output + at) * line + i)) });
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
