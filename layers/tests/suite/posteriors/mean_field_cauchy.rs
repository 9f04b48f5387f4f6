//! The mean-field Cauchy posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

fn scale(i: usize) -> f64 {
    0.4 + 0.1 * i as f64
}

fn model<T: Real, P: Prior>(prior: P) -> One<MeanFieldCauchy<T>, P>
where
    MeanFieldCauchy<T>: Divergence<P>,
{
    let weight = MeanFieldCauchy::with_scales(Tensor::from_fn([2, 3], number), &Tensor::from_fn([2, 3], scale));
    One { weight, prior }
}

fn cauchy<T: Real>() -> One<MeanFieldCauchy<T>, Cauchy> {
    model(Cauchy(0.2, 0.8))
}

/// The fraction of samples below each quantile matches the CDF ½ + arctan(z)/π.
#[test]
fn samples_have_the_quantiles() {
    let distances = samples(&cauchy());
    let distances = distances.iter().enumerate().map(|(i, w)| (w - number(i % 6)) / scale(i % 6));
    for share in [1e-3f64, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999] {
        let quantile = (std::f64::consts::PI * (share - 0.5)).tan();
        assert_mean(distances.clone().map(|d| f64::from(u8::from(d < quantile))), share, "quantile");
    }
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    fn check<T: Real>(tolerance: f64) {
        // cot(½π erfc(|ε|/√2)) with the sign of ε, computed with 40 digits.
        let noise = [-6.0, -1.0, 0.0, 0.25, 2.5, 5.0].map(T::from_f64);
        let expected = [
            -322_637_210.981_521_9,
            -1.837_337_201_471_583,
            0.0,
            0.320_432_330_760_607,
            51.253_890_279_685_06,
            1_110_441.795_581_197,
        ];
        let noise = FixedNoise::new().set("weight", Tensor::new([2, 3], noise));
        let tape = Tape::new();
        let model = cauchy::<T>();
        let w = model.draw(&tape, Drawing::new(Key::new(0)).noise(&noise)).weight.value();
        for (i, w) in w.iter().enumerate() {
            let expected = number(i) + scale(i) * expected[i];
            assert!((w.to_f64() / expected - 1.0).abs() < tolerance, "{i}: {w} {expected}");
        }
    }
    check::<f64>(1e-12);
    check::<f32>(1e-5);
}

/// A posterior and a prior with the same parameters have the same density, in separate code. Both estimates of the
/// divergence (from the noise; from the weight only, for the path derivative) must be zero.
#[test]
fn the_density_equals_that_of_a_cauchy_prior() {
    let weight = MeanFieldCauchy::<f64>::with_scales(Tensor::full([6], -0.3), &Tensor::full([6], 0.7));
    let model = One { weight, prior: MonteCarlo(Cauchy(-0.3, 0.7)) };
    for seed in 0..100 {
        let drawing = Drawing::new(Key::new(seed));
        for drawing in [drawing, drawing.path_derivative()] {
            let tape = Tape::new();
            let kl = model.draw(&tape, drawing).kl().nats();
            assert!(kl.abs() < 1e-13, "{seed}: {kl}");
        }
    }
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&cauchy());
    check_closed_form(&cauchy::<f64>(), &cauchy::<f32>());
}

#[test]
fn the_divergence_from_an_equal_prior_is_zero() {
    let weight = MeanFieldCauchy::<f64>::with_scales(Tensor::full([4], 0.2), &Tensor::full([4], 0.8));
    let kl = One { weight, prior: Cauchy(0.2, 0.8) }.kl();
    assert!(kl.abs() < 1e-14, "{kl}");
}

#[test]
fn gradients_agree_with_differences() {
    let noise = || FixedNoise::new().set("weight", Tensor::from_fn([2, 3], |i| 1.5 * number(i + 3)));
    check_gradients(&mut cauchy(), noise(), 1e-7);
    check_density_gradients(&cauchy(), 1e-7);
}

#[test]
fn extreme_scales_and_medians_stay_finite() {
    check_extremes(&cauchy(), 0.8);
}
