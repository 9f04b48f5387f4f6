//! Sliding windows over up to three spatial axes, shared by convolutions and pools.

use std::ops::Range;

use crate::shape::elements;

/// A window along one spatial axis: `kernel` taps that are `dilation` apart, at `output` places that are `stride`
/// apart, over `input` elements with `padding` virtual elements on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Elements along the axis.
    pub input: usize,
    /// Places of the window.
    pub output: usize,
    /// Taps of the window.
    pub kernel: usize,
    /// The distance between places.
    pub stride: usize,
    /// Padding before the first element.
    pub padding: usize,
    /// The distance between taps.
    pub dilation: usize,
}

impl Axis {
    /// A placeholder for a missing axis: one element under a window of one tap.
    pub const NONE: Axis = Axis { input: 1, output: 1, kernel: 1, stride: 1, padding: 0, dilation: 1 };

    /// Whether every element is its own window.
    pub fn is_trivial(self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0 && self.output == self.input
    }

    /// Whether there is a window, the last one ends within the padded axis, and stride and dilation are not 0: then no
    /// sum or product of these numbers along the axis overflows.
    pub(crate) fn is_consistent(self) -> bool {
        let Axis { input, output, kernel, stride, padding, dilation } = self;
        let steps = output.saturating_sub(1).checked_mul(stride);
        let taps = kernel.saturating_sub(1).checked_mul(dilation);
        let last = steps.zip(taps).and_then(|(steps, taps)| steps.checked_add(taps));
        let padded = padding.checked_mul(2).and_then(|padding| padding.checked_add(input));
        let ends_within = last.zip(padded).is_some_and(|(last, padded)| last < padded);
        [kernel, stride, dilation].iter().all(|&least| least > 0) && padded.is_some() && (ends_within || output == 0)
    }

    /// The places at which `tap` lies on an element, not on padding.
    #[inline(always)]
    pub fn places(self, tap: usize) -> Range<usize> {
        let shift = tap * self.dilation;
        let end = (self.input + self.padding).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        let start = self.padding.saturating_sub(shift).div_ceil(self.stride);
        start.min(end)..end
    }

    /// The taps that lie on elements, not on padding, when the window is at `place`.
    #[inline(always)]
    pub fn taps(self, place: usize) -> Range<usize> {
        let start = place * self.stride;
        let end = (self.input + self.padding).saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        let first = self.padding.saturating_sub(start).div_ceil(self.dilation);
        first.min(end)..end
    }

    /// The element under `tap` at `place`, which must be one of [`places`](Axis::places).
    #[inline(always)]
    pub fn element(self, place: usize, tap: usize) -> usize {
        place * self.stride + tap * self.dilation - self.padding
    }
}

/// The total number of elements, places and taps of all three axes.
///
/// # Panics
/// If one overflows `usize`.
#[track_caller]
pub fn sizes(axes: [Axis; 3]) -> [usize; 3] {
    [
        elements(&axes.map(|axis| axis.input)),
        elements(&axes.map(|axis| axis.output)),
        elements(&axes.map(|axis| axis.kernel)),
    ]
}

/// Neighbouring places of one tap, along the last axis.
pub(crate) struct Run {
    /// The index of the first place in the matrix of patches, which has a row per channel and tap and a column per
    /// place.
    pub(crate) start: usize,
    /// The number of places.
    pub(crate) len: usize,
    /// The range of places at which the tap lies on elements.
    pub(crate) inside: Range<usize>,
    /// The first of these elements; the others follow with the last axis's stride.
    pub(crate) element: usize,
}

/// Calls `visit` with all runs of the patches of `channels` channels at `places`, a range of all places of the three
/// axes; used both to pack patches and to scatter them back.
#[inline(always)]
pub(crate) fn for_each_run(axes: [Axis; 3], channels: usize, places: Range<usize>, mut visit: impl FnMut(Run)) {
    let [z, y, x] = axes;
    let [elements, _, taps] = sizes(axes);
    if places.is_empty() {
        return;
    }
    let first_row = places.start / x.output;
    let first = [first_row / y.output, first_row % y.output, places.start % x.output];
    for row in 0..channels * taps {
        let (channel, tap) = (row / taps, row % taps);
        let [tap_z, tap_y, tap_x] = [tap / (x.kernel * y.kernel), tap / x.kernel % y.kernel, tap % x.kernel];
        let [inside_z, inside_y, inside_x] = [z.places(tap_z), y.places(tap_y), x.places(tap_x)];
        let [mut at_z, mut at_y, mut at_x] = first;
        let mut column = 0;
        while column < places.len() {
            let len = (x.output - at_x).min(places.len() - column);
            let mut run = Run { start: row * places.len() + column, len, inside: 0..0, element: 0 };
            if inside_z.contains(&at_z) && inside_y.contains(&at_y) {
                let (from, to) = (inside_x.start.max(at_x), inside_x.end.min(at_x + len));
                if from < to {
                    run.inside = from - at_x..to - at_x;
                    let line = z.element(at_z, tap_z) * y.input + y.element(at_y, tap_y);
                    run.element = channel * elements + line * x.input + x.element(from, tap_x);
                }
            }
            visit(run);
            column += len;
            at_x = 0;
            at_y += 1;
            if at_y == y.output {
                (at_y, at_z) = (0, at_z + 1);
            }
        }
    }
}

/// Calls `visit(place, element, len)` for every tap with its lines of `len` places that lie on elements: the places of
/// one channel from `place` on, and its elements from `element` on with the last axis's stride. The taps of each place
/// are visited in order.
#[inline(always)]
pub(crate) fn for_each_line(axes: [Axis; 3], mut visit: impl FnMut(usize, usize, usize)) {
    let [z, y, x] = axes;
    for tap_z in 0..z.kernel {
        for tap_y in 0..y.kernel {
            for tap_x in 0..x.kernel {
                let (inside_y, inside) = (y.places(tap_y), x.places(tap_x));
                if inside.is_empty() {
                    continue;
                }
                let first = x.element(inside.start, tap_x);
                for at_z in z.places(tap_z) {
                    for at_y in inside_y.clone() {
                        let line = z.element(at_z, tap_z) * y.input + y.element(at_y, tap_y);
                        let place = (at_z * y.output + at_y) * x.output + inside.start;
                        visit(place, line * x.input + first, inside.len());
                    }
                }
            }
        }
    }
}

/// Calls `take` with every place of a plane of `out` and, one after the other, the elements of `x` in its window.
#[inline(always)]
pub(crate) fn gather<T: Copy>(axes: [Axis; 3], x: &[T], out: &mut [T], take: impl Fn(&mut T, T) + Copy) {
    let stride = axes[2].stride;
    for_each_line(axes, |place, element, len| {
        let out = &mut out[place..place + len];
        let line = &x[element..=element + (len - 1) * stride];
        // A stride known at compile time lets it vectorise.
        match stride {
            1 => out.iter_mut().zip(line).for_each(|(out, &x)| take(out, x)),
            2 => out.iter_mut().zip(line.chunks(2)).for_each(|(out, x)| take(out, x[0])),
            _ => out.iter_mut().zip(line.iter().step_by(stride)).for_each(|(out, &x)| take(out, x)),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_taps_are_those_that_lie_on_elements() {
        for (input, kernel, stride, padding, dilation) in
            [(5, 3, 1, 1, 1), (1, 3, 1, 2, 2), (7, 2, 3, 0, 1), (0, 2, 1, 3, 1), (4, 4, 2, 5, 3), (9, 1, 4, 2, 7)]
        {
            let output = (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
            let axis = Axis { input, output, kernel, stride, padding, dilation };
            for place in 0..output {
                for tap in 0..kernel {
                    let at = (place * stride + tap * dilation) as isize - padding as isize;
                    let lies_inside = (0..input as isize).contains(&at);
                    assert_eq!(axis.places(tap).contains(&place), lies_inside, "{axis:?}, {place}, {tap}");
                    assert_eq!(axis.taps(place).contains(&tap), lies_inside, "{axis:?}, {place}, {tap}");
                    assert!(!lies_inside || axis.element(place, tap) == at as usize);
                }
            }
        }
    }
}
