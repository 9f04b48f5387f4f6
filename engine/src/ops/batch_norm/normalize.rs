//! Kernels that normalise channels, and their adjoints.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::map_slices;
use crate::kernels::normalize::{Back, BackChannel, BackEach, Extent, Kept, Normalized, NormalizedEach, Statistics};
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Real};

/// Calls `visit` with ranges of examples if channels are the last axis, otherwise of (example, channel) pairs, and with
/// the corresponding parts of `out`.
fn for_each_piece<'a, T: Real>(extent: Extent, out: &'a mut [T], visit: &(dyn Fn(Range<usize>, Rows<'a, T>) + Sync)) {
    let (pieces, each) = match extent.spatial {
        1 => (extent.batch, extent.channels),
        spatial => (extent.batch * extent.channels, spatial),
    };
    for_each_part(Rows::new(out, each), pieces, GRAIN.div_ceil(each.max(1)), 1, visit);
}

/// (x − mean) · factor · w + b for every channel.
pub(super) fn normalize<T: Real>(
    extent: Extent,
    kept: Kept<'_, T>,
    [w, b]: [Option<&[T]>; 2],
    x: &[T],
    out: &mut [T],
    scratch: &mut [T],
) {
    let (a, shift) = scratch.split_at_mut(extent.channels);
    for c in 0..extent.channels {
        a[c] = kept.factor[c] * w.map_or(T::ONE, |w| w[c]);
        shift[c] = b.map_or(T::ZERO, |b| b[c]);
    }
    let (a, shift) = (&*a, &*shift);
    let each = if extent.spatial == 1 { extent.channels } else { extent.spatial };
    for_each_piece(extent, out, &|pieces, out| {
        let x = &x[pieces.start * each..pieces.end * each];
        dispatch(Normalize { extent, kept, a, shift, first: pieces.start, x, out: out.data });
    });
}

struct Normalize<'a, T> {
    extent: Extent,
    kept: Kept<'a, T>,
    a: &'a [T],
    shift: &'a [T],
    /// The index of the first piece.
    first: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Normalize<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Normalize { extent, kept, a, shift, first, x, out } = self;
        if x.is_empty() {
            return;
        }
        if extent.spatial == 1 {
            for (x, out) in x.chunks_exact(extent.channels).zip(out.chunks_exact_mut(extent.channels)) {
                map_slices::<S, T, _, 5>(NormalizedEach, [x, kept.high, kept.low, a, shift], out, Write::Store);
            }
            return;
        }
        let pieces = x.chunks_exact(extent.spatial).zip(out.chunks_exact_mut(extent.spatial));
        for (i, (x, out)) in pieces.enumerate() {
            let c = (first + i) % extent.channels;
            let normalized = Normalized { of: Statistics { factor: T::ONE, ..kept.at(c) }, w: a[c], b: shift[c] };
            map_slices::<S, T, _, 1>(normalized, [x], out, Write::Store);
        }
    }
}

/// The adjoint of x; it includes the statistics' contribution if the `sums` of g and of g x̂ of every channel are
/// given.
pub(super) fn adjoint_of_input<T: Real>(
    extent: Extent,
    kept: Kept<'_, T>,
    sums: &[T],
    x: &[T],
    g: &[T],
    io: &mut Adjoints<'_, T>,
) {
    if !io.is_wanted(0) {
        return;
    }
    let w = (io.inputs() > 1).then(|| io.input(1).data);
    let channels = extent.channels;
    let (a, rest) = io.scratch(3 * channels).split_at_mut(channels);
    let (slope, shift) = rest.split_at_mut(channels);
    let count = (extent.batch * extent.spatial) as f64;
    for c in 0..channels {
        a[c] = kept.factor[c] * w.map_or(T::ONE, |w| w[c]);
        let [plain, scaled] = if sums.is_empty() { [0.0; 2] } else { [sums[c], sums[channels + c]].map(T::to_f64) };
        let through = -a[c].to_f64() / count;
        shift[c] = T::from_f64(chain(plain, through));
        slope[c] = T::from_f64(chain(chain(scaled, through), kept.factor[c].to_f64()));
    }
    let (a, slope, shift) = (&*a, &*slope, &*shift);
    let each = if extent.spatial == 1 { channels } else { extent.spatial };
    io.accumulate(0, |target, write| {
        for_each_piece(extent, target, &|pieces, target| {
            let part = pieces.start * each..pieces.end * each;
            let (x, g, target) = (&x[part.clone()], &g[part], target.data);
            dispatch(InputAdjoint { extent, kept, a, slope, shift, first: pieces.start, x, g, target, write });
        });
    });
}

struct InputAdjoint<'a, T> {
    extent: Extent,
    kept: Kept<'a, T>,
    a: &'a [T],
    slope: &'a [T],
    shift: &'a [T],
    first: usize,
    x: &'a [T],
    g: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for InputAdjoint<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let InputAdjoint { extent, kept, a, slope, shift, first, x, g, target, write } = self;
        if x.is_empty() {
            return;
        }
        let each = if extent.spatial == 1 { extent.channels } else { extent.spatial };
        let pieces = x.chunks_exact(each).zip(g.chunks_exact(each)).zip(target.chunks_exact_mut(each));
        for (i, ((x, g), target)) in pieces.enumerate() {
            if extent.spatial == 1 {
                let inputs = [g, x, kept.high, kept.low, a, slope, shift];
                map_slices::<S, T, _, 7>(BackEach, inputs, target, write);
                continue;
            }
            let c = (first + i) % extent.channels;
            let back = Back { of: kept.at(c), a: a[c], slope: slope[c], shift: shift[c] };
            map_slices::<S, T, _, 2>(BackChannel(back), [g, x], target, write);
        }
    }
}
