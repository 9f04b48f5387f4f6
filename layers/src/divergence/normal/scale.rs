//! σ and its derivatives, a block at a time.
//!
//! In short loops, one step each: a processor then works on several elements at a time, where a loop over
//! all steps would have it wait for each result in turn.

use super::VANISHING;
use crate::Real;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::random::{BLOCK, Block};

/// e^−|ρ|.
#[inline(always)]
pub(super) fn exponentials<S: Simd, T: Real>(rho: &[T; BLOCK]) -> Block<T> {
    let mut exponentials = Block::of(T::ZERO);
    for (t, rho) in exponentials.iter_mut().zip(rho) {
        *t = (-rho.abs()).exp::<S>();
    }
    exponentials
}

/// σ = softplus(ρ).
#[inline(always)]
pub(super) fn scales<S: Simd, T: Real>(rho: &[T; BLOCK], exponentials: &[T; BLOCK]) -> Block<T> {
    let mut sd = Block::of(T::ZERO);
    for ((sd, rho), &t) in sd.iter_mut().zip(rho).zip(exponentials) {
        *sd = rho.softplus_with::<S>(t);
    }
    sd
}

/// What the gradients of a block need of ρ.
pub(super) struct Slopes<T> {
    /// σ.
    pub(super) sd: Block<T>,
    /// dσ/dρ = sigmoid(ρ).
    pub(super) slope: Block<T>,
    /// d ln σ/dρ = sigmoid(ρ)/softplus(ρ).
    pub(super) log_slope: Block<T>,
}

impl<T: Real> Slopes<T> {
    #[inline(always)]
    pub(super) fn of<S: Simd>(rho: &[T; BLOCK]) -> Self {
        let exponentials = exponentials::<S, T>(rho);
        let sd = scales::<S, T>(rho, &exponentials);
        let [mut slope, mut log_slope] = [Block::of(T::ZERO); 2];
        for i in 0..BLOCK {
            let (rho, t) = (rho[i], exponentials[i]);
            // Below, the ratio is one to within e^−40/2, and both sides of it may have vanished.
            let vanishes = rho < T::from_f64(VANISHING);
            let divisor = if vanishes { T::ONE } else { sd[i] };
            // One division for both: the slope is the ratio times σ again.
            let ratio = (if rho < T::ZERO { t } else { T::ONE }) / ((T::ONE + t) * divisor);
            slope[i] = ratio * divisor;
            log_slope[i] = if vanishes { T::ONE } else { ratio };
        }
        Slopes { sd, slope, log_slope }
    }

    /// Where only dσ/dρ is needed.
    #[inline(always)]
    pub(super) fn first<S: Simd>(rho: &[T; BLOCK]) -> Self {
        let zeros = Block::of(T::ZERO);
        let mut slope = zeros;
        for (slope, rho) in slope.iter_mut().zip(rho) {
            *slope = rho.sigmoid::<S>();
        }
        Slopes { sd: zeros, slope, log_slope: zeros }
    }
}
