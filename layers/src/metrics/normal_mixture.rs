//! Quantiles of mixtures of normal distributions, for many elements at once.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2, TAU};

use statrs::function::erf::erf_inv;

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::map::{Elementwise, map};
use crate::engine::kernels::math::Math;

/// Safeguarded Newton steps halve the bracket at worst: enough for any two doubles.
const STEPS: usize = 200;

/// Φ(z).
#[derive(Clone, Copy)]
struct NormalCdf;

impl Elementwise<f64, 1> for NormalCdf {
    #[inline(always)]
    fn apply<S: Simd>(self, [z]: [f64; 1]) -> f64 {
        0.5 * Math::erfc::<S>(-z * FRAC_1_SQRT_2)
    }
}

/// e^(−z²/2).
#[derive(Clone, Copy)]
struct Bell;

impl Elementwise<f64, 1> for Bell {
    #[inline(always)]
    fn apply<S: Simd>(self, [z]: [f64; 1]) -> f64 {
        Math::exp::<S>(-0.5 * z * z)
    }
}

/// Equal mixtures of normal distributions over draws, one for each of some elements.
pub(super) struct NormalMixtures {
    elements: usize,
    /// (draws, elements).
    means: Vec<f64>,
    sds: Vec<f64>,
    inverse_sds: Vec<f64>,
    z: Vec<f64>,
    terms: Vec<f64>,
}

impl NormalMixtures {
    /// From the mean and standard deviation of each element under each draw, draw by draw.
    pub(super) fn new(elements: usize, of_draws: impl Iterator<Item = [f64; 2]>) -> Self {
        let (means, sds): (Vec<f64>, Vec<f64>) = of_draws.map(|[mean, sd]| (mean, sd)).unzip();
        let inverse_sds = sds.iter().map(|sd| sd.recip()).collect();
        let (z, terms) = (vec![0.0; means.len()], vec![0.0; means.len()]);
        NormalMixtures { elements, means, sds, inverse_sds, z, terms }
    }

    /// The quantile of every element.
    pub(super) fn quantiles(&mut self, probability: f64) -> Vec<f64> {
        let standard = SQRT_2 * erf_inv(2.0 * probability - 1.0);
        let (n, draws) = (self.elements, (self.means.len() / self.elements) as f64);
        // The mixture's quantile lies between those of the draws.
        let (mut low, mut high) = (vec![f64::INFINITY; n], vec![f64::NEG_INFINITY; n]);
        let (mut sum, mut squares) = (vec![0.0; n], vec![0.0; n]);
        for (i, (mean, sd)) in self.means.iter().zip(&self.sds).enumerate() {
            let (element, y) = (i % n, mean + standard * sd);
            // `erf_inv` is right to a few units in the last place; the bracket includes them.
            let slack = 1e-12 * (y.abs() + sd);
            low[element] = low[element].min(y - slack);
            high[element] = high[element].max(y + slack);
            sum[element] += mean / draws;
            squares[element] += (mean * mean + sd * sd) / draws;
        }
        let start = |i: usize| sum[i] + standard * (squares[i] - sum[i] * sum[i]).max(0.0).sqrt();
        let mut y: Vec<f64> = (0..n).map(|i| start(i).clamp(low[i], high[i])).collect();
        let (mut below, mut density) = (vec![0.0; n], vec![0.0; n]);
        for _ in 0..STEPS {
            self.evaluate(&y, &mut below, &mut density);
            let mut is_done = true;
            for i in 0..n {
                if below[i] < probability {
                    low[i] = y[i]
                } else {
                    high[i] = y[i]
                }
                let newton = y[i] - (below[i] - probability) / density[i];
                let middle = low[i] + 0.5 * (high[i] - low[i]);
                let next = if newton > low[i] && newton < high[i] { newton } else { middle };
                is_done &= (next - y[i]).abs() <= 2.0 * f64::EPSILON * y[i].abs().max(f64::MIN_POSITIVE)
                    || !(middle > low[i] && middle < high[i]);
                y[i] = next;
            }
            if is_done {
                break;
            }
        }
        y
    }

    /// The distribution functions and densities at `y`.
    fn evaluate(&mut self, y: &[f64], below: &mut [f64], density: &mut [f64]) {
        let n = self.elements;
        for (draw, z) in self.z.chunks_exact_mut(n).enumerate() {
            let (means, inverse_sds) = (&self.means[draw * n..][..n], &self.inverse_sds[draw * n..][..n]);
            for i in 0..n {
                z[i] = (y[i] - means[i]) * inverse_sds[i];
            }
        }
        let draws = (self.means.len() / n) as f64;
        map(NormalCdf, [&self.z], &mut self.terms, Write::Store);
        below.fill(0.0);
        for terms in self.terms.chunks_exact(n) {
            below.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term / draws);
        }
        map(Bell, [&self.z], &mut self.terms, Write::Store);
        density.fill(0.0);
        let factor = 1.0 / (draws * TAU.sqrt());
        for (terms, inverse_sds) in self.terms.chunks_exact(n).zip(self.inverse_sds.chunks_exact(n)) {
            for i in 0..n {
                density[i] += terms[i] * inverse_sds[i] * factor;
            }
        }
    }
}
