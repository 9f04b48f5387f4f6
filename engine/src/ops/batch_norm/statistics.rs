//! The mean and variance of each channel of a batch.

use std::ops::Range;

use super::Running;
use crate::Real;
use crate::kernels::dispatch::{Kernel, Simd};
use crate::kernels::normalize::{Extent, Keep, Square, Statistics, WIDTH};
use crate::kernels::reduce::{Same, sum_slices};

/// The mean and variance of some channels.
pub(super) struct Moments<'a, T: Real> {
    pub(super) extent: Extent,
    pub(super) eps: f64,
    pub(super) x: &'a [T],
    pub(super) channels: Range<usize>,
    pub(super) keep: Keep<'a, T>,
    pub(super) updated: Option<(Running<'a, T>, &'a mut [T], &'a mut [T])>,
}

impl<T: Real> Kernel for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let Extent { batch, channels, spatial } = self.extent;
        let count = (batch * spatial) as f64;
        if spatial != 1 {
            for c in self.channels.clone() {
                let x = self.x;
                let segments = || (0..batch).map(|n| &x[self.extent.segment(n, c)]);
                let mut sum = 0.0;
                for x in segments() {
                    sum += sum_slices::<S, T, _, 1>(Same, [x]);
                }
                let around = Statistics::around(sum / count);
                let mut squares = 0.0;
                for x in segments() {
                    squares += sum_slices::<S, T, _, 1>(Square(around), [x]);
                }
                self.set(c, around, sum / count, squares);
            }
            return;
        }
        let mut from = self.channels.start;
        while from < self.channels.end {
            let to = self.channels.end.min(from + WIDTH);
            let rows = || self.x.chunks_exact(channels).map(|row| &row[from..to]);
            let mut sums = [0.0; WIDTH];
            for row in rows() {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.to_f64());
            }
            let mut around = [Statistics::around(0.0); WIDTH];
            for (around, sum) in around.iter_mut().zip(sums) {
                *around = Statistics::around(sum / count);
            }
            let mut squares = [0.0; WIDTH];
            for row in rows() {
                for ((sum, &x), around) in squares.iter_mut().zip(row).zip(&around) {
                    let centred = around.centre(x);
                    *sum += (centred * centred).to_f64();
                }
            }
            for i in 0..to - from {
                self.set(from + i, around[i], sums[i] / count, squares[i]);
            }
            from = to;
        }
    }
}

impl<T: Real> Moments<'_, T> {
    #[inline(always)]
    fn set(&mut self, channel: usize, around: Statistics<T>, mean: f64, squares: f64) {
        let count = (self.extent.batch * self.extent.spatial) as f64;
        let i = channel - self.channels.start;
        self.keep.set(i, around.scaled(squares / count, self.eps));
        if let Some((running, means, variances)) = &mut self.updated {
            let step = |old: T, new: f64| T::from_f64(old.to_f64() + running.momentum * (new - old.to_f64()));
            means[i] = step(running.mean.data()[channel], mean);
            variances[i] = step(running.variance.data()[channel], squares / (count - 1.0));
        }
    }
}
