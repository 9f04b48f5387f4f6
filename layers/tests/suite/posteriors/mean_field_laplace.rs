//! The mean-field Laplace posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

fn scale(i: usize) -> f64 {
    0.4 + 0.1 * i as f64
}

fn model<T: Real, P: PriorFor<T>>(prior: P) -> One<MeanFieldLaplace<T>, P>
where
    MeanFieldLaplace<T>: Divergence<P, Scalar = T>,
{
    let weight = MeanFieldLaplace::with_scales(Tensor::from_fn([2, 3], number), &Tensor::from_fn([2, 3], scale));
    One { weight, prior }
}

fn laplace<T: Real>() -> One<MeanFieldLaplace<T>, LaplacePrior> {
    model(LaplacePrior(0.2, 0.8))
}

fn variance(i: usize) -> f64 {
    2.0 * scale(i).powi(2)
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    check_moments(&laplace(), number, |i, j| if i == j { variance(i) } else { 0.0 });
}

#[test]
fn the_distance_from_the_mean_is_exponential() {
    let distances = samples(&laplace());
    let distances = distances.iter().enumerate().map(|(i, w)| (w - number(i % 6)).abs() / scale(i % 6));
    assert_mean(distances.clone(), 1.0, "mean");
    assert_mean(distances.clone().map(|d| d.powi(3)), 6.0, "third moment");
    for quantile in [0.05f64, 0.5, 0.99] {
        let below = distances.clone().map(|d| f64::from(u8::from(d < -(-quantile).ln_1p())));
        assert_mean(below, quantile, "quantile");
    }
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let noise = FixedNoise::new()
        .set("weight", Tensor::from_fn([2, 3], |i| number(i + 3)))
        .set("weight.spread", Tensor::from_fn([2, 2, 3], |i| number(i + 9)));
    let expected = |i: usize| number(i) + scale(i) * number(i + 3) * number(i + 9).hypot(number(i + 15));
    check_sample(&laplace(), &noise, expected);
}

#[test]
fn outputs_have_the_mean_and_the_variance_with_every_estimator() {
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        check_outputs(&laplace(), estimator, number, variance);
    }
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&laplace());
    check_closed_form(&laplace::<f64>(), &laplace::<f32>());
    let normal = Normal(-0.3, 0.7);
    check_divergence(&model(normal));
    check_closed_form(&model::<f64, _>(normal), &model::<f32, _>(normal));
    let normals = Normals(-0.3, 0.7);
    check_closed_form(&model::<f64, _>(normals.clone()), &model::<f32, _>(normals.clone()));
    let [one, all] = [model::<f64, _>(normal).kl(), model::<f64, _>(normals).kl()];
    assert!((one / all - 1.0).abs() < 1e-14, "{one} {all}");
    check_divergence(&model(LearnedNormal(0.6)));
}

#[test]
fn the_divergence_from_an_equal_prior_is_zero() {
    let weight = MeanFieldLaplace::<f64>::with_scales(Tensor::full([4], 0.2), &Tensor::full([4], 0.8));
    let kl = One { weight, prior: LaplacePrior(0.2, 0.8) }.kl();
    assert!(kl.abs() < 1e-14, "{kl}");
}

#[test]
fn gradients_agree_with_differences() {
    let noise = || {
        FixedNoise::new()
            .set("weight", Tensor::from_fn([2, 3], |i| 1.5 * number(i + 3)))
            .set("weight.spread", Tensor::from_fn([2, 2, 3], |i| number(i + 9)))
    };
    check_gradients(&mut laplace(), noise(), 1e-7);
    check_gradients(&mut model(Normal(-0.3, 0.7)), noise(), 1e-7);
    check_gradients(&mut model(LearnedNormal(0.6)), noise(), 1e-7);
    check_density_gradients(&laplace(), 1e-7);
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&laplace(), 0.8);
    check_extremes(&model(Normal(0.0, 0.8)), 0.8);
    check_extremes(&model(Normals(0.0, 0.8)), 0.8);
}
