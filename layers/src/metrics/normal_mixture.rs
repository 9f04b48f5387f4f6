//! Quantiles of mixtures of normal distributions, for many elements at once.

use std::f64::consts::{SQRT_2, TAU};

use statrs::function::erf::erfc_inv;

use crate::engine::Real;
use crate::engine::kernels::dispatch::{Kernel, Portable, Simd, dispatch};
use crate::engine::kernels::math::Math;

/// Steps at most: a few are enough, most often.
const STEPS: usize = 200;

/// Newton steps at most, for a quantile of the standard normal distribution.
const NEWTON: usize = 20;

/// For smaller probabilities the distribution function is 0 in single precision.
const SINGLE: f64 = 1e-30;

/// Equal mixtures of normal distributions over draws, one for each of some elements.
pub(super) struct NormalMixtures {
    elements: Vec<Element>,
    exact: Normals<f64>,
    /// In units of each mixture's standard deviation, from its mean.
    rough: Normals<f32>,
}

/// What is known of one mixture.
#[derive(Clone, Copy)]
struct Element {
    mean: f64,
    sd: f64,
    /// 1 / the smallest standard deviation of a draw.
    sharpest: f64,
}

impl NormalMixtures {
    /// From the mean and standard deviation of each element under each draw, draw by draw.
    pub(super) fn new(elements: usize, of_draws: impl Iterator<Item = [f64; 2]>) -> Self {
        let (means, inverse_sds): (Vec<f64>, Vec<f64>) = of_draws.map(|[mean, sd]| (mean, sd.recip())).unzip();
        let exact = Normals { means, inverse_sds };
        let share = elements as f64 / exact.means.len() as f64;
        let mut of_elements = vec![Element { mean: 0.0, sd: 0.0, sharpest: 0.0 }; elements];
        exact.for_each(elements, |i, mean, _| of_elements[i].mean += share * mean);
        exact.for_each(elements, |i, mean, inverse| {
            let of = &mut of_elements[i];
            of.sharpest = of.sharpest.max(inverse);
            of.sd += share * ((mean - of.mean).powi(2) + inverse.powi(-2));
        });
        of_elements.iter_mut().for_each(|of| of.sd = of.sd.sqrt());
        let mut rough = Normals { means: Vec::new(), inverse_sds: Vec::new() };
        exact.for_each(elements, |i, mean, inverse| {
            let of = of_elements[i];
            rough.means.push(((mean - of.mean) / of.sd) as f32);
            rough.inverse_sds.push((of.sd * inverse) as f32);
        });
        NormalMixtures { elements: of_elements, exact, rough }
    }

    /// The quantile of every element; NaN where the mean or standard deviation of a draw is not finite.
    pub(super) fn quantiles(&self, probability: f64) -> Vec<f64> {
        let standard = standard_quantile(probability);
        // The mixture's quantile lies between those of the draws.
        let mut brackets = vec![[f64::INFINITY, f64::NEG_INFINITY]; self.elements.len()];
        self.exact.for_each(brackets.len(), |i, mean, inverse| {
            let ([low, high], y) = (&mut brackets[i], mean + standard / inverse);
            // The quantiles are right to a few units in the last place; the bracket includes them.
            let slack = 1e-12 * (y.abs() + inverse.recip());
            *low = low.min(y - slack);
            *high = high.max(y + slack);
        });
        let start = |(of, [low, high]): (&Element, &[f64; 2])| (of.mean + standard * of.sd).max(*low).min(*high);
        let mut y: Vec<f64> = self.elements.iter().zip(&brackets).map(start).collect();
        // First in single precision: from its result, double precision most often needs one step.
        if probability > SINGLE {
            let (from, epsilon) = (|of: &Element| of.mean, f64::from(f32::EPSILON));
            self.solve(probability, &mut y, brackets.clone(), epsilon, from, |y, of_mixtures| {
                let standardised = |(of, y): (&Element, &f64)| ((y - of.mean) / of.sd) as f32;
                let y: Vec<f32> = self.elements.iter().zip(y).map(standardised).collect();
                self.rough.evaluate(&y, of_mixtures);
                for (of, [_, density, slope]) in self.elements.iter().zip(of_mixtures) {
                    *density /= of.sd;
                    *slope /= of.sd * of.sd;
                }
            });
        }
        let evaluate = |y: &[f64], of_mixtures: &mut [[f64; 3]]| self.exact.evaluate(y, of_mixtures);
        self.solve(probability, &mut y, brackets, f64::EPSILON, |_| 0.0, evaluate);
        y.iter_mut()
            .zip(&self.elements)
            .filter(|(_, of)| !(of.mean + of.sd).is_finite())
            .for_each(|(y, _)| *y = f64::NAN);
        y
    }

    /// Moves `y` to the quantiles, by Halley's method within brackets, as far as the precision allows: `evaluate` gives the
    /// distribution function, the density and its derivative of every element, with the relative rounding error `epsilon` of
    /// numbers that are measured from the element's `origin`.
    fn solve(
        &self,
        probability: f64,
        y: &mut [f64],
        mut brackets: Vec<[f64; 2]>,
        epsilon: f64,
        origin: impl Fn(&Element) -> f64,
        mut evaluate: impl FnMut(&[f64], &mut [[f64; 3]]),
    ) {
        let mut of_mixtures = vec![[0.0; 3]; y.len()];
        let mut is_found = vec![false; y.len()];
        for _ in 0..STEPS {
            evaluate(y, &mut of_mixtures);
            for (i, y) in y.iter_mut().enumerate() {
                if is_found[i] {
                    continue;
                }
                let ([below, density, slope], [low, high]) = (of_mixtures[i], &mut brackets[i]);
                *(if below < probability { &mut *low } else { &mut *high }) = *y;
                let bend = slope / density;
                // Far out on the left the logarithm is nearly a parabola, and the distribution function is not.
                let (newton, of_equation) = if probability < 0.5 {
                    (below / density * (below / probability).ln(), bend - density / below)
                } else {
                    ((below - probability) / density, bend)
                };
                let halley = *y - newton / (1.0 - 0.5 * newton * of_equation).max(0.5);
                let middle = *low + 0.5 * (*high - *low);
                let next = if halley >= *low && halley <= *high { halley } else { middle };
                // The error after a step is at most about its third power times the square of the density's sharpness.
                let (of, step) = (&self.elements[i], (next - *y).abs());
                let sharpness = bend.abs() + of.sharpest;
                let rounding = epsilon * (2.0 * (next - origin(of)).abs() + (probability / density).min(of.sd));
                let is_near =
                    (next == halley && (sharpness * step).powi(2) * step <= rounding) || *high - *low <= rounding;
                is_found[i] = is_near || !(middle > *low && middle < *high);
                *y = next;
            }
            if is_found.iter().all(|is_found| *is_found) {
                break;
            }
        }
    }
}

/// The quantile of the standard normal distribution.
pub(super) fn standard_quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -standard_quantile(1.0 - probability);
    }
    let mut z = -SQRT_2 * erfc_inv(2.0 * probability);
    // `erfc_inv` has few digits in the tail. Newton's method converges from there: ln Φ is concave.
    for _ in 0..NEWTON {
        let step = (z.ln_normal_cdf::<Portable>() - probability.ln()) / z.inverse_mills::<Portable>();
        z -= step;
        if step.abs() <= f64::EPSILON * z.abs() {
            break;
        }
    }
    z
}

/// Means and inverse standard deviations, draw by draw.
struct Normals<T> {
    means: Vec<T>,
    inverse_sds: Vec<T>,
}

impl<T: Real> Normals<T> {
    /// Calls `of` with the element, the mean and the inverse standard deviation of every draw of every element.
    fn for_each(&self, elements: usize, mut of: impl FnMut(usize, T, T)) {
        for (means, inverse_sds) in self.means.chunks_exact(elements).zip(self.inverse_sds.chunks_exact(elements)) {
            means.iter().zip(inverse_sds).enumerate().for_each(|(i, (&mean, &inverse))| of(i, mean, inverse));
        }
    }

    /// The distribution functions, the densities and their derivatives at `y`.
    fn evaluate(&self, y: &[T], of_mixtures: &mut [[f64; 3]]) {
        let [mut below, mut density, mut slope] = [(); 3].map(|()| vec![T::ZERO; y.len()]);
        dispatch(Sums { normals: self, y, below: &mut below, density: &mut density, slope: &mut slope });
        let share = y.len() as f64 / self.means.len() as f64;
        for (i, of_mixture) in of_mixtures.iter_mut().enumerate() {
            let [below, density, slope] = [below[i], density[i], slope[i]].map(|sum| share * sum.to_f64());
            *of_mixture = [below, density / TAU.sqrt(), slope / TAU.sqrt()];
        }
    }
}

/// Adds to three sums over draws: Φ(z), e^(−z²/2)/σ, and −z e^(−z²/2)/σ².
struct Sums<'a, T> {
    normals: &'a Normals<T>,
    y: &'a [T],
    below: &'a mut [T],
    density: &'a mut [T],
    slope: &'a mut [T],
}

impl<T: Real> Kernel for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Sums { normals, y, below, density, slope } = self;
        let n = y.len();
        let (below, density, slope) = (&mut below[..n], &mut density[..n], &mut slope[..n]);
        let half = T::from_f64(-0.5);
        for (means, inverse_sds) in normals.means.chunks_exact(n).zip(normals.inverse_sds.chunks_exact(n)) {
            for i in 0..n {
                let z = (y[i] - means[i]) * inverse_sds[i];
                let of_draw = (half * z * z).exp::<S>() * inverse_sds[i];
                below[i] += z.normal_cdf::<S>();
                density[i] += of_draw;
                slope[i] -= z * inverse_sds[i] * of_draw;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use statrs::function::erf::erfc;

    use super::*;

    /// The distribution function and the density of a mixture.
    fn mixture(draws: &[[f64; 2]], y: f64) -> [f64; 2] {
        let of_draw = |[mean, sd]: &[f64; 2]| {
            let z = (y - mean) / sd;
            [0.5 * erfc(-z / SQRT_2), (-0.5 * z * z).exp() / (sd * TAU.sqrt())]
        };
        let sums = draws.iter().map(of_draw).fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
        sums.map(|sum| sum / draws.len() as f64)
    }

    #[test]
    fn quantiles_invert_the_distribution_function_for_all_scales() {
        let mixtures: [&[[f64; 2]]; 7] = [
            &[[0.0, 1.0], [3.0, 0.1], [-2.0, 5.0], [0.5, 1e-3]],
            &[[1e9, 1.0], [1e9 + 3.0, 2.0], [1e9 - 1.0, 0.5], [1e9, 1.0]],
            &[[0.0, 1e-6], [0.0, 1e6], [1.0, 1.0], [-1.0, 1e-3]],
            &[[-100.0, 1.0], [100.0, 1.0], [-100.0, 1e-2], [100.0, 1e-2]],
            &[[1e-100, 1e-105], [2e-100, 1e-104], [3e-100, 1e-105], [0.0, 1e-106]],
            // All draws agree, near 0 and far from it.
            &[[2.0, 3.0]; 4],
            &[[1e9, 1e-2]; 4],
        ];
        let by_draw = (0..4).flat_map(|draw| mixtures.map(|mixture| mixture[draw]));
        let solver = NormalMixtures::new(mixtures.len(), by_draw);
        for probability in [1e-250, 1e-12, 0.05, 0.25, 0.3, 0.5, 0.75, 0.95, 1.0 - 1e-12] {
            for (i, (y, draws)) in solver.quantiles(probability).into_iter().zip(mixtures).enumerate() {
                let [below, density] = mixture(draws, y);
                let rounding = f64::EPSILON * (probability + density * y.abs());
                assert!(
                    (below - probability).abs() <= 1e-9 * probability.min(1.0 - probability) + 8.0 * rounding,
                    "mixture {i}: P(at most {y:e}) is {below:e}, not {probability:e}"
                );
            }
        }
    }

    #[test]
    fn a_mixture_without_moments_has_no_quantiles_and_does_not_change_others() {
        let draws = [[f64::NAN, 1.0], [0.0, 1.0], [0.0, f64::NAN], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]];
        let medians = NormalMixtures::new(3, draws.into_iter()).quantiles(0.5);
        assert_eq!(medians.len(), 3);
        assert!(medians[0].is_nan() && medians[2].is_nan(), "{medians:?}");
        assert!(medians[1].abs() < 1e-15, "{medians:?}");
    }
}
