//! ln softplus(ρ), the logarithm of a standard deviation, and softplus and its inverse, without overflow or cancellation.

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::map::{Elementwise, map};
use crate::engine::kernels::math::Math;
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// Below this ρ, ln softplus(ρ) has slope 1 to within e^−40/2, and both terms of sigmoid(ρ)/softplus(ρ) may underflow.
const VANISHING: f64 = -40.0;

/// ln softplus(ρ), elementwise: finite, with a finite gradient, even if softplus(ρ) underflows to zero.
#[track_caller]
pub(crate) fn log_scale<'t, T: Real>(rho: Var<'t, T>) -> Var<'t, T> {
    rho.tape().record(LogScale, &[rho], [rho.shape()])[0]
}

/// Σ ln softplus(ρ), a scalar.
#[track_caller]
pub(crate) fn log_scales<'t, T: Real>(rho: Var<'t, T>) -> Var<'t, T> {
    log_scale(rho).sum()
}

/// softplus(ρ) as a divisor of w − μ, replaced by the smallest normal number if it underflows: a weight at its mean then
/// has a distance of zero standard deviations.
#[track_caller]
pub(crate) fn divisor<'t, T: Real>(rho: Var<'t, T>) -> Var<'t, T> {
    positive(rho.softplus())
}

/// x, or the smallest normal number if x is smaller.
#[track_caller]
pub(crate) fn positive<'t, T: Real>(x: Var<'t, T>) -> Var<'t, T> {
    x.clamp(least::<T>(), f64::INFINITY)
}

/// The smallest positive normal number of a scalar type.
pub(crate) fn least<T: Real>() -> f64 {
    let [double, single] = [f64::MIN_POSITIVE, f64::from(f32::MIN_POSITIVE)];
    if T::from_f64(double) > T::ZERO { double } else { single }
}

/// softplus(ρ) of a single number.
pub(crate) fn softplus(rho: f64) -> f64 {
    rho.max(0.0) + (-rho.abs()).exp().ln_1p()
}

/// ρ with softplus(ρ) = σ.
pub(crate) fn inverse_softplus(sd: f64) -> f64 {
    // ln(e^σ − 1) = σ + ln(1 − e^−σ), which neither overflows nor cancels.
    sd + (-(-sd).exp_m1()).ln()
}

/// d ln σ/dρ = sigmoid(ρ)/softplus(ρ), which tends to 1 as ρ → −∞.
#[inline(always)]
pub(crate) fn log_slope<S: Simd>(rho: f64) -> f64 {
    let vanishes = rho < VANISHING;
    let divisor = if vanishes { 1.0 } else { Math::softplus::<S>(rho) };
    let ratio = Math::sigmoid::<S>(rho) / divisor;
    if vanishes { 1.0 } else { ratio }
}

#[derive(Clone, Copy)]
struct LogScale;

impl<T: Real> Operation<T> for LogScale {
    fn name(&self) -> &'static str {
        "log scale"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let rho = io.input(0).data;
        map(Value, [rho], io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (rho, g) = (io.input(0).data, io.upstream(0).expect("the only output"));
        io.accumulate(0, |target, write| map(Slope, [rho, g], target, write));
    }
}

#[derive(Clone, Copy)]
struct Value;

impl<T: Real> Elementwise<T, 1> for Value {
    #[inline(always)]
    fn apply<S: Simd>(self, [rho]: [T; 1]) -> T {
        rho.log_softplus::<S>()
    }
}

/// g · sigmoid(ρ)/softplus(ρ).
#[derive(Clone, Copy)]
struct Slope;

impl<T: Real> Elementwise<T, 2> for Slope {
    #[inline(always)]
    fn apply<S: Simd>(self, [rho, g]: [T; 2]) -> T {
        let vanishes = rho < T::from_f64(VANISHING);
        let sd = if vanishes { T::ONE } else { rho.softplus::<S>() };
        let slope = if vanishes { T::ONE } else { rho.sigmoid::<S>() };
        g * (slope / sd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gradcheck;
    use crate::{Gradients, Tape, Tensor};

    #[test]
    fn log_scales_is_the_sum_of_logarithms() {
        let mut rho: Tensor<f64> = Tensor::from_fn([5, 3], |i| 2.0 * i as f64 - 20.0);
        let exact: f64 = rho.data().iter().map(|rho| rho.exp().ln_1p().ln()).sum();
        let tape = Tape::new();
        assert!((log_scales(tape.param(&rho)).item() / exact - 1.0).abs() < 1e-14);
        gradcheck(&mut rho, |tape, rho| log_scale(tape.param(rho))).assert_within(1e-9);
    }

    #[test]
    fn values_and_gradients_are_finite_for_extreme_rho() {
        fn check<T: Real>() {
            let rho = Tensor::<T>::new([4], [-1e4, -90.0, 1e4, 0.0].map(T::from_f64));
            let mut gradients = Gradients::of(&rho);
            let tape = Tape::new();
            let sum = log_scales(tape.param(&rho));
            sum.backward(&mut gradients);
            let exact = -1e4 - 90.0 + 1e4f64.ln() + 2f64.ln().ln();
            assert!((sum.item() / exact - 1.0).abs() < 1e-6);
            let expected = [1.0, 1.0, 1e-4, 0.5 / 2f64.ln()];
            for (slope, exact) in gradients.get("").unwrap().iter().zip(expected) {
                assert!((slope.to_f64() / exact - 1.0).abs() < 1e-6, "{slope} {exact}");
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn scalar_functions_agree_with_the_operations() {
        for rho in [-1e4, -100.0, -41.0, -39.0, -5.0, 0.0, 0.54, 3.0, 700.0, 1e4] {
            let x = Tensor::new([1], [rho]);
            let tape = Tape::new();
            assert!((softplus(rho) - tape.input(&x).softplus().item()).abs() <= 1e-15 * softplus(rho), "{rho}");
        }
        for sd in [1e-30, 0.05, 1.0, 30.0, 1e4] {
            assert!((softplus(inverse_softplus(sd)) / sd - 1.0).abs() < 1e-12, "{sd}");
        }
    }
}
