//! Kernels of attention: scores to weights (masked softmax), and their adjoints.

use super::Operator;
use crate::Real;
use crate::kernels::chain::{all_zero, unless_zero};
use crate::kernels::dispatch::{Kernel, Simd};
use crate::kernels::reduce::{LANES, padded};

/// The mask of some queries, row-major over all keys.
#[derive(Clone, Copy)]
pub(super) enum Mask<'a, T> {
    None,
    Added(&'a [T]),
    Allowed(&'a [T]),
}

impl<T: Real> Mask<'_, T> {
    /// Scales and masks the products of query `i` with `all` keys.
    #[inline(always)]
    fn apply(self, i: usize, all: usize, scale: T, scores: &mut [T]) {
        match self {
            Mask::None => scores.iter_mut().for_each(|score| *score *= scale),
            Mask::Added(mask) => {
                let mask = &mask[i * all..][..scores.len()];
                scores.iter_mut().zip(mask).for_each(|(score, &mask)| *score = *score * scale + mask);
            }
            Mask::Allowed(mask) => {
                let (mask, never) = (&mask[i * all..][..scores.len()], T::from_f64(f64::NEG_INFINITY));
                for (score, &mask) in scores.iter_mut().zip(mask) {
                    *score = if mask == T::ZERO { never } else { *score * scale };
                }
            }
        }
    }
}

impl Operator<'_> {
    /// The number of keys that query `query` may attend to, at most `keys`.
    #[inline(always)]
    fn attended(&self, query: usize, keys: usize) -> usize {
        if self.causal { keys.min(query + 1) } else { keys }
    }
}

/// Products to weights, row by row, and the statistics from which the adjoint recomputes them.
pub(super) struct Softmax<'a, T> {
    pub(super) of: &'a Operator<'a>,
    /// The index of the first query.
    pub(super) first: usize,
    pub(super) keys: usize,
    pub(super) mask: Mask<'a, T>,
    pub(super) scores: &'a mut [T],
    pub(super) largest: &'a mut [T],
    pub(super) rest: &'a mut [T],
}

impl<T: Real> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Softmax { of, first, keys, mask, scores, largest, rest } = self;
        let never = T::from_f64(f64::NEG_INFINITY);
        let scale = T::from_f64(of.scale);
        for (i, (largest, rest)) in largest.iter_mut().zip(rest).enumerate() {
            let row = &mut scores[i * keys..][..keys];
            let (row, beyond) = row.split_at_mut(of.attended(first + i, keys));
            beyond.fill(T::ZERO);
            mask.apply(i, of.keys, scale, row);
            let mut lanes = [never; LANES];
            for chunk in row.chunks(LANES) {
                for (max, x) in lanes.iter_mut().zip(padded(chunk, never)) {
                    *max = if x <= *max { *max } else { x };
                }
            }
            let max = lanes.into_iter().fold(never, |max, x| if x <= max { max } else { x });
            if max == never {
                // A query that attends to no key; (−∞ − 0) − ∞ makes the weight 0 in the adjoint too.
                row.fill(T::ZERO);
                (*largest, *rest) = (T::ZERO, T::from_f64(f64::INFINITY));
                continue;
            }
            let mut sums = [T::ZERO; LANES];
            for chunk in row.chunks_mut(LANES) {
                let mut weights = padded(chunk, never);
                for (sum, weight) in sums.iter_mut().zip(&mut weights) {
                    *weight = (*weight - max).exp::<S>();
                    *sum += *weight;
                }
                chunk.iter_mut().zip(weights).for_each(|(out, weight)| *out = weight);
            }
            let sum: T = sums.into_iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
            (*largest, *rest) = (max, sum.ln::<S>());
        }
    }
}

/// Recomputes the weights from the products and the stored statistics.
pub(super) struct RecomputeWeights<'a, T> {
    pub(super) of: &'a Operator<'a>,
    pub(super) first: usize,
    pub(super) keys: usize,
    pub(super) mask: Mask<'a, T>,
    pub(super) weights: &'a mut [T],
    pub(super) largest: &'a [T],
    pub(super) rest: &'a [T],
    /// The adjoints of the outputs, of this width.
    pub(super) g: &'a [T],
    pub(super) width: usize,
}

impl<T: Real> Kernel for RecomputeWeights<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let RecomputeWeights { of, first, keys, mask, weights, largest, rest, g, width } = self;
        let scale = T::from_f64(of.scale);
        for (i, (&largest, &rest)) in largest.iter().zip(rest).enumerate() {
            let row = &mut weights[i * keys..][..keys];
            if all_zero(&g[i * width..][..width]) {
                // The weights of a query that is not used may be NaN; zeros pass on nothing.
                row.fill(T::ZERO);
                continue;
            }
            let (row, beyond) = row.split_at_mut(of.attended(first + i, keys));
            beyond.fill(T::ZERO);
            mask.apply(i, of.keys, scale, row);
            row.iter_mut().for_each(|weight| *weight = ((*weight - largest) - rest).exp::<S>());
        }
    }
}

/// Σ g y for every query: the weighted mean of the weights' adjoints.
pub(super) struct AdjointMeans<'a, T> {
    pub(super) y: &'a [T],
    pub(super) g: &'a [T],
    pub(super) width: usize,
    pub(super) means: &'a mut [T],
}

impl<T: Real> Kernel for AdjointMeans<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, mean) in self.means.iter_mut().enumerate() {
            let [y, g] = [self.y, self.g].map(|x| &x[i * self.width..][..self.width]);
            *mean = y.iter().zip(g).map(|(&y, &g)| unless_zero(g, y * g)).sum();
        }
    }
}

/// The adjoints of the products, weight · (its adjoint − their mean) · scale, from those of the weights in `changes`;
/// the adjoints of an added mask are the same without the scale.
pub(super) struct ScoreAdjoints<'a, T> {
    pub(super) of: &'a Operator<'a>,
    pub(super) keys: usize,
    pub(super) weights: &'a [T],
    pub(super) means: &'a [T],
    pub(super) changes: &'a mut [T],
    /// For all keys of every query, or empty.
    pub(super) to_mask: &'a mut [T],
}

impl<T: Real> Kernel for ScoreAdjoints<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let ScoreAdjoints { of, keys, weights, means, changes, to_mask } = self;
        let scale = T::from_f64(of.scale);
        for (i, &mean) in means.iter().enumerate() {
            let weights = &weights[i * keys..][..keys];
            let changes = &mut changes[i * keys..][..keys];
            changes.iter_mut().zip(weights).for_each(|(change, &weight)| *change = weight * (*change - mean));
            if !to_mask.is_empty() {
                let to_mask = &mut to_mask[i * of.keys..][..keys];
                to_mask.iter_mut().zip(&*changes).for_each(|(target, &change)| *target += change);
            }
            changes.iter_mut().for_each(|change| *change *= scale);
        }
    }
}
