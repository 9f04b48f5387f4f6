//! AVX-512 transforms of Winograd convolution, with channels as lanes, and the calls of the products between them.

mod products;

use std::arch::x86_64::{
    __m512, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_sub_ps,
};

use products::{Product, multiply};

use super::{Band, CHUNK, Image, LANES, POINTS, ToWeight, point_stride, tiles, vectors};
use crate::kernels::Write;
use crate::kernels::avx512::{first_lanes, transpose, with_features};
use crate::kernels::conv::Geometry;
use crate::kernels::window::{Axis, sizes};

/// How many rows of a plane are prefetched.
const PREFETCHED_ROWS: usize = 2;

/// The memory layout of a band's tiles and their transforms, in vectors.
#[derive(Clone, Copy)]
struct Layout {
    /// Rows of tiles, and tiles per row.
    tiles: [usize; 2],
    /// Vectors per tile.
    vectors: usize,
    /// The distance between points.
    point_stride: usize,
}

impl Layout {
    fn new(tiles: [usize; 2], vectors: usize) -> Layout {
        Layout { tiles, vectors, point_stride: point_stride(tiles[0] * tiles[1] * vectors) }
    }

    fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Vectors of all points.
    fn points(&self) -> usize {
        POINTS * self.point_stride
    }
}

/// A window of a plane of every channel.
#[derive(Clone, Copy)]
struct Window {
    axes: [Axis; 2],
    channels: usize,
    /// The distance between channels.
    point_stride: usize,
    /// The first row, counted from the padding's.
    top: usize,
    padding: [usize; 2],
    rows: usize,
    columns: usize,
}

impl Window {
    /// The input window that `rows` tile rows from `top` on read.
    fn of_elements(g: &Geometry, top: usize, rows: usize) -> Window {
        let [_, y, line] = g.axes;
        Window {
            axes: [y, line].map(|axis| Axis { output: axis.input, ..axis }),
            channels: g.channels,
            point_stride: sizes(g.axes)[0],
            top: 2 * top,
            padding: [y.padding, line.padding],
            rows: 2 * rows + 2,
            columns: 2 * tiles(line) + 2,
        }
    }
}

with_features! {

pub(super) fn image(image: Image<'_, f32>) {
    let Image { geometry: g, x, weight, bias, out, write, scratch } = image;
    let [z, y, line] = g.axes;
    let [_, places, _] = sizes(g.axes);
    let band = Band::of(g);
    let (inputs, outputs) = (vectors(g.channels), vectors(g.outputs));
    let (padded, scratch) = as_vectors(scratch).split_at_mut(band.elements(g));
    let (points, scratch) = scratch.split_at_mut(band.points(g, z.input, g.channels));
    let (products, pixels) = scratch.split_at_mut(POINTS * point_stride(band.tiles(g) * CHUNK));
    for top in (0..tiles(y)).step_by(band.rows) {
        let rows = band.rows.min(tiles(y) - top);
        let input = Layout::new([rows, tiles(line)], inputs);
        let window = Window::of_elements(g, top, rows);
        for (at, points) in points.chunks_exact_mut(input.points()).take(z.input).enumerate() {
            pack(&window, &x[at * y.input * line.input..], padded);
            transform_input(padded, input, points);
        }
        for at in 0..z.output {
            let taps = z.taps(at);
            for chunk in (0..outputs).step_by(CHUNK) {
                let width = CHUNK.min(outputs - chunk);
                let output = Layout::new(input.tiles, width);
                let weight = &weight[chunk * LANES * POINTS * z.kernel * g.channels..];
                for point in 0..POINTS {
                    let from = if taps.is_empty() { 0 } else { z.element(at, taps.start) };
                    let product = Product {
                        a: &as_numbers(points)[(from * POINTS + point) * input.point_stride * LANES..],
                        a_plane: input.points() * LANES,
                        a_step: 1,
                        a_row: inputs * LANES,
                        b: &weight[(point * z.kernel + taps.start) * g.channels * width * LANES..],
                        b_plane: g.channels * width * LANES,
                        b_step: width * LANES,
                        planes: taps.len(),
                        len: g.channels,
                    };
                    let out = &mut products[point * output.point_stride..];
                    multiply(&product, output.count(), width, out, width, Write::Store);
                }
                let first = chunk * LANES;
                let count = (width * LANES).min(g.outputs - first);
                let mut biases = [0.0; CHUNK * LANES];
                if let Some(bias) = bias {
                    biases[..count].copy_from_slice(&bias[first..first + count]);
                }
                transform_output(products, output, &biases, pixels);
                let window = Window {
                    axes: [y, line],
                    channels: count,
                    point_stride: places,
                    top: 2 * top,
                    padding: [0, 0],
                    rows: 2 * rows,
                    columns: 2 * tiles(line),
                };
                unpack(&window, pixels, &mut out[first * places + at * y.output * line.output..], write);
            }
        }
    }
}

pub(super) fn to_weight(image: ToWeight<'_, f32>) {
    let ToWeight { geometry: g, band, x, y: adjoint, sums, mut write, scratch } = image;
    let [z, y, line] = g.axes;
    let [_, places, _] = sizes(g.axes);
    let (inputs, outputs) = (vectors(g.channels), vectors(g.outputs));
    let (padded, scratch) = as_vectors(scratch).split_at_mut(band.elements(g));
    let (pixels, scratch) = scratch.split_at_mut(4 * band.tiles(g) * outputs);
    let (points, y_points) = scratch.split_at_mut(band.points(g, z.input, g.channels));
    let sums = as_vectors(sums);
    for top in (0..tiles(y)).step_by(band.rows) {
        let rows = band.rows.min(tiles(y) - top);
        let input = Layout::new([rows, tiles(line)], inputs);
        let output = Layout::new(input.tiles, outputs);
        let window = Window::of_elements(g, top, rows);
        for (at, points) in points.chunks_exact_mut(input.points()).take(z.input).enumerate() {
            pack(&window, &x[at * y.input * line.input..], padded);
            transform_input(padded, input, points);
        }
        let window = Window {
            axes: [y, line],
            channels: g.outputs,
            point_stride: places,
            padding: [0, 0],
            rows: 2 * rows,
            columns: 2 * tiles(line),
            ..window
        };
        for (at, points) in y_points.chunks_exact_mut(output.points()).take(z.output).enumerate() {
            pack(&window, &adjoint[at * y.output * line.output..], pixels);
            transform_adjoint(pixels, output, points);
        }
        for point in 0..POINTS {
            for tap in 0..z.kernel {
                let planes = z.places(tap);
                let (start, from) =
                    if planes.is_empty() { (0, 0) } else { (planes.start, z.element(planes.start, tap)) };
                let sums = &mut sums[(point * z.kernel + tap) * g.outputs * inputs..][..g.outputs * inputs];
                for chunk in (0..inputs).step_by(CHUNK) {
                    let product = Product {
                        a: &as_numbers(y_points)[(start * POINTS + point) * output.point_stride * LANES..],
                        a_plane: output.points() * LANES,
                        a_step: outputs * LANES,
                        a_row: 1,
                        b: &as_numbers(points)[((from * POINTS + point) * input.point_stride + chunk) * LANES..],
                        b_plane: input.points() * LANES,
                        b_step: inputs * LANES,
                        planes: planes.len(),
                        len: input.count(),
                    };
                    let width = CHUNK.min(inputs - chunk);
                    multiply(&product, g.outputs, width, &mut sums[chunk..], inputs, write);
                }
            }
        }
        write = Write::Add;
    }
}

/// Reinterprets an aligned slice as vectors.
fn as_vectors(numbers: &mut [f32]) -> &mut [__m512] {
    // SAFETY: any bits are numbers.
    unsafe { numbers.align_to_mut() }.1
}

fn as_numbers(vectors: &[__m512]) -> &[f32] {
    // SAFETY: a vector is `LANES` numbers, and its alignment is greater.
    unsafe { std::slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * LANES) }
}

/// Loads at most a vector, filled up with zeros.
fn load(from: &[f32]) -> __m512 {
    // SAFETY: the mask selects only the slice's elements.
    unsafe { _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr()) }
}

/// Prefetches: with this many channels, the hardware prefetcher does not detect the streams.
fn prefetch(from: &[f32], at: usize) {
    _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(at).cast());
}

fn store(to: &mut [f32], vector: __m512) {
    // SAFETY: as for `load`.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first_lanes(to.len()), vector) }
}

/// Copies a window's elements, with channels as lanes, surrounded by zero padding.
fn pack(window: &Window, x: &[f32], out: &mut [__m512]) {
    let &Window { axes: [y, line], channels, point_stride, top, padding, rows, columns } = window;
    let blocks = vectors(channels);
    let inside = padding[1].min(columns)..(padding[1] + line.output).min(columns);
    for (row, out) in out.chunks_exact_mut(columns * blocks).take(rows).enumerate() {
        let at = (top + row).wrapping_sub(padding[0]);
        if at >= y.output {
            out.fill(_mm512_setzero_ps());
            continue;
        }
        out[..inside.start * blocks].fill(_mm512_setzero_ps());
        out[inside.end * blocks..].fill(_mm512_setzero_ps());
        for block in 0..blocks {
            let all = block * LANES..channels.min((block + 1) * LANES);
            for from in (0..inside.len()).step_by(LANES) {
                let len = LANES.min(inside.len() - from);
                let mut square = [_mm512_setzero_ps(); LANES];
                for (channel, row) in all.clone().zip(&mut square) {
                    let start = channel * point_stride + at * line.output + from;
                    *row = load(&x[start..][..len]);
                    prefetch(x, start + PREFETCHED_ROWS * line.output);
                }
                let out = out[(inside.start + from) * blocks + block..].iter_mut().step_by(blocks);
                out.zip(transpose(square)).take(len).for_each(|(out, vector)| *out = vector);
            }
        }
    }
}

/// The reverse of `pack`: writes a window's pixels to the output.
fn unpack(window: &Window, pixels: &[__m512], out: &mut [f32], write: Write) {
    let &Window { axes: [y, line], channels, point_stride, top, rows, columns, .. } = window;
    let blocks = vectors(channels);
    for (at, pixels) in (top..y.output).zip(pixels.chunks_exact(columns * blocks).take(rows)) {
        for block in 0..blocks {
            let all = block * LANES..channels.min((block + 1) * LANES);
            for from in (0..line.output).step_by(LANES) {
                let len = LANES.min(line.output - from);
                let mut square = [_mm512_setzero_ps(); LANES];
                let pixels = pixels[from * blocks + block..].iter().step_by(blocks);
                square.iter_mut().zip(pixels).take(len).for_each(|(row, &vector)| *row = vector);
                for (channel, row) in all.clone().zip(transpose(square)) {
                    let start = channel * point_stride + at * line.output + from;
                    prefetch(out, start + PREFETCHED_ROWS * line.output);
                    let out = &mut out[start..][..len];
                    let row = if write == Write::Store { row } else { _mm512_add_ps(row, load(out)) };
                    store(out, row);
                }
            }
        }
    }
}

/// Bᵀ d B of every tile.
fn transform_input(padded: &[__m512], layout: Layout, points: &mut [__m512]) {
    let Layout { tiles: [rows, tiles], vectors, point_stride } = layout;
    let line = (2 * tiles + 2) * vectors;
    let spread = |[a, b, c, d]: [__m512; 4]| {
        [_mm512_sub_ps(a, c), _mm512_add_ps(b, c), _mm512_sub_ps(c, b), _mm512_sub_ps(b, d)]
    };
    let points = &mut points[..POINTS * point_stride];
    for row in 0..rows {
        let lines: [_; 4] = std::array::from_fn(|i| &padded[(2 * row + i) * line..][..line]);
        for tile in 0..tiles {
            for vector in 0..vectors {
                let across: [_; 4] = std::array::from_fn(|i| {
                    spread(std::array::from_fn(|j| lines[i][(2 * tile + j) * vectors + vector]))
                });
                let at = (row * tiles + tile) * vectors + vector;
                for j in 0..4 {
                    let down = spread(std::array::from_fn(|i| across[i][j]));
                    down.into_iter().enumerate().for_each(|(i, value)| points[(4 * i + j) * point_stride + at] = value);
                }
            }
        }
    }
}

/// A dy Aᵀ of every tile.
fn transform_adjoint(pixels: &[__m512], layout: Layout, points: &mut [__m512]) {
    let Layout { tiles: [rows, tiles], vectors, point_stride } = layout;
    let line = 2 * tiles * vectors;
    let spread =
        |[a, b]: [__m512; 2]| [a, _mm512_add_ps(a, b), _mm512_sub_ps(a, b), _mm512_sub_ps(_mm512_setzero_ps(), b)];
    let points = &mut points[..POINTS * point_stride];
    for row in 0..rows {
        let lines: [_; 2] = std::array::from_fn(|i| &pixels[(2 * row + i) * line..][..line]);
        for tile in 0..tiles {
            for vector in 0..vectors {
                let across: [_; 2] = std::array::from_fn(|i| {
                    spread(std::array::from_fn(|j| lines[i][(2 * tile + j) * vectors + vector]))
                });
                let at = (row * tiles + tile) * vectors + vector;
                for j in 0..4 {
                    let down = spread(std::array::from_fn(|i| across[i][j]));
                    down.into_iter().enumerate().for_each(|(i, value)| points[(4 * i + j) * point_stride + at] = value);
                }
            }
        }
    }
}

/// Aᵀ m A of every tile, and the bias.
fn transform_output(products: &[__m512], layout: Layout, bias: &[f32; CHUNK * LANES], pixels: &mut [__m512]) {
    let Layout { tiles: [rows, tiles], vectors, point_stride } = layout;
    let line = 2 * tiles * vectors;
    let gather = |[a, b, c, d]: [__m512; 4]| {
        let (sum, difference) = (_mm512_add_ps(b, c), _mm512_sub_ps(b, c));
        [_mm512_add_ps(a, sum), _mm512_sub_ps(difference, d)]
    };
    let bias: [_; CHUNK] = std::array::from_fn(|i| load(&bias[i * LANES..][..LANES]));
    let products = &products[..POINTS * point_stride];
    for row in 0..rows {
        let pixels = &mut pixels[2 * row * line..][..2 * line];
        for tile in 0..tiles {
            for vector in 0..vectors {
                let at = (row * tiles + tile) * vectors + vector;
                let down: [_; 4] = std::array::from_fn(|j| {
                    gather(std::array::from_fn(|i| products[(4 * i + j) * point_stride + at]))
                });
                for i in 0..2 {
                    let across = gather(std::array::from_fn(|j| down[j][i]));
                    for (j, value) in across.into_iter().enumerate() {
                        pixels[i * line + (2 * tile + j) * vectors + vector] = _mm512_add_ps(value, bias[vector]);
                    }
                }
            }
        }
    }
}

}
