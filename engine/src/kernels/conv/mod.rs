//! Convolutions in one to three dimensions: im2col in blocks, direct convolution, and Winograd's algorithm.
//!
//! A patch is the part of the input that the kernel covers at one place of the output. The patches of a block of places
//! are packed into scratch memory, with a row per channel and tap and a column per place, and multiplied there. A block
//! has as many places as fit into a core's own cache, so the patches of a whole image are never stored. A kernel of one
//! tap with stride 1 needs no patches; its input is the matrix. Where `winograd` or `direct` apply, they are used
//! instead.
//!
//! How the work is split depends only on the shapes, and every sum has a fixed order: the results have the same bits
//! for any number of threads. Each routine states how much scratch memory it needs.

mod check;
mod direct;
mod geometry;
mod patches;
mod winograd;

use check::{check, check_bias, check_scratch};
use direct::Direct;
pub use geometry::Geometry;
use winograd::Winograd;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::reduce::{sum, sum_columns};
use crate::threads::{Rows, for_each_part};

/// A scalar type that can be convolved. The functions of this module choose the algorithm.
pub trait Convolve: Direct + Winograd {}

impl Convolve for f32 {}
impl Convolve for f64 {}

/// `out = x ∗ w + bias`, or `+=`: each output is the sum over a group's channels and the kernel's taps.
///
/// # Panics
/// If the length of a slice does not match the geometry.
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
    check("convolve", g, x, w, out);
    check_bias("convolve", g.groups * g.outputs, bias);
    if T::is_direct() && winograd::supports(g) {
        winograd::run("convolve", g, x, (w, false), bias, out, write, scratch);
        return;
    }
    if T::is_direct() && direct::supports(g) && !g.is_pointwise() {
        direct::run("convolve", g, x, (w, false), bias, out, write, scratch);
        return;
    }
    patches::convolve(g, x, w, bias, out, write, scratch);
}

/// `target = bias +` the adjoint of x, or `target +=` it, given the output's adjoint `y`: the patches that [`convolve`]
/// gathers are scattered back and summed. This is the transposed convolution of `y`.
///
/// # Panics
/// If the length of a slice does not match the geometry.
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
    check("to_input", g, target, w, y);
    check_bias("to_input", g.groups * g.channels, bias);
    if let Some(back) = g.input_adjoint_winograd().filter(|_| T::is_direct()) {
        winograd::run("to_input", &back, y, (w, true), bias, target, write, scratch);
        return;
    }
    if let Some(back) = g.input_adjoint_direct().filter(|_| T::is_direct() && !g.is_pointwise()) {
        direct::run("to_input", &back, y, (w, true), bias, target, write, scratch);
        return;
    }
    patches::to_input(g, y, w, bias, target, write, scratch);
}

/// `target =` the adjoint of w, or `+=`, given the output's adjoint `y`.
///
/// # Panics
/// If the length of a slice does not match the geometry.
#[track_caller]
pub fn to_weight<T: Real>(g: &Geometry, x: &[T], y: &[T], target: &mut [T], write: Write, scratch: &mut [T]) {
    check("to_weight", g, x, target, y);
    if T::is_direct() && winograd::supports(g) {
        winograd::to_weight(g, x, y, target, write, scratch);
        return;
    }
    if T::is_direct() && direct::supports_weight(g) && !g.is_pointwise() {
        direct::to_weight(g, x, y, target, write, scratch);
        return;
    }
    patches::to_weight(g, x, y, target, write, scratch);
}

/// `target =` the adjoint of a bias that was added to every place of its channel, or `+=`: y is (batch, channels,
/// places), with as many channels as the target has elements.
///
/// # Panics
/// If the length of `y` does not match.
#[track_caller]
pub fn to_bias<T: Real>(y: &[T], places: usize, target: &mut [T], write: Write) {
    let channels = target.len();
    // A count that overflows does not match any slice.
    let image = channels.checked_mul(places).unwrap_or(0);
    assert!(
        if image == 0 { y.is_empty() } else { y.len().is_multiple_of(image) },
        "to_bias: {} elements do not make images of {channels} channels with {places} places",
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
