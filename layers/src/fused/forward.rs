//! The forward kernel: the sample or variance of a weight, and the divergence.

use super::backward::put;
use super::block::block_of;
use super::scale::{exponentials, scales};
use super::{ITEM, Made, Scaled, VANISHING};
use crate::engine::Real;
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd};
use crate::engine::kernels::math::LogProduct;
use crate::engine::random::{BLOCK, Block};
use crate::sampling::DrawNoise;

/// The number of partial sums.
pub(super) const LANES: usize = 16;

/// One item of a draw. The result is its divergence, meaningful only with `kl`.
pub(super) struct Forward<'a, 't, T> {
    pub(super) noise: &'a DrawNoise<'t, T>,
    pub(super) prior: Scaled<T>,
    pub(super) start: usize,
    pub(super) mean: &'a [T],
    pub(super) rho: &'a [T],
    pub(super) made: Made,
    pub(super) weight: Option<&'a mut [T]>,
    /// Stores e^−|ρ| for the backward pass.
    pub(super) exponentials: Option<&'a mut [T]>,
    pub(super) kl: bool,
}

impl<T: Real> Kernel for Forward<'_, '_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(mut self) -> f64 {
        let len = self.mean.len();
        let mut nats = Nats::new();
        let [mut mean_end, mut rho_end, mut weight_end] = [Block::of(T::ZERO); 3];
        for from in (0..len).step_by(BLOCK) {
            let live = BLOCK.min(len - from);
            let mean = block_of(self.mean, from, &mut mean_end);
            let rho = block_of(self.rho, from, &mut rho_end);
            let exponentials = exponentials::<S, T>(rho);
            let sd = scales::<S, T>(rho, &exponentials);
            if let Some(kept) = &mut self.exponentials {
                put(&mut kept[from..], &exponentials, Write::Store);
            }
            if let Some(weight) = &mut self.weight {
                let rest = &mut weight[from..];
                let is_whole = rest.len() >= BLOCK;
                let block = rest.first_chunk_mut().unwrap_or(&mut weight_end);
                match self.made {
                    Made::Sample => {
                        let noise = self.noise.block(self.start + from);
                        reparameterise::<S, T>(mean, &sd, &noise, block);
                    }
                    Made::Variance => block.iter_mut().zip(sd.iter()).for_each(|(v, &sd)| *v = sd * sd),
                }
                if !is_whole {
                    rest.copy_from_slice(&weight_end[..live]);
                }
            }
            if self.kl {
                nats.add(&mut quadratic::<S, T>(self.prior, mean, &sd), rho, &sd, live);
            }
        }
        nats.total::<S>(self.prior.ln_sd - 0.5, len)
    }
}

/// w = μ + σε.
#[inline(always)]
pub(super) fn reparameterise<S: Simd, T: Real>(
    mean: &[T; BLOCK],
    sd: &[T; BLOCK],
    noise: &[T; BLOCK],
    weight: &mut [T; BLOCK],
) {
    for (((w, &mean), &sd), &e) in weight.iter_mut().zip(mean).zip(sd).zip(noise) {
        *w = sd.mul_add::<S>(e, mean);
    }
}

/// (σ² + (μ − m)²)/2s².
#[inline(always)]
pub(super) fn quadratic<S: Simd, T: Real>(prior: Scaled<T>, mean: &[T; BLOCK], sd: &[T; BLOCK]) -> Block<T> {
    let mut values = Block::of(T::ZERO);
    for ((value, &mean), &sd) in values.iter_mut().zip(mean).zip(sd) {
        let (scale, away) = (sd * prior.inverse_sd, (mean - prior.mean) * prior.inverse_sd);
        *value = T::from_f64(0.5) * scale.mul_add::<S>(scale, away * away);
    }
    values
}

/// The partial divergence of an item.
pub(super) struct Nats<T> {
    /// Σ ln σ over elements whose σ does not underflow.
    ln_sd: LogProduct<T, LANES>,
    /// Σ of the other terms, and of −ln σ for elements whose σ may underflow.
    rest: [f64; LANES],
}

// Each lane multiplies the factors of two elements at a time.
const _: () = assert!(ITEM / LANES / 2 <= LogProduct::<f32, LANES>::CAPACITY);

impl<T: Real> Nats<T> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Nats { ln_sd: LogProduct::new(), rest: [0.0; LANES] }
    }

    /// Adds the first `live` elements of a block, each −ln σ and its `rest`.
    #[inline(always)]
    pub(super) fn add(&mut self, rest: &mut Block<T>, rho: &[T; BLOCK], sd: &[T; BLOCK], live: usize) {
        let mut factors = Block::of(T::ONE);
        for i in 0..BLOCK {
            let vanishes = rho[i] < T::from_f64(VANISHING);
            let logarithm = if vanishes { rho[i] } else { T::ZERO };
            factors[i] = if vanishes { T::ONE } else { sd[i] };
            rest[i] -= logarithm;
        }
        if live < BLOCK {
            factors[live..].fill(T::ONE);
            rest[live..].fill(T::ZERO);
        }
        // Sums of a few terms in `T`, then in double precision. A product of two factors is a normal number: each factor is
        // at least e^−40, and if the product overflows, so does σ².
        let quarter = |x: &[T; BLOCK], i: usize| [x[i], x[i + LANES], x[i + 2 * LANES], x[i + 3 * LANES]];
        let (mut first, mut second) = ([T::ONE; LANES], [T::ONE; LANES]);
        for (i, ((first, second), sum)) in first.iter_mut().zip(&mut second).zip(&mut self.rest).enumerate() {
            let [a, b, c, d] = quarter(rest, i);
            *sum += ((a + b) + (c + d)).to_f64();
            let [a, b, c, d] = quarter(&factors, i);
            (*first, *second) = (a * b, c * d);
        }
        self.ln_sd.multiply(&first);
        self.ln_sd.multiply(&second);
    }

    /// The sum over the `len` elements added, each with this constant.
    #[inline(always)]
    pub(super) fn total<S: Simd>(&self, constant: f64, len: usize) -> f64 {
        constant * len as f64 + (self.rest.iter().sum::<f64>() - self.ln_sd.ln::<S>())
    }
}

/// The divergence of an item, in double precision for any scalar type of the parameters.
pub(super) struct Exact<'a, T> {
    pub(super) mean: &'a [T],
    pub(super) rho: &'a [T],
    pub(super) prior: Scaled<f64>,
}

impl<T: Real> Kernel for Exact<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let mut nats = Nats::<f64>::new();
        let [mut mean_end, mut rho_end] = [Block::of(T::ZERO); 2];
        for from in (0..self.mean.len()).step_by(BLOCK) {
            let mean = block_of(self.mean, from, &mut mean_end).map(T::to_f64);
            let rho = block_of(self.rho, from, &mut rho_end).map(T::to_f64);
            let sd = scales::<S, f64>(&rho, &exponentials::<S, f64>(&rho));
            let live = BLOCK.min(self.mean.len() - from);
            nats.add(&mut quadratic::<S, f64>(self.prior, &mean, &sd), &rho, &sd, live);
        }
        nats.total::<S>(self.prior.ln_sd - 0.5, self.mean.len())
    }
}
