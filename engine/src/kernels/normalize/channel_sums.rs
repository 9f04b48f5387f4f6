//! Adjoints of a normalisation's weight and bias: sums over each channel.

use std::ops::Range;

use super::{Correlation, Extent, Kept, WIDTH};
use crate::Real;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::reduce::{Same, sum_slices};
use crate::threads::Rows;

/// Which statistics an element was normalised with.
#[derive(Clone, Copy)]
pub(crate) enum Per {
    /// Those of its channel.
    Channel,
    /// Those of its example and its group; a group has this many channels.
    Group(usize),
}

/// The adjoints of bias and weight: `sums` is Σ g for every channel, followed by Σ g x̂ for every channel.
pub(crate) fn channel_sums<T: Real>(extent: Extent, per: Per, kept: Kept<'_, T>, x: &[T], g: &[T], sums: &mut [T]) {
    let (plain, scaled) = sums.split_at_mut(extent.channels);
    extent.for_each_part((Rows::new(plain, 1), Rows::new(scaled, 1)), &|channels, (plain, scaled)| {
        let (plain, scaled) = (plain.data, scaled.data);
        dispatch(ChannelSums { extent, per, kept, x, g, first: channels.start, plain, scaled });
    });
}

struct ChannelSums<'a, T> {
    extent: Extent,
    per: Per,
    kept: Kept<'a, T>,
    x: &'a [T],
    g: &'a [T],
    /// The channel of the first sum.
    first: usize,
    plain: &'a mut [T],
    scaled: &'a mut [T],
}

impl<T: Real> Kernel for ChannelSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.extent.spatial == 1 {
            self.side_by_side();
            return;
        }
        let ChannelSums { extent, per, kept, x, g, first, plain, scaled } = self;
        for (i, (plain, scaled)) in plain.iter_mut().zip(scaled).enumerate() {
            let channel = first + i;
            let (mut sum, mut correlation) = (0.0, 0.0);
            for n in 0..extent.batch {
                let of = kept.at(match per {
                    Per::Channel => channel,
                    Per::Group(size) => n * (extent.channels / size) + channel / size,
                });
                let segment = extent.segment(n, channel);
                let (x, g) = (&x[segment.clone()], &g[segment]);
                sum += sum_slices::<S, T, _, 1>(Same, [g]);
                correlation += chain(sum_slices::<S, T, _, 2>(Correlation(of), [g, x]), of.factor.to_f64());
            }
            (*plain, *scaled) = (T::from_f64(sum), T::from_f64(correlation));
        }
    }
}

impl<T: Real> ChannelSums<'_, T> {
    #[inline(always)]
    fn side_by_side(self) {
        let ChannelSums { extent, per, first, .. } = self;
        let channels = extent.channels;
        let mut done = 0;
        while done < self.plain.len() {
            let start = first + done;
            // Within one group.
            let group = match per {
                Per::Channel => channels,
                Per::Group(size) => size,
            };
            let len = WIDTH.min(self.plain.len() - done).min(group - start % group);
            let columns = start..start + len;
            let (mut sums, mut correlations) = self.columns(columns.clone(), |g, x| g * x);
            if correlations[..len].iter().any(|sum| sum.is_nan()) {
                // With adjoints of 0 at elements that are not finite.
                (sums, correlations) = self.columns(columns, chain);
            }
            for i in 0..len {
                (self.plain[done + i], self.scaled[done + i]) = (T::from_f64(sums[i]), T::from_f64(correlations[i]));
            }
            done += len;
        }
    }

    /// Σ g and Σ g x̂ of some columns, with this product of g and x̂.
    #[inline(always)]
    fn columns(&self, columns: Range<usize>, product: impl Fn(T, T) -> T) -> ([f64; WIDTH], [f64; WIDTH]) {
        let &ChannelSums { extent: Extent { batch, channels, .. }, per, kept, x, g, .. } = self;
        let (mut sums, mut correlations) = ([0.0; WIDTH], [0.0; WIDTH]);
        for n in 0..batch {
            let row = n * channels;
            let pairs = x[row..][columns.clone()].iter().zip(&g[row..][columns.clone()]);
            let totals = sums.iter_mut().zip(&mut correlations);
            match per {
                Per::Channel => {
                    let means = kept.high[columns.clone()].iter().zip(&kept.low[columns.clone()]);
                    let each = means.zip(&kept.factor[columns.clone()]);
                    for (((sum, correlation), (&x, &g)), ((&high, &low), &factor)) in totals.zip(pairs).zip(each) {
                        *sum += g.to_f64();
                        *correlation += product(g, ((x - high) - low) * factor).to_f64();
                    }
                }
                Per::Group(size) => {
                    let of = kept.at(n * (channels / size) + columns.start / size);
                    for ((sum, correlation), (&x, &g)) in totals.zip(pairs) {
                        *sum += g.to_f64();
                        *correlation += product(g, of.centre(x) * of.factor).to_f64();
                    }
                }
            }
        }
        (sums, correlations)
    }
}
