//! `ScaleMixture`: mixtures of normals about zero with different standard deviations.

use std::f64::consts::TAU;

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Var};
use crate::prior::{Prior, sample};

/// Σₖ πₖ N(w; 0, sₖ²) for every element: any number of normals about zero.
///
/// Make one with `ScaleMixture::new([0.2, 0.8], [1.0, 0.1])`, or with the function of the same name: `ScaleMixture([0.2, 0.8], [1.0, 0.1])`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleMixture<const N: usize = 2> {
    weights: [f64; N],
    sds: [f64; N],
}

/// Short for [`ScaleMixture::new`](ScaleMixture::new()).
///
/// # Panics
/// Where [`ScaleMixture::new`](ScaleMixture::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `ScaleMixture([0.2, 0.8], [1.0, 0.1])`")]
#[track_caller]
pub fn ScaleMixture<const N: usize>(weights: [f64; N], sds: [f64; N]) -> ScaleMixture<N> {
    ScaleMixture::new(weights, sds)
}

impl ScaleMixture {
    /// π N(0, s₁²) + (1 − π) N(0, s₂²): the prior of Blundell et al. 2015, eq. 7, where s₁ is large and s₂ small.
    ///
    /// # Panics
    /// If `pi` is not in [0, 1], or a standard deviation is not positive and finite.
    #[track_caller]
    pub fn two(pi: f64, sd1: f64, sd2: f64) -> Self {
        assert!((0.0..=1.0).contains(&pi), "ScaleMixture: a weight must be in [0, 1], got {pi}");
        ScaleMixture([pi, 1.0 - pi], [sd1, sd2])
    }

    /// The continuous spike and slab of George and McCulloch 1993: with probability `inclusion` a weight is from the
    /// slab N(0, slab²), else from the spike N(0, spike²), a narrow normal about zero.
    ///
    /// # Panics
    /// If `inclusion` is not in [0, 1], a standard deviation is not positive and finite, or the spike is not narrower
    /// than the slab.
    #[track_caller]
    pub fn spike_and_slab(inclusion: f64, slab: f64, spike: f64) -> Self {
        let mixture = ScaleMixture::two(inclusion, slab, spike);
        assert!(spike < slab, "ScaleMixture: the spike must be narrower than the slab, got {spike} and {slab}");
        mixture
    }
}

impl<const N: usize> ScaleMixture<N> {
    /// The mixture of normals about zero with these weights and standard deviations.
    ///
    /// [`ScaleMixture::two`] and [`ScaleMixture::spike_and_slab`] write the two-component mixtures of the literature. In an
    /// attribute, a mixture of more components needs their number: `#[prior(ScaleMixture::<3>([..], [..]))]`.
    ///
    /// # Panics
    /// If `N` is 0, a weight is negative, the weights do not sum to one (to within 1e-9), or a standard
    /// deviation is not positive and finite.
    #[track_caller]
    pub fn new(weights: [f64; N], sds: [f64; N]) -> Self {
        assert!(N > 0, "ScaleMixture: a mixture needs a component, got none");
        for weight in weights {
            assert!(weight >= 0.0, "ScaleMixture: a weight must not be negative, got {weight}");
        }
        let sum: f64 = weights.iter().sum();
        assert!((sum - 1.0).abs() <= 1e-9, "ScaleMixture: the weights must sum to one; {weights:?} sum to {sum}");
        for sd in sds {
            assert!(
                sd > 0.0 && sd.is_finite(),
                "ScaleMixture: a standard deviation must be positive and finite, got {sd}"
            );
        }
        ScaleMixture { weights, sds }
    }

    /// The components' weights.
    pub fn weights(self) -> [f64; N] {
        self.weights
    }

    /// The components' standard deviations.
    pub fn sds(self) -> [f64; N] {
        self.sds
    }

    fn components(self) -> Components<f64, N> {
        let offsets = std::array::from_fn(|k| self.weights[k].ln() - self.sds[k].ln() - 0.5 * TAU.ln());
        Components { offsets, inverse_sds: self.sds.map(f64::recip) }
    }
}

impl<const N: usize> Prior for ScaleMixture<N> {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(self.components(), [w], None)
    }

    /// `None` if 1/sd of a component overflows in `T`; the log-density is then summed in double precision.
    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        let components = self.components();
        let fits = components.to::<T>().inverse_sds.iter().all(|inverse| inverse.is_finite());
        fits.then(|| visitor.with(components))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        let sd = |mut u: f64| {
            let chosen = self.weights.iter().position(|weight| {
                u -= weight;
                u < 0.0
            });
            // Because of rounding, the weights may sum to less than 1.
            self.sds[chosen.unwrap_or(N - 1)]
        };
        Some(sample::each(shape, key, |_, z, u| sd(u) * z))
    }

    fn description(&self) -> String {
        format!("ScaleMixture({:?}, {:?})", self.weights, self.sds)
    }
}

/// ln Σ exp(offset − (w/sd)²/2).
#[derive(Clone, Copy)]
struct Components<T, const N: usize> {
    offsets: [T; N],
    inverse_sds: [T; N],
}

impl<const N: usize> Components<f64, N> {
    #[inline(always)]
    fn to<T: Real>(self) -> Components<T, N> {
        Components { offsets: self.offsets.map(T::from_f64), inverse_sds: self.inverse_sds.map(T::from_f64) }
    }
}

impl<T: Real, const N: usize> Components<T, N> {
    /// The logarithms of the summands, and the largest, which log-sum-exp subtracts so that the sum neither overflows nor
    /// underflows for any w.
    #[inline(always)]
    fn logarithms(self, w: T) -> ([T; N], T) {
        let mut logarithms = self.offsets;
        let mut largest = T::from_f64(f64::NEG_INFINITY);
        for (logarithm, inverse_sd) in logarithms.iter_mut().zip(self.inverse_sds) {
            let z = w * inverse_sd;
            *logarithm -= T::from_f64(0.5) * z * z;
            largest = if *logarithm > largest { *logarithm } else { largest };
        }
        (logarithms, largest)
    }

    #[inline(always)]
    fn value_at<S: Simd>(self, w: T) -> T {
        let (logarithms, largest) = self.logarithms(w);
        let mut sum = T::ZERO;
        for logarithm in logarithms {
            sum += (logarithm - largest).exp::<S>();
        }
        largest + sum.ln::<S>()
    }

    /// The components' slopes −w/sd², weighted by their shares in the density at w.
    #[inline(always)]
    fn slope_at<S: Simd>(self, w: T) -> T {
        let (logarithms, largest) = self.logarithms(w);
        let (mut sum, mut weighted) = (T::ZERO, T::ZERO);
        for (logarithm, inverse_sd) in logarithms.into_iter().zip(self.inverse_sds) {
            let share = (logarithm - largest).exp::<S>();
            sum += share;
            weighted += share * (w * inverse_sd) * inverse_sd;
        }
        -weighted / sum
    }
}

impl<const N: usize> ElementwiseTerm<1> for Components<f64, N> {
    const NAME: &'static str = "log-density of ScaleMixture";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        self.value_at::<S>(w)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        self.slope_at::<S>(w)
    }

    /// Computed in `T`, because each component needs an exponential.
    #[inline(always)]
    fn value_in<S: Simd, T: Real>(self, [w]: [T; 1], _: At) -> T {
        self.to::<T>().value_at::<S>(w)
    }

    #[inline(always)]
    fn slope_in<S: Simd, const K: usize, T: Real>(self, [w]: [T; 1], _: At) -> T {
        self.to::<T>().slope_at::<S>(w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normal, Tape, Tensor};

    fn at(prior: impl Prior, w: f64) -> f64 {
        let tape = Tape::<f64>::inference();
        prior.log_density(tape.input(&Tensor::new([], [w]))).item()
    }

    #[test]
    fn the_function_is_the_constructor() {
        assert_eq!(ScaleMixture([0.2, 0.8], [1.0, 0.1]), ScaleMixture::new([0.2, 0.8], [1.0, 0.1]));
    }

    #[test]
    fn equal_components_are_one_normal_however_many() {
        for w in [0.0, 0.3, -40.0, 1e4] {
            let normal = at(Normal(0.0, 0.7), w);
            let all = [
                at(ScaleMixture([1.0], [0.7]), w),
                at(ScaleMixture([0.25, 0.75], [0.7; 2]), w),
                at(ScaleMixture([0.2; 5], [0.7; 5]), w),
                at(ScaleMixture::two(1.0, 0.7, 0.1), w),
            ];
            for mixture in all {
                assert!((mixture - normal).abs() <= 1e-14 * normal.abs().max(1.0), "{w}: {mixture} {normal}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "the weights must sum to one; [0.5, 0.6] sum to 1.1")]
    fn weights_that_do_not_sum_to_one_are_refused() {
        ScaleMixture([0.5, 0.6], [1.0, 0.1]);
    }

    #[test]
    #[should_panic(expected = "a weight must be in [0, 1], got 1.5")]
    fn a_weight_above_one_is_refused() {
        ScaleMixture::two(1.5, 1.0, 0.1);
    }

    #[test]
    #[should_panic(expected = "a standard deviation must be positive and finite, got -0.1")]
    fn a_negative_standard_deviation_is_refused() {
        ScaleMixture([0.5, 0.5], [1.0, -0.1]);
    }

    #[test]
    #[should_panic(expected = "the spike must be narrower than the slab, got 2 and 1")]
    fn a_spike_wider_than_its_slab_is_refused() {
        ScaleMixture::spike_and_slab(0.1, 1.0, 2.0);
    }
}
