//! The settings of a pool, and what max and average pools have in common.

mod adaptive_avg;
mod avg;
mod max;

use std::ops::Range;

use crate::kernels::window::{Axis, sizes};
use crate::threads::{GRAIN, Rows, for_each_with, pieces};
use crate::{Real, Shape};

/// How a pool over `D` spatial axes (one to three) goes: the window's taps along every axis, its stride (unless set, as
/// far as the window is long: windows lie side by side), padding and dilation.
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
    /// Windows of so many taps, side by side.
    ///
    /// # Panics
    /// If an axis has none.
    #[track_caller]
    pub fn new(kernel: [usize; D]) -> Self {
        const { assert!(1 <= D && D <= 3, "a pool has one, two or three spatial axes") }
        assert!(!kernel.contains(&0), "Pooling: windows of {kernel:?} taps; there must be at least 1 along every axis");
        let (padding, dilation) = ([0; D], [1; D]);
        Pooling { kernel, stride: kernel, padding, dilation, ceil: false, count_padding: true }
    }

    /// Elements from one window to the next, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(mut self, stride: [usize; D]) -> Self {
        assert!(!stride.contains(&0), "Pooling: the stride is {stride:?}; it must be at least 1 along every axis");
        self.stride = stride;
        self
    }

    /// Imagined elements before the first and behind the last of every axis: −∞ to a max pool, 0 to a average pool.
    pub const fn padding(mut self, padding: [usize; D]) -> Self {
        self.padding = padding;
        self
    }

    /// Elements from one tap of the window to the next, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(mut self, dilation: [usize; D]) -> Self {
        assert!(
            !dilation.contains(&0),
            "Pooling: the dilation is {dilation:?}; it must be at least 1 along every axis"
        );
        self.dilation = dilation;
        self
    }

    /// Whether a last window that reaches beyond the padding counts, if it begins before the end of the input. Unless
    /// set, it does not.
    pub const fn ceil(mut self, ceil: bool) -> Self {
        self.ceil = ceil;
        self
    }

    /// Whether a average pool divides by the taps on padding too, or by those on elements alone. Unless set, it does.
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
        // In a closure the caller's line would be lost.
        for place in 0..output {
            assert!(
                !along.taps(place).is_empty(),
                "{name}: along spatial axis {axis} of x of shape {x:?} window {place} ({kernel} taps, stride {stride}, \
                 padding {padding}, dilation {dilation}) lies on padding alone"
            );
        }
        along
    }
}

/// What is done with some planes, scratch memory, and where the results go.
type Visit<'a, T> = dyn Fn(&[T], &mut [T], &mut [T]) + Sync + 'a;

/// Calls `visit` with some planes of `from`, a part of `scratch` and the same planes of `to`, possibly at the same time.
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
    /// Into how many pieces the planes are cut.
    pub(crate) fn pieces(&self) -> usize {
        let [_, places, taps] = sizes(self.axes);
        pieces(self.planes, self.planes.saturating_mul(places).saturating_mul(taps) > GRAIN)
    }

    /// What a mean's sum is divided by, along `axis` at `place`.
    fn taps(&self, axis: Axis, place: usize) -> usize {
        if !self.count_padding {
            return axis.taps(place).len();
        }
        let end = axis.input + 2 * axis.padding;
        (end - place * axis.stride).div_ceil(axis.dilation).min(axis.kernel)
    }

    /// The taps of every window, if all have as many.
    pub(crate) fn equal_taps(&self) -> Option<usize> {
        // Between the first and the last window taps are lost no more than there.
        let full = |axis: Axis| [0, axis.output - 1].into_iter().all(|place| self.taps(axis, place) == axis.kernel);
        self.axes.into_iter().all(full).then(|| sizes(self.axes)[2])
    }

    /// Calls `visit` with every place of a plane and the taps of its window.
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
