//! Regression that is linear in its weights, with normal noise and normal priors: every inference against its posterior in closed
//! form, and the known failure of independent normals.
//!
//! Elsewhere: full Laplace approximations with their evidence and predictions (`laplace::closed_form`), variational last layers
//! (`last_layer`), minibatches of stochastic-gradient chains (`sgmcmc`).

use elbo::checks::{Calibration, RankStatistics};
use elbo::metrics::{ess_mean, mcse_mean};
use elbo::prelude::*;
use elbo::{Chains, Schedule, Sghmc, Sgld};

const NOISE: f64 = 0.5;
const ROWS: usize = 40;

/// A regression with two slopes and an intercept, of any posterior family.
#[bayesian]
#[derive(Clone)]
struct Linear<Q: Divergence<Normal, Scalar = f64>> {
    #[prior(Normal(0.0, 1.0))]
    w: Q,
}

#[bayesian]
impl<Q: Divergence<Normal, Scalar = f64>> Linear<Q> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.matmul((*self.w).reshape([3, 1]))
    }
}

type Matrix = [[f64; 3]; 3];

/// (a, b, 1) with this correlation between a and b.
fn inputs(rows: usize, correlation: f64) -> Tensor<f64> {
    let wave = |row: usize, rate: f64| (rate * row as f64 + rate).sin() * std::f64::consts::SQRT_2;
    Tensor::from_fn([rows, 3], |i| match (i / 3, i % 3) {
        (row, 0) => wave(row, 1.3),
        (row, 1) => correlation * wave(row, 1.3) + (1.0 - correlation.powi(2)).sqrt() * wave(row, 2.9),
        _ => 1.0,
    })
}

fn regression(correlation: f64) -> Examples<f64, Tensor<f64>> {
    let x = inputs(ROWS, correlation);
    let mean = |x: &[f64]| 0.8 * x[0] - 0.5 * x[1] + 0.3;
    let y = Tensor::from_fn([ROWS, 1], |i| mean(&x.data()[3 * i..]) + NOISE * (2.1 * i as f64).sin());
    Examples::new(x, y).unwrap()
}

/// The inverse of a symmetric matrix, by Cramer's rule.
fn inverse(a: Matrix) -> Matrix {
    let minor = |i: usize, j: usize| {
        let (r, c) = ([(i + 1) % 3, (i + 2) % 3], [(j + 1) % 3, (j + 2) % 3]);
        a[r[0]][c[0]] * a[r[1]][c[1]] - a[r[0]][c[1]] * a[r[1]][c[0]]
    };
    let determinant: f64 = (0..3).map(|j| a[0][j] * minor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / determinant))
}

/// The posterior's mean and precision.
fn exact(data: &Examples<f64, Tensor<f64>>) -> ([f64; 3], Matrix) {
    let (mut precision, mut linear) = (std::array::from_fn(|i| std::array::from_fn(|j| f64::from(i == j))), [0.0; 3]);
    for (x, y) in data.inputs().data().chunks(3).zip(data.targets().data()) {
        for i in 0..3 {
            linear[i] += x[i] * y / NOISE.powi(2);
            (0..3).for_each(|j| precision[i][j] += x[i] * x[j] / NOISE.powi(2));
        }
    }
    let covariance = inverse(precision);
    (std::array::from_fn(|i| (0..3).map(|j| covariance[i][j] * linear[j]).sum()), precision)
}

/// Trains a posterior for so many steps from this rate down to 0, each with so many antithetic pairs of draws, which make the
/// gradients of the means exact.
fn fit<Q>(
    model: &mut Linear<Q>,
    data: &Examples<f64, Tensor<f64>>,
    [steps, pairs]: [usize; 2],
    rate: f64,
    seed: u64,
) -> Result<(), TrainError>
where
    Q: Divergence<Normal, Scalar = f64> + Send + Sync,
{
    let adam = Adam::new(rate);
    let elbo = Elbo::new(Gaussian::new(NOISE)).optimizer(adam).schedule(Schedule::cosine(steps)).batch_size(ROWS);
    elbo.antithetic_pairs(pairs).seed(seed).quiet().fit(model, data, Epochs(steps)).map(drop)
}

/// The covariance L Lᵀ.
fn covariance(w: &FullCovariance<f64>) -> Matrix {
    let l = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => w.factor.rho.data()[i].exp().ln_1p(),
        std::cmp::Ordering::Greater => w.factor.lower.data()[i * (i - 1) / 2 + j],
    };
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| l(i, k) * l(j, k)).sum()))
}

#[test]
fn a_full_covariance_is_fitted_to_one_percent_of_each_sd() {
    let data = regression(0.8);
    let (mean, precision) = exact(&data);
    let exact = inverse(precision);
    let mut model = Linear { w: FullCovariance::new([3]) };
    fit(&mut model, &data, [4000, 64], 0.005, 1).unwrap();
    let found = covariance(&model.w);
    for i in 0..3 {
        let sd = exact[i][i].sqrt();
        assert!((found[i][i].sqrt() / sd - 1.0).abs() < 0.01, "sd {i}: {} {sd}", found[i][i].sqrt());
        let off = (model.w.mean.data()[i] - mean[i]) / sd;
        assert!(off.abs() < 0.01, "mean {i} is off by {off} sd");
        for j in 0..i {
            let correlation = |of: Matrix| of[i][j] / (of[i][i] * of[j][j]).sqrt();
            assert!((correlation(found) - correlation(exact)).abs() < 0.02, "{i}, {j}: {found:?} {exact:?}");
        }
    }
}

#[test]
fn independent_normals_are_fitted_to_the_inverse_roots_of_the_precision_which_are_too_small() {
    let data = regression(0.8);
    let (mean, precision) = exact(&data);
    let exact = inverse(precision);
    let mut model = Linear { w: MeanField::new([3]) };
    fit(&mut model, &data, [4000, 64], 0.005, 1).unwrap();
    for i in 0..3 {
        let (found, narrow) = (model.w.sd().data()[i], precision[i][i].powf(-0.5));
        assert!((found / narrow - 1.0).abs() < 0.01, "sd {i}: {found} {narrow}");
        let off = (model.w.mean.data()[i] - mean[i]) / narrow;
        assert!(off.abs() < 0.01, "mean {i} is off by {off} sd");
    }
    // The correlation of the slopes is the reason: √(1 − 0.8²) for each.
    let ratio = |i: usize| model.w.sd().data()[i] / exact[i][i].sqrt();
    assert!(ratio(0) < 0.65 && ratio(1) < 0.65 && ratio(2) > 0.95, "{} {} {}", ratio(0), ratio(1), ratio(2));
}

/// Asserts that the means of the draws, and the means of the products of their distances from the exact means, are within 3.3 Monte
/// Carlo standard errors, of at most 3 % and 5 % of their scale, of the expectations.
#[track_caller]
fn assert_moments(chains: &Chains<&Linear<MeanField<f64>>>, mean: [f64; 3], covariance: Matrix) {
    let series = |of: &dyn Fn(&[f64]) -> f64| -> Vec<Vec<f64>> {
        (0..chains.chains().len()).map(|c| chains.weights(c).iter().map(|w| of(&w.flat())).collect()).collect()
    };
    let check = |what: String, series: Vec<Vec<f64>>, expected: f64, largest: f64| {
        let chains: Vec<&[f64]> = series.iter().map(|chain| &chain[..]).collect();
        let (found, error) = (series.concat().iter().sum::<f64>() / series.concat().len() as f64, mcse_mean(&chains));
        let z = (found - expected) / error;
        assert!(
            z.abs() < 3.3 && error < largest,
            "{what}: {found} ± {error}, expected {expected}: z {z}, ESS {}",
            ess_mean(&chains)
        );
    };
    for i in 0..3 {
        check(format!("mean {i}"), series(&|w| w[i]), mean[i], 0.03 * covariance[i][i].sqrt());
        for j in 0..=i {
            let product = series(&|w| (w[i] - mean[i]) * (w[j] - mean[j]));
            let scale = (covariance[i][i] * covariance[j][j]).sqrt();
            check(format!("covariance {i}, {j}"), product, covariance[i][j], 0.05 * scale);
        }
    }
}

#[cfg(feature = "mcmc")]
#[test]
fn nuts_is_within_its_standard_errors() {
    let (model, data) = (Linear { w: MeanField::new([3]) }, regression(0.8));
    let (mean, precision) = exact(&data);
    let nuts = elbo::Nuts::new(Gaussian::new(NOISE)).warmup(300).draws(2500).seed(1).quiet();
    assert_moments(&nuts.run(&model, &data).unwrap(), mean, inverse(precision));
}

#[test]
fn hamiltonian_chains_are_within_their_standard_errors_at_any_temperature() {
    let (model, data) = (Linear { w: MeanField::new([3]) }, regression(0.8));
    let (mean, precision) = exact(&data);
    for (temperature, seed) in [(1.0, 1), (0.25, 2)] {
        let sghmc = Sghmc::new(Gaussian::new(NOISE)).temperature(temperature).draws(2500).seed(seed).quiet();
        let covariance = inverse(precision).map(|row| row.map(|x| temperature * x));
        assert_moments(&sghmc.run(&model, &data).unwrap(), mean, covariance);
    }
}

#[test]
fn langevin_chains_are_within_their_standard_errors_and_large_steps_have_their_known_bias() {
    let (model, data) = (Linear { w: MeanField::new([3]) }, regression(0.3));
    let (mean, precision) = exact(&data);
    // The chosen rate δ is 0.025 of the inverse of the largest curvature, so that no variance is off by more than 1.3 %.
    let sgld = Sgld::new(Gaussian::new(NOISE)).thinning(40).draws(1500).seed(1).quiet();
    assert_moments(&sgld.run(&model, &data).unwrap(), mean, inverse(precision));

    // A step (I − δP)(w − m) + √(2δ) ξ has the stationary precision P − ½ δ P². Here δ is half of that inverse.
    let largest = precision.iter().map(|row| row.iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max);
    let rate = 0.5 / largest;
    let square = |i: usize, j: usize| (0..3).map(|k| precision[i][k] * precision[k][j]).sum::<f64>();
    let stationary = std::array::from_fn(|i| std::array::from_fn(|j| precision[i][j] - 0.5 * rate * square(i, j)));
    let sgld = Sgld::new(Gaussian::new(NOISE)).learning_rate(rate * ROWS as f64).thinning(10).draws(2500).seed(2);
    assert_moments(&sgld.quiet().run(&model, &data).unwrap(), mean, inverse(stationary));
    // The bias is many standard errors.
    assert!(inverse(stationary)[0][0] / inverse(precision)[0][0] > 1.03);
}

/// The ranks of true weights among 15 draws of an inference, for data of the model.
fn ranks<Q, E>(
    simulations: usize,
    prior: &Linear<Q>,
    infer: impl Fn(&Examples<f64, Tensor<f64>>, u64) -> Result<KeptDraws<Box<Linear<Q>>>, E> + Sync,
) -> RankStatistics
where
    Q: Divergence<Normal, Scalar = f64> + Send + Sync,
    E: std::fmt::Display,
{
    let likelihood = Gaussian::new(NOISE);
    let calibration = Calibration::new(&likelihood).simulations(simulations).draws(15).seed(1);
    calibration.run(prior, &inputs(12, 0.8), infer).unwrap()
}

#[track_caller]
fn assert_uniform(ranks: &RankStatistics) {
    assert!(ranks.statistics.iter().all(|of| of.chi_squared_p > 0.01) && ranks.is_good(), "{ranks}");
}

#[cfg(feature = "mcmc")]
#[test]
fn ranks_among_draws_of_nuts_are_uniform() {
    let prior = Linear { w: MeanField::new([3]) };
    assert_uniform(&ranks(240, &prior, |data, seed| -> Result<_, Box<dyn std::error::Error>> {
        let nuts = elbo::Nuts::new(Gaussian::new(NOISE)).diagonal().chains(1).warmup(150).draws(150).seed(seed).quiet();
        Ok(KeptDraws::of(Box::new(prior.clone()), nuts.run(&prior, data)?.all_weights().to_vec())?)
    }));
}

#[test]
fn ranks_among_draws_of_laplace_are_uniform() {
    let prior = Linear { w: MeanField::new([3]) };
    assert_uniform(&ranks(240, &prior, |data, seed| -> Result<_, Box<dyn std::error::Error>> {
        let mut model = prior.clone();
        let map = Map::new(Gaussian::new(NOISE)).optimizer(Adam::new(0.1)).schedule(Schedule::cosine(250));
        map.seed(seed).quiet().fit(&mut model, data, Epochs(250))?;
        let posterior = Laplace::new(Gaussian::new(NOISE)).full().fit(&model, data)?;
        let weights = posterior.samples(Draws(15).seed(seed)).weights().to_vec();
        Ok(KeptDraws::of(Box::new(model.clone()), weights)?)
    }));
}

#[test]
fn ranks_among_draws_of_a_fitted_full_covariance_are_uniform_and_those_of_independent_normals_are_not() {
    let full = Linear { w: FullCovariance::new([3]) };
    assert_uniform(&ranks(160, &full, |data, seed| {
        let mut model = full.clone();
        fit(&mut model, data, [250, 2], 0.05, seed)?;
        Ok::<_, TrainError>(KeptDraws::new(Box::new(model), Draws(15).seed(seed)))
    }));

    let independent = Linear { w: MeanField::new([3]) };
    let ranks = ranks(160, &independent, |data, seed| {
        let mut model = independent.clone();
        fit(&mut model, data, [250, 2], 0.05, seed)?;
        Ok::<_, TrainError>(KeptDraws::new(Box::new(model), Draws(15).seed(seed)))
    });
    assert!(!ranks.is_good() && ranks.verdict().contains("too narrow"), "{ranks}");
    for slope in &ranks.statistics[..2] {
        // A quarter of uniform ranks are among the four at the ends.
        let at_ends = slope.ranks.iter().filter(|&&rank| !(2..14).contains(&rank)).count() as f64 / 160.0;
        assert!(slope.chi_squared_p < 0.01 && at_ends > 0.4, "{at_ends} {ranks}");
    }
}
