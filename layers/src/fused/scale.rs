//! σ = softplus(ρ) and its derivatives, one block at a time.
//!
//! Each step is a short loop of its own, so that the processor works on several elements at a time; one loop over all steps
//! would wait for each result.

use super::VANISHING;
use crate::engine::Real;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::random::{BLOCK, Block};

/// |w|/σ up to which the backward pass recovers the noise from the weight.
const COARSE: f64 = 32.0;

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

/// σ and its derivatives for the elements of a block.
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
        Slopes::with::<S>(rho, &exponentials::<S, T>(rho))
    }

    /// [`Slopes::of`] with e^−|ρ| already computed.
    #[inline(always)]
    pub(super) fn with<S: Simd>(rho: &[T; BLOCK], exponentials: &[T; BLOCK]) -> Self {
        let sd = scales::<S, T>(rho, exponentials);
        let [mut slope, mut log_slope] = [Block::of(T::ZERO); 2];
        for i in 0..BLOCK {
            let (rho, t) = (rho[i], exponentials[i]);
            // Below this, the ratio is one to within e^−40/2, and both of its terms may have underflowed.
            let vanishes = rho < T::from_f64(VANISHING);
            let divisor = if vanishes { T::ONE } else { sd[i] };
            // One division for both: the slope is the ratio times σ again.
            let ratio = (if rho < T::ZERO { t } else { T::ONE }) / ((T::ONE + t) * divisor);
            slope[i] = ratio * divisor;
            log_slope[i] = if vanishes { T::ONE } else { ratio };
        }
        Slopes { sd, slope, log_slope }
    }

    /// ε dσ/dρ, the derivative with respect to ρ of a drawn weight w = μ + σε.
    ///
    /// If σ is not small compared with w, it is (w − μ) d ln σ/dρ, without generating the noise again. Rounding w by up to
    /// half a unit in its last place changes ε by up to that unit times w/σ: by at most 2⁻¹⁹ in `f32`, because the noise is
    /// generated again in blocks with a |w| above 32σ.
    #[inline(always)]
    pub(super) fn of_sample(
        &self,
        mean: &[T; BLOCK],
        weight: &[T; BLOCK],
        noise: impl FnOnce() -> Block<T>,
    ) -> Block<T> {
        let mut is_coarse = false;
        for (weight, &sd) in weight.iter().zip(self.sd.iter()) {
            // NaN counts as coarse.
            let is_fine = weight.abs() <= T::from_f64(COARSE) * sd;
            is_coarse |= !is_fine;
        }
        let mut slopes = Block::of(T::ZERO);
        if is_coarse {
            let noise = noise();
            (0..BLOCK).for_each(|i| slopes[i] = noise[i] * self.slope[i]);
        } else {
            (0..BLOCK).for_each(|i| slopes[i] = (weight[i] - mean[i]) * self.log_slope[i]);
        }
        slopes
    }

    /// 2σ dσ/dρ, the derivative of a variance with respect to ρ.
    #[inline(always)]
    pub(super) fn of_variance(&self) -> Block<T> {
        let mut slopes = Block::of(T::ZERO);
        (0..BLOCK).for_each(|i| slopes[i] = T::from_f64(2.0) * self.sd[i] * self.slope[i]);
        slopes
    }
}
