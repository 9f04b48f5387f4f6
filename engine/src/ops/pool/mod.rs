//! Settings of pooling, and the code shared by max and average pooling.

mod adaptive_avg;
mod avg;
mod max;

use std::ops::Range;

use crate::kernels::window::{Axis, sizes};
use crate::threads::{GRAIN, Rows, for_each_with, pieces};
use crate::{Real, Shape};

/// Settings of pooling over `D` spatial axes (one to three): the window's size, stride (default: the size, so that
/// windows do not overlap), padding and dilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pooling<const D: usize> {
    kernel: [usize; D],
    stride: [usize; D],
    padding: [usize; D],
    dilation: [usize; D],
    ceil: bool,
    count_padding: bool,
}

impl<const D: usize> Pooling<D> {
    /// Adjacent windows of this many taps per axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn new(kernel: [usize; D]) -> Self {
        const { assert!(1 <= D && D <= 3, "a pool has one, two or three spatial axes") }
        assert!(!kernel.contains(&0), "Pooling: the window must have at least 1 tap along every axis, got {kernel:?}");
        let (padding, dilation) = ([0; D], [1; D]);
        Pooling { kernel, stride: kernel, padding, dilation, ceil: false, count_padding: true }
    }

    /// The distance between windows in elements, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(mut self, stride: [usize; D]) -> Self {
        assert!(!stride.contains(&0), "Pooling: the stride must be at least 1 along every axis, got {stride:?}");
        self.stride = stride;
        self
    }

    /// The number of padding elements before the first and after the last of every axis: −∞ for max pooling, 0 for
    /// average pooling.
    pub const fn padding(mut self, padding: [usize; D]) -> Self {
        self.padding = padding;
        self
    }

    /// The distance between taps of the window in elements, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(mut self, dilation: [usize; D]) -> Self {
        assert!(!dilation.contains(&0), "Pooling: the dilation must be at least 1 along every axis, got {dilation:?}");
        self.dilation = dilation;
        self
    }

    /// Whether to keep a last window that extends beyond the padding, if it begins before the end of the input. The
    /// default is false.
    pub const fn ceil(mut self, ceil: bool) -> Self {
        self.ceil = ceil;
        self
    }

    /// Whether average pooling counts taps on padding in its divisor. The default is true.
    pub const fn count_padding(mut self, count_padding: bool) -> Self {
        self.count_padding = count_padding;
        self
    }

    /// The windows over `x`, and the shape of the result.
    #[track_caller]
    pub(crate) fn over(&self, name: &str, x: &[usize]) -> (Windows, Shape) {
        let Some((&[batch, channels], input)) = x.split_at_checked(2).and_then(|(outer, input)| {
            let outer: &[usize; 2] = outer.try_into().ok()?;
            (input.len() == D).then_some((outer, input))
        }) else {
            panic!("{name}: x of shape {x:?}; expected (batch, channels, {D} spatial axes)");
        };
        let mut windows = Windows {
            planes: batch.saturating_mul(channels),
            axes: [Axis::NONE; 3],
            count_padding: self.count_padding,
        };
        let mut shape = Shape::from([batch, channels]);
        for (axis, &input) in input.iter().enumerate() {
            let along = self.axis(name, axis, input, x);
            windows.axes[3 - D + axis] = along;
            shape.push(along.output);
        }
        (windows, shape)
    }

    #[track_caller]
    fn axis(&self, name: &str, axis: usize, input: usize, x: &[usize]) -> Axis {
        let [kernel, stride] = [self.kernel[axis], self.stride[axis]];
        let [padding, dilation] = [self.padding[axis], self.dilation[axis]];
        let span = dilation.checked_mul(kernel - 1).and_then(|span| span.checked_add(1));
        let padded = padding.checked_mul(2).and_then(|padding| padding.checked_add(input));
        let (Some(span), Some(padded)) = (span, padded) else {
            panic!("{name}: a padding of {padding} and a dilation of {dilation} are larger than memory can address");
        };
        assert!(
            span <= padded,
            "{name}: along spatial axis {axis} a window spans {span} elements ({kernel} taps, dilation {dilation}), and x \
             of shape {x:?} has {padded} with padding {padding} on either side"
        );
        let rest = padded - span;
        let mut output = rest / stride + 1;
        if self.ceil && !rest.is_multiple_of(stride) && output * stride < input + padding {
            output += 1;
        }
        let along = Axis { input, output, kernel, stride, padding, dilation };
        // A closure would lose the caller's line.
        for place in 0..output {
            assert!(
                !along.taps(place).is_empty(),
                "{name}: along spatial axis {axis} of x of shape {x:?} window {place} ({kernel} taps, stride {stride}, \
                 padding {padding}, dilation {dilation}) covers only padding"
            );
        }
        along
    }
}

/// Called with some planes, scratch memory, and the planes to write.
type Visit<'a, T> = dyn Fn(&[T], &mut [T], &mut [T]) + Sync + 'a;

/// Calls `visit` with some planes of `from`, a part of `scratch` and the same planes of `to`, possibly in parallel.
/// Both arrays come with the number of elements of a plane.
fn for_each_part<T: Real>(
    pieces: usize,
    planes: usize,
    (from, of_from): (&[T], usize),
    scratch: &mut [T],
    (to, of_to): (&mut [T], usize),
    visit: &Visit<'_, T>,
) {
    for_each_with(pieces, planes, scratch, Rows::new(to, of_to), &|scratch, planes, to| {
        visit(&from[planes.start * of_from..planes.end * of_from], scratch, to.data);
    });
}

/// The windows of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// Examples times channels.
    pub(crate) planes: usize,
    pub(crate) axes: [Axis; 3],
    count_padding: bool,
}

impl Windows {
    /// The number of pieces that the planes are split into.
    pub(crate) fn pieces(&self) -> usize {
        let [_, places, taps] = sizes(self.axes);
        pieces(self.planes, self.planes.saturating_mul(places).saturating_mul(taps) > GRAIN)
    }

    /// The divisor of a mean along `axis`, at output position `place`.
    fn taps(&self, axis: Axis, place: usize) -> usize {
        if !self.count_padding {
            return axis.taps(place).len();
        }
        let end = axis.input + 2 * axis.padding;
        (end - place * axis.stride).div_ceil(axis.dilation).min(axis.kernel)
    }

    /// The taps of every window, if all have equally many.
    pub(crate) fn equal_taps(&self) -> Option<usize> {
        // The first and the last window lose the most taps.
        let full = |axis: Axis| [0, axis.output - 1].into_iter().all(|place| self.taps(axis, place) == axis.kernel);
        self.axes.into_iter().all(full).then(|| sizes(self.axes)[2])
    }

    /// Calls `visit` with every output position of a plane and the taps of its window.
    pub(crate) fn for_each_place(&self, mut visit: impl FnMut(usize, usize)) {
        let [z, y, x] = self.axes;
        let all = |axis: Axis| -> Range<usize> { 0..axis.output };
        let mut place = 0;
        for at_z in all(z) {
            for at_y in all(y) {
                let taps = self.taps(z, at_z) * self.taps(y, at_y);
                for at_x in all(x) {
                    visit(place, taps * self.taps(x, at_x));
                    place += 1;
                }
            }
        }
    }
}
