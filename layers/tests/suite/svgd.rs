//! Stein variational gradient descent: posteriors in closed form, several modes, the MAP estimate, threads, and bad
//! input.

use elbo::prelude::*;
use elbo::{LogJoint, Map, Outputs, Svgd, SvgdError, TrainError, WeightsError};

use crate::common::{assert_near, examples};

const NOISE: f64 = 0.5;

/// Two weights under N(0, 1).
#[bayesian]
#[derive(Clone)]
struct Linear {
    #[prior(Normal(0.0, 1.0))]
    w: MeanField<f64>,
}

#[bayesian]
impl Linear {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.matmul((*self.w).reshape([2, 1]))
    }
}

fn linear() -> Linear {
    Linear { w: MeanField::with_sd(Tensor::zeros([2]), 0.5) }
}

/// A regression on two correlated inputs.
fn regression() -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([30, 2], |i| {
        let [a, b] = [0.7, 1.3].map(|rate| (rate * (i / 2) as f64 + rate).sin());
        if i % 2 == 0 { a } else { 0.5 * a + 0.7 * b }
    });
    let y =
        Tensor::from_fn([30, 1], |i| 0.8 * x.data()[2 * i] - 0.5 * x.data()[2 * i + 1] + 0.5 * (2.9 * i as f64).sin());
    Examples::new(x, y).unwrap()
}

/// The exact mean, standard deviations and correlation.
fn exact(data: &Examples<f64, Tensor<f64>>) -> ([f64; 2], [f64; 2], f64) {
    let (mut p, mut b) = ([[1.0, 0.0], [0.0, 1.0]], [0.0; 2]);
    for (x, y) in data.inputs().data().chunks(2).zip(data.targets().data()) {
        for i in 0..2 {
            b[i] += x[i] * y / (NOISE * NOISE);
            (0..2).for_each(|j| p[i][j] += x[i] * x[j] / (NOISE * NOISE));
        }
    }
    let determinant: f64 = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let mean = [(p[1][1] * b[0] - p[0][1] * b[1]) / determinant, (p[0][0] * b[1] - p[1][0] * b[0]) / determinant];
    let sd = [(p[1][1] / determinant).sqrt(), (p[0][0] / determinant).sqrt()];
    (mean, sd, -p[0][1] / (p[0][0] * p[1][1]).sqrt())
}

/// The mean, the standard deviations and the correlation of numbers in pairs.
fn moments(pairs: &[Vec<f64>]) -> ([f64; 2], [f64; 2], f64) {
    let count = pairs.len() as f64;
    let mean = [0, 1].map(|i| pairs.iter().map(|w| w[i]).sum::<f64>() / count);
    let product = |i: usize, j: usize| pairs.iter().map(|w| (w[i] - mean[i]) * (w[j] - mean[j])).sum::<f64>() / count;
    let sd = [product(0, 0).sqrt(), product(1, 1).sqrt()];
    (mean, sd, product(0, 1) / sd[0] / sd[1])
}

#[test]
fn particles_have_the_moments_of_a_posterior_in_closed_form() {
    let (data, model) = (regression(), linear());
    let (mean, sd, correlation) = exact(&data);
    let svgd = Svgd::new(Gaussian::new(NOISE)).particles(50).seed(1).quiet();
    for (svgd, error) in [(svgd.clone(), 0.01), (svgd.batch_size(10), 0.02)] {
        let particles = svgd.fit(&model, &data, Epochs(600)).unwrap();
        let flat: Vec<Vec<f64>> = particles.weights().iter().map(Weights::flat).collect();
        let (found, found_sd, found_correlation) = moments(&flat);
        for i in 0..2 {
            assert!((found[i] - mean[i]).abs() < error * sd[i], "{found:?} {mean:?}");
            // So few particles have a little less than the posterior's spread.
            assert!((0.9..1.01).contains(&(found_sd[i] / sd[i])), "{found_sd:?} {sd:?}");
        }
        assert!((found_correlation - correlation).abs() < 0.02, "{found_correlation} {correlation}");
        // The report has the mean log joint density of the particles.
        let likelihood = Gaussian::new(NOISE);
        let joint = LogJoint::new(&model, &likelihood, &data);
        let density = particles.weights().iter().map(|w| joint.value(w)).sum::<f64>() / 50.0;
        let last = particles.report().last();
        assert!((last.elbo - density).abs() < 0.1, "{} {density}", last.elbo);
        assert!((last.elbo + 30.0 * last.nll + last.kl).abs() < 1e-9);
        let said = particles.report().to_string();
        assert!(said.contains("ln p(y, w)") && particles.bandwidth().is_some_and(|h| h > 0.0), "{said}");
    }
    // Predictions are those of any samples of the weights.
    let particles = Svgd::new(Gaussian::new(NOISE)).particles(50).quiet().fit(&model, &data, Epochs(300)).unwrap();
    let predicted = particles.predict(&Gaussian::new(NOISE), data.inputs());
    for (row, x) in data.inputs().data().chunks(2).enumerate() {
        let f = x[0] * mean[0] + x[1] * mean[1];
        let v = (x[0] * sd[0]).powi(2) + (x[1] * sd[1]).powi(2) + 2.0 * x[0] * x[1] * correlation * sd[0] * sd[1];
        let expected = (v + NOISE * NOISE).sqrt();
        assert!((predicted.mean()[row] - f).abs() < 0.01 && (predicted.sd()[row] / expected - 1.0).abs() < 0.01);
    }
}

#[test]
fn a_single_particle_is_the_map_estimate() {
    let (data, likelihood) = (regression(), Gaussian::new(NOISE));
    let (mean, ..) = exact(&data);
    let model = linear();
    let particle = Svgd::new(likelihood).particles(1).quiet().fit(&model, &data, Epochs(1500)).unwrap();
    let found = particle.weights()[0].flat();
    assert_near(&found, &mean, 1e-9);
    assert!(particle.report().is_converged() && particle.bandwidth().is_none(), "{}", particle.report());
    // Of a positive weight, in unconstrained space.
    let mut map = Positive { slope: LogNormal::new([1]) };
    Map::new(likelihood).quiet().fit(&mut map, &positive(), Epochs(2000)).unwrap();
    let expected = map.mean_weights().flat()[0];
    let model = Positive { slope: LogNormal::new([1]) };
    let particle = Svgd::new(likelihood).particles(1).quiet().fit(&model, &positive(), Epochs(2000)).unwrap();
    assert_near(&particle.weights()[0].flat(), &[expected], 1e-9);
}

/// A positive slope.
#[bayesian]
struct Positive {
    #[prior(MonteCarlo(LogNormalPrior::new(0.0, 1.0)))]
    slope: LogNormal<f64>,
}

#[bayesian]
impl Positive {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x * *self.slope
    }
}

fn positive() -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([20, 1], |i| 0.5 + i as f64 * 0.05);
    Examples::new(x, Tensor::from_fn([20, 1], |i| 0.8 + (i as f64).sin())).unwrap()
}

#[test]
fn a_positive_weight_moves_in_unconstrained_space() {
    let (data, model) = (positive(), Positive { slope: LogNormal::new([1]) });
    // The posterior of u = ln slope by the trapezium rule.
    let (mut sums, points) = ([0.0; 3], 20_000);
    for i in 0..points {
        let u = -12.0 + 16.0 * f64::from(i) / f64::from(points);
        let rows = data.inputs().data().iter().zip(data.targets().data());
        let squares: f64 = rows.map(|(x, y)| (y - u.exp() * x).powi(2)).sum();
        let density = (-0.5 * u * u - 0.5 * squares).exp();
        (0..3).for_each(|power| sums[power] += density * u.powi(power as i32));
    }
    let (mean, sd) = (sums[1] / sums[0], (sums[2] / sums[0] - (sums[1] / sums[0]).powi(2)).sqrt());
    let particles = Svgd::new(Gaussian::new(1.0)).particles(50).quiet().fit(&model, &data, Epochs(600)).unwrap();
    let logs: Vec<Vec<f64>> = particles.weights().iter().map(|w| vec![w.flat()[0].ln(); 2]).collect();
    let ([found, _], [found_sd, _], _) = moments(&logs);
    assert!(
        (found - mean).abs() < 0.06 * sd && (0.88..1.01).contains(&(found_sd / sd)),
        "{found} {mean} {found_sd} {sd}"
    );
}

/// A number.
#[bayesian]
struct Number {
    #[prior(Normal(0.0, 100.0))]
    at: MeanField<f64>,
}

#[bayesian]
impl Number {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x * *self.at
    }
}

/// The density 1/3 N(−2, 1) + 2/3 N(2, 1) of Liu and Wang 2016, section 5, as a likelihood of the number.
#[derive(Clone)]
struct TwoModes;

impl Likelihood<f64> for TwoModes {
    type Targets = Tensor<f64>;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t, f64>, _: &'t Tensor<f64>) -> Var<'t, f64> {
        let tape = output.tape();
        let (modes, logarithms) =
            (tape.constant([2], |i| 4.0 * i as f64 - 2.0), tape.constant([2], |i| ((1 + i) as f64 / 3.0).ln()));
        ((output - modes).square() * -0.5 + logarithms).log_sum_exp().reshape([1])
    }

    fn predictive(&self, _: &Outputs<f64>) {}
}

#[test]
fn particles_from_one_side_spread_over_two_modes_by_their_shares() {
    let data = Examples::new(Tensor::full([1, 1], 1.0), Tensor::zeros([1, 1])).unwrap();
    let model = Number { at: MeanField::new([1]) };
    let starts = (0..60).map(|i| {
        let mut start = model.mean_weights();
        start.get_mut("at").unwrap()[0] = -10.0 + 2.0 * (1.7 * i as f64).sin();
        start
    });
    let svgd = Svgd::new(TwoModes).particles(60).start_from(starts.collect()).learning_rate(0.1).quiet();
    let particles = svgd.fit(&model, &data, Epochs(3000)).unwrap();
    let found: Vec<f64> = particles.weights().iter().map(|w| w.flat()[0]).collect();
    let mean = |of: fn(f64) -> f64| found.iter().map(|&x| of(x)).sum::<f64>() / 60.0;
    // The moments are 2/3 and 5.
    assert!((mean(|x| x) - 2.0 / 3.0).abs() < 0.05 && (mean(|x| x * x) - 5.0).abs() < 0.2, "{found:?}");
    assert_eq!(found.iter().filter(|&&x| x > 0.0).count(), 40);
}

#[bayesian]
struct Net {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

#[test]
fn particles_have_the_same_bits_for_any_number_of_threads() {
    let (x, _) = examples(70, 3, 2);
    let labels = x.data().chunks(3).map(|row| usize::from(row[0] > row[1])).collect();
    let data = Examples::new(x, labels).unwrap();
    let model = Net { hidden: Dense::new(3, 5), head: Dense::new(5, 2) };
    let svgd = Svgd::new(Categorical).particles(7).batch_size(32).seed(2).quiet();
    let fit = |svgd: &Svgd<Categorical>| svgd.fit(&model, &data, Epochs(4)).unwrap().weights().to_vec();
    let expected = fit(&svgd.clone().threads(1));
    for threads in [2, 3, 16] {
        assert_eq!(fit(&svgd.clone().threads(threads)), expected);
    }
    assert_ne!(fit(&svgd.clone().seed(3)), expected);
    // All weights move, apart from each other.
    assert!((1..7).all(|particle| expected[particle] != expected[0]));
    let longer = svgd.fit(&model, &data, Epochs(200)).unwrap();
    let predicted = longer.predict(&Categorical, data.inputs());
    assert!(predicted.accuracy(data.targets()) > 0.95, "{}", predicted.accuracy(data.targets()));
}

#[test]
fn mistakes_are_errors_that_name_what_is_wrong() {
    let (data, model) = (regression(), linear());
    let svgd = || Svgd::new(Gaussian::new(NOISE)).particles(4).quiet();
    let said = |svgd: Svgd<Gaussian, f64>| svgd.fit(&model, &data, Epochs(2)).unwrap_err().to_string();
    assert!(said(svgd().particles(0)).contains("at least one particle is needed, got 0"));
    assert!(said(svgd().bandwidth(-1.0)).contains("bandwidth: it must be positive and finite, got -1"));
    assert!(said(svgd().learning_rate(f64::NAN)).contains("learning_rate: it must be positive and finite, got NaN"));
    assert!(said(svgd().batch_size(0)).contains("batch_size"));
    let short = svgd().schedule(elbo::Schedule::cosine(1)).fit(&model, &data, Epochs(2)).unwrap_err();
    assert!(matches!(short, SvgdError::Model(TrainError::Schedule { end: 1, needed: 2 })), "{short}");
    assert!(said(svgd().start_from(vec![model.mean_weights(); 3])).contains("got 3 set(s) of weights for 4 particles"));
    let equal = said(svgd().start_from(vec![model.mean_weights(); 4]));
    assert!(equal.contains("particles 0 and 1 (from 0) start at the same weights"), "{equal}");
    let other = svgd().start_from(vec![Number { at: MeanField::new([1]) }.mean_weights(); 4]);
    let other = other.fit(&model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(other, SvgdError::Weights(WeightsError::Model { index: 0, .. })), "{other}");

    // Weights at which the likelihood is not finite.
    let mut starts: Vec<Weights<f64>> = (0..4).map(|i| model.draw_weights(Key::new(i))).collect();
    starts[2].get_mut("w").unwrap()[1] = 1e200;
    let start = svgd().start_from(starts).fit(&model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(&start, SvgdError::Start { particle: 2, .. }), "{start}");
    assert!(start.to_string().contains("the log-likelihood of the data is -inf at its first weights"), "{start}");

    // A step out of the range of numbers.
    let thrown = svgd().learning_rate(1e200).schedule(elbo::Schedule::constant()).fit(&model, &data, Epochs(3));
    let thrown = thrown.unwrap_err();
    assert!(matches!(&thrown, SvgdError::NotFinite { particle: 0, step: 1, epoch: 2, .. }), "{thrown}");
}
