//! The radial posterior.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::posteriors::checks::*;

const ELEMENTS: usize = 6;

fn sd(i: usize) -> f64 {
    0.4 + 0.1 * i as f64
}

fn model<T: Real>() -> One<Radial<T>, Normal> {
    let weight = Radial::with_sds(Tensor::from_fn([2, 3], number), &Tensor::from_fn([2, 3], sd));
    One { weight, prior: Normal(0.2, 0.8) }
}

fn variance(i: usize) -> f64 {
    sd(i).powi(2) / ELEMENTS as f64
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    check_moments(&model(), number, |i, j| if i == j { variance(i) } else { 0.0 });
}

#[test]
fn the_distance_from_the_mean_is_that_of_one_normal() {
    let distances: Vec<f64> = samples(&model())
        .chunks_exact(ELEMENTS)
        .map(|w| w.iter().enumerate().map(|(i, w)| ((w - number(i)) / sd(i)).powi(2)).sum::<f64>())
        .collect();
    // Moments of χ² with one degree of freedom; half of it lies within the quartiles of a normal.
    assert_mean(distances.iter().copied(), 1.0, "second moment");
    assert_mean(distances.iter().map(|d| d * d), 3.0, "fourth moment");
    let quartile: f64 = 0.674_489_750_196_081_7;
    assert_mean(distances.iter().map(|&d| f64::from(u8::from(d < quartile * quartile))), 0.5, "half");
}

#[test]
fn a_sample_follows_from_the_given_noise() {
    let given = [0.3, -1.0, 0.5, 2.0, -0.2, 0.7];
    let length = given.iter().map(|e| e * e).sum::<f64>().sqrt();
    for radius in [1.5, -1.5] {
        let noise = FixedNoise::new()
            .set("weight", Tensor::new([2, 3], given))
            .set("weight.radius", Tensor::new([0; 0], [radius]));
        check_sample(&model(), &noise, |i| number(i) + sd(i) * given[i] / length * 1.5);
    }
}

#[test]
fn flipout_outputs_have_the_mean_and_the_variance() {
    check_outputs(&model(), Estimator::Flipout, number, variance);
    check_outputs(&model(), Estimator::Sample, number, variance);
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&model());
    check_closed_form(&model::<f64>(), &model::<f32>());
    // In one dimension it is that of the normal.
    let [mean, sd] = [0.4, 0.3].map(|x| Tensor::<f64>::new([1], [x]));
    let prior = Normal(-0.2, 0.9);
    let radial = One { weight: Radial::with_sds(mean.clone(), &sd), prior };
    let normal = One { weight: MeanField::with_sds(mean, &sd), prior };
    assert!((radial.kl() - normal.kl()).abs() < 1e-14);
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new()
        .set("weight", Tensor::from_fn([2, 3], |i| 2.0 * number(i + 3)))
        .set("weight.radius", Tensor::new([0; 0], [-0.8]));
    check_gradients(&mut model(), noise, 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    let model = model();
    // An antithetic pair has the same radius and opposite directions.
    check_draws(&model);
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&model(), 0.8);
}
