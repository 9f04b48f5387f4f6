//! The backward kernel: the gradients of weight and divergence with respect to μ and ρ.

use super::block::block_of;
use super::forward::{LANES, quadratic};
use super::scale::Slopes;
use super::{Made, Scaled};
use crate::engine::Real;
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd};
use crate::engine::random::{BLOCK, Block};
use crate::sampling::DrawNoise;

/// One range of a draw. With `SUM`, the result is Σ (σ² + (μ − m)²)/s², the sum that a learned scale's gradient needs.
pub(super) struct Backward<'a, 't, T, const SUM: bool> {
    pub(super) noise: &'a DrawNoise<'t, T>,
    pub(super) prior: Scaled<T>,
    pub(super) start: usize,
    pub(super) mean: &'a [T],
    pub(super) rho: &'a [T],
    pub(super) made: Made,
    /// e^−|ρ|, if the forward pass stored it.
    pub(super) exponentials: Option<&'a [T]>,
    /// The sample or variance and its adjoint, if anything depends on it.
    pub(super) weight: Option<[&'a [T]; 2]>,
    /// ∂/∂KL.
    pub(super) kl: T,
    pub(super) to_mean: &'a mut [T],
    pub(super) to_rho: &'a mut [T],
    pub(super) writes: [Write; 2],
}

impl<T: Real, const SUM: bool> Kernel for Backward<'_, '_, T, SUM> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let len = self.mean.len();
        let mut sum = 0.0;
        let zeros = Block::of(T::ZERO);
        let [mut mean_end, mut rho_end, mut exponentials_end, mut weight_end, mut made_end] = [zeros; 5];
        let [mut by_mean, mut by_rho] = [zeros; 2];
        for from in (0..len).step_by(BLOCK) {
            let mean = block_of(self.mean, from, &mut mean_end);
            let rho = block_of(self.rho, from, &mut rho_end);
            let slopes = match self.exponentials {
                Some(kept) => Slopes::with::<S>(rho, block_of(kept, from, &mut exponentials_end)),
                None => Slopes::of::<S>(rho),
            };
            let (made, made_by_rho) = match self.weight {
                None => (&*zeros, zeros),
                Some([weight, made]) => {
                    let by_rho = match self.made {
                        Made::Sample => {
                            let weight = block_of(weight, from, &mut weight_end);
                            slopes.of_sample(mean, weight, || self.noise.block(self.start + from))
                        }
                        Made::Variance => slopes.of_variance(),
                    };
                    (block_of(made, from, &mut made_end), by_rho)
                }
            };
            let made_by_mean = if self.made == Made::Sample { made } else { &*zeros };
            let (to_mean, to_rho) = (&mut self.to_mean[from..], &mut self.to_rho[from..]);
            let (kl, prior) = (self.kl, self.prior);
            if SUM {
                sum += squares::<S, T>(prior, mean, &slopes.sd, BLOCK.min(len - from));
            }
            let parts = Parts { kl, prior, mean, slopes: &slopes, made_by_mean, made, made_by_rho: &made_by_rho };
            match (self.writes, to_mean.first_chunk_mut(), to_rho.first_chunk_mut()) {
                ([Write::Store, Write::Store], Some(to_mean), Some(to_rho)) => parts.compute::<S>(to_mean, to_rho),
                _ => {
                    parts.compute::<S>(&mut by_mean, &mut by_rho);
                    put(to_mean, &by_mean, self.writes[0]);
                    put(to_rho, &by_rho, self.writes[1]);
                }
            }
        }
        sum
    }
}

/// Σ (σ² + (μ − m)²)/s² over the first `live` elements of a block.
#[inline(always)]
fn squares<S: Simd, T: Real>(prior: Scaled<T>, mean: &[T; BLOCK], sd: &[T; BLOCK], live: usize) -> f64 {
    let mut values = quadratic::<S, T>(prior, mean, sd);
    values[live..].fill(T::ZERO);
    let mut lanes = [T::ZERO; LANES];
    for part in values.chunks_exact(LANES) {
        lanes.iter_mut().zip(part).for_each(|(lane, &value)| *lane += value);
    }
    2.0 * lanes.iter().map(|lane| lane.to_f64()).sum::<f64>()
}

/// The terms of a block's gradients.
struct Parts<'a, T> {
    kl: T,
    prior: Scaled<T>,
    mean: &'a [T; BLOCK],
    slopes: &'a Slopes<T>,
    /// ∂/∂μ through the sample or variance.
    made_by_mean: &'a [T; BLOCK],
    /// The adjoint of the sample or variance, and its derivative with respect to ρ.
    made: &'a [T; BLOCK],
    made_by_rho: &'a [T; BLOCK],
}

impl<T: Real> Parts<'_, T> {
    #[inline(always)]
    fn compute<S: Simd>(&self, by_mean: &mut [T; BLOCK], by_rho: &mut [T; BLOCK]) {
        let Parts { kl, prior, mean, slopes, made_by_mean, made, made_by_rho } = *self;
        // Zero times an overflowing divergence is zero.
        let inverse = if kl == T::ZERO { T::ZERO } else { prior.inverse_sd };
        let kl_inverse = kl * inverse;
        for i in 0..BLOCK {
            let (away, scale) = ((mean[i] - prior.mean) * inverse, slopes.sd[i] * inverse);
            by_mean[i] = away.mul_add::<S>(kl_inverse, made_by_mean[i]);
            let kl_by_rho = (slopes.slope[i] * scale).mul_add::<S>(kl_inverse, -(kl * slopes.log_slope[i]));
            by_rho[i] = made[i].mul_add::<S>(made_by_rho[i], kl_by_rho);
        }
    }
}

#[inline(always)]
pub(super) fn put<T: Real>(target: &mut [T], values: &[T; BLOCK], write: Write) {
    let len = BLOCK.min(target.len());
    let (target, values) = (&mut target[..len], &values[..len]);
    match write {
        Write::Store => target.copy_from_slice(values),
        Write::Add => target.iter_mut().zip(values).for_each(|(target, &value)| *target += value),
    }
}
