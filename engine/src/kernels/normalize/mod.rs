//! Parts of normalisation kernels: the stored mean and factor, elementwise functions of forward and adjoint, and sizes.
//!
//! A mean is stored as a sum of two numbers, the rounded value and the remainder: the difference to an x near the mean
//! is exact, however large both are. The variance is the mean square of these differences, not a difference of squares.

mod channel_sums;

use std::ops::Range;

pub(crate) use channel_sums::{Per, channel_sums};

use crate::Real;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::Elementwise;
use crate::threads::{GRAIN, Split, for_each_part};

/// Channels that are summed together if channels are the contiguous axis.
pub(crate) const WIDTH: usize = 32;

/// The mean (as a sum of two numbers) and the reciprocal of the standard deviation.
#[derive(Clone, Copy)]
pub(crate) struct Statistics<T> {
    pub(crate) high: T,
    pub(crate) low: T,
    pub(crate) factor: T,
}

impl<T: Real> Statistics<T> {
    /// With a mean in double precision, and a factor to be computed later.
    #[inline(always)]
    pub(crate) fn around(mean: f64) -> Self {
        let high = T::from_f64(mean);
        Statistics { high, low: T::from_f64(mean - high.to_f64()), factor: T::ONE }
    }

    /// The factor for a variance to which `eps` is added.
    #[inline(always)]
    pub(crate) fn scaled(self, variance: f64, eps: f64) -> Self {
        Statistics { factor: T::from_f64(1.0 / (variance + eps).sqrt()), ..self }
    }

    /// x minus the mean.
    #[inline(always)]
    pub(crate) fn centre(self, x: T) -> T {
        (x - self.high) - self.low
    }
}

/// Statistics of several sets of elements: all rounded means, all remainders, all factors.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a, T> {
    pub(crate) high: &'a [T],
    pub(crate) low: &'a [T],
    pub(crate) factor: &'a [T],
}

impl<'a, T: Real> Kept<'a, T> {
    pub(crate) fn new(all: &'a [T]) -> Self {
        let (high, rest) = all.split_at(all.len() / 3);
        let (low, factor) = rest.split_at(high.len());
        Kept { high, low, factor }
    }

    #[inline(always)]
    pub(crate) fn at(self, i: usize) -> Statistics<T> {
        Statistics { high: self.high[i], low: self.low[i], factor: self.factor[i] }
    }
}

/// Writes statistics in the layout of [`Kept`]; an item is a set of elements.
pub(crate) struct Keep<'a, T> {
    high: &'a mut [T],
    low: &'a mut [T],
    factor: &'a mut [T],
}

impl<'a, T: Real> Keep<'a, T> {
    pub(crate) fn new(all: &'a mut [T]) -> Self {
        let (high, rest) = all.split_at_mut(all.len() / 3);
        let (low, factor) = rest.split_at_mut(high.len());
        Keep { high, low, factor }
    }

    /// Writes the statistics of set `i`, counted from the first one of this part.
    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, of: Statistics<T>) {
        (self.high[i], self.low[i], self.factor[i]) = (of.high, of.low, of.factor);
    }
}

impl<T: Real> Split for Keep<'_, T> {
    fn split(self, sets: usize) -> (Self, Self) {
        let [(high, further), (low, lower), (factor, factors)] =
            [self.high, self.low, self.factor].map(|part| part.split_at_mut(sets));
        (Keep { high, low, factor }, Keep { high: further, low: lower, factor: factors })
    }
}

/// x ↦ (x − mean)².
#[derive(Clone, Copy)]
pub(crate) struct Square<T>(pub(crate) Statistics<T>);

impl<T: Real> Elementwise<T, 1> for Square<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        let centred = self.0.centre(x);
        centred * centred
    }
}

/// x ↦ (x − mean) · factor · w + b.
#[derive(Clone, Copy)]
pub(crate) struct Normalized<T> {
    pub(crate) of: Statistics<T>,
    pub(crate) w: T,
    pub(crate) b: T,
}

impl<T: Real> Elementwise<T, 1> for Normalized<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.of.centre(x) * self.of.factor * self.w + self.b
    }
}

/// With a weight per element.
impl<T: Real> Elementwise<T, 2> for Normalized<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, w]: [T; 2]) -> T {
        self.of.centre(x) * self.of.factor * w + self.b
    }
}

/// With a weight and a bias per element.
impl<T: Real> Elementwise<T, 3> for Normalized<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, w, b]: [T; 3]) -> T {
        self.of.centre(x) * self.of.factor * w + b
    }
}

/// [`Normalized`] with all parameters per element: x, both summands of the mean, factor times weight, bias.
#[derive(Clone, Copy)]
pub(crate) struct NormalizedEach;

impl<T: Real> Elementwise<T, 5> for NormalizedEach {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, high, low, a, b]: [T; 5]) -> T {
        ((x - high) - low) * a + b
    }
}

/// g · w.
#[derive(Clone, Copy)]
pub(crate) struct Product;

impl<T: Real> Elementwise<T, 2> for Product {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, w]: [T; 2]) -> T {
        g * w
    }
}

/// g · (x − mean), optionally with a weight per element.
#[derive(Clone, Copy)]
pub(crate) struct Correlation<T>(pub(crate) Statistics<T>);

impl<T: Real> Elementwise<T, 2> for Correlation<T> {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [g, x]: [T; 2]) -> T {
        g * self.0.centre(x)
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [g, x]: [T; 2]) -> T {
        chain(g, self.0.centre(x))
    }
}

impl<T: Real> Elementwise<T, 3> for Correlation<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, w, x]: [T; 3]) -> T {
        g * w * self.0.centre(x)
    }
}

/// The adjoint of x, given the adjoint g · w of the normalised value: factor · (g w − mean(g w) − x̂ mean(g w x̂)), as
/// a linear function of g and x.
#[derive(Clone, Copy)]
pub(crate) struct Back<T> {
    pub(crate) of: Statistics<T>,
    /// The coefficient of g.
    pub(crate) a: T,
    /// The coefficient of x − mean.
    pub(crate) slope: T,
    pub(crate) shift: T,
}

impl<T: Real> Elementwise<T, 2> for Back<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, x]: [T; 2]) -> T {
        self.a * g + self.slope * self.of.centre(x) + self.shift
    }
}

/// With a weight per element.
impl<T: Real> Elementwise<T, 3> for Back<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, w, x]: [T; 3]) -> T {
        self.a * (g * w) + self.slope * self.of.centre(x) + self.shift
    }
}

/// [`Back`] for channels whose statistics may not be finite: an adjoint that is exactly 0 stays 0.
#[derive(Clone, Copy)]
pub(crate) struct BackChannel<T>(pub(crate) Back<T>);

impl<T: Real> Elementwise<T, 2> for BackChannel<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, x]: [T; 2]) -> T {
        let Back { of, a, slope, shift } = self.0;
        chain(g, a) + chain(slope, of.centre(x)) + shift
    }
}

/// [`BackChannel`] with all parameters per element: g, x, both summands of the mean, a, slope, shift.
#[derive(Clone, Copy)]
pub(crate) struct BackEach;

impl<T: Real> Elementwise<T, 7> for BackEach {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, x, high, low, a, slope, shift]: [T; 7]) -> T {
        chain(g, a) + chain(slope, (x - high) - low) + shift
    }
}

/// The sizes of an array (batch, channels, spatial).
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) spatial: usize,
}

impl Extent {
    /// Calls `visit` with ranges of channels and the corresponding parts of `memory`, possibly in parallel.
    pub(crate) fn for_each_part<P: Split>(self, memory: P, visit: &(dyn Fn(Range<usize>, P) + Sync)) {
        let (unit, each) = if self.spatial == 1 { (WIDTH, self.batch) } else { (1, self.batch * self.spatial) };
        for_each_part(memory, self.channels, GRAIN.div_ceil(each.max(1)).max(unit), unit, visit);
    }

    /// The elements of one example and channel.
    #[inline(always)]
    pub(crate) fn segment(self, n: usize, channel: usize) -> Range<usize> {
        let start = (n * self.channels + channel) * self.spatial;
        start..start + self.spatial
    }
}
