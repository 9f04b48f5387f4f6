//! Stochastic-gradient chains: posteriors in closed form, temperatures, cycles, checkpoints, and bad input.

use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::prelude::*;
use elbo::{Chains, Likelihood, McmcError, Outputs, Sghmc, Sgld};

const NOISE: f64 = 0.5;

/// A linear regression with correlated inputs; the scale of the second is `scale`.
fn regression(examples: usize, scale: f64) -> Examples<f32, Tensor> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..examples {
        let [a, b, e] = [0.7, 1.3, 2.9].map(|rate: f64| (i as f64 * rate + rate).sin() * std::f64::consts::SQRT_2);
        let inputs = [a, scale * (0.6 * a + 0.8 * b)];
        y.push(0.8 * inputs[0] - 0.5 * inputs[1] / scale + 0.3 + NOISE * e);
        x.extend(inputs);
    }
    Examples::new(Tensor::from_fn([examples, 2], |i| x[i]), Tensor::from_fn([examples, 1], |i| y[i])).unwrap()
}

/// The exact mean and covariance of the weights (two slopes and the intercept) under N(0, 1).
fn exact(data: &Examples<f32, Tensor>) -> ([f64; 3], [[f64; 3]; 3]) {
    let (mut precision, mut linear) = ([[0.0; 3]; 3], [0.0; 3]);
    (0..3).for_each(|i| precision[i][i] = 1.0);
    for (x, &y) in data.inputs().data().chunks(2).zip(data.targets().data()) {
        let row = [f64::from(x[0]), f64::from(x[1]), 1.0];
        for i in 0..3 {
            linear[i] += row[i] * f64::from(y) / (NOISE * NOISE);
            (0..3).for_each(|j| precision[i][j] += row[i] * row[j] / (NOISE * NOISE));
        }
    }
    // The inverse by Cramer's rule.
    let minor = |i: usize, j: usize| {
        let (r, c) = ([(i + 1) % 3, (i + 2) % 3], [(j + 1) % 3, (j + 2) % 3]);
        precision[r[0]][c[0]] * precision[r[1]][c[1]] - precision[r[0]][c[1]] * precision[r[1]][c[0]]
    };
    let determinant: f64 = (0..3).map(|j| precision[0][j] * minor(0, j)).sum();
    let covariance: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / determinant));
    (std::array::from_fn(|i| (0..3).map(|j| covariance[i][j] * linear[j]).sum()), covariance)
}

/// Asserts that the means are within four Monte Carlo standard errors, and each covariance within four of its own, √(2/ESS) of
/// its two standard deviations' product, and a bias of this share of that.
#[track_caller]
fn assert_posterior(chains: &Chains<&Dense>, data: &Examples<f32, Tensor>, bias: f64) {
    let ((mean, covariance), diagnostics) = (exact(data), chains.diagnose());
    let flat: Vec<Vec<f64>> =
        chains.all_weights().iter().map(|w| w.flat().into_iter().map(f64::from).collect()).collect();
    let count = flat.len() as f64;
    let found: Vec<f64> = (0..3).map(|i| flat.iter().map(|w| w[i]).sum::<f64>() / count).collect();
    for i in 0..3 {
        let error = 4.0 * diagnostics.elements[i].mcse;
        assert!((found[i] - mean[i]).abs() < error, "mean {i}: {} is not {}\n{diagnostics}", found[i], mean[i]);
        for j in 0..3 {
            let product = flat.iter().map(|w| (w[i] - found[i]) * (w[j] - found[j])).sum::<f64>() / count;
            let scale = (covariance[i][i] * covariance[j][j]).sqrt();
            let off = (product - covariance[i][j]) / scale;
            let ess = diagnostics.elements[i].ess_bulk.min(diagnostics.elements[j].ess_bulk);
            assert!(
                off.abs() < bias + 4.0 * (2.0 / ess).sqrt(),
                "covariance {i}, {j} is off by {off} of its scale\n{diagnostics}"
            );
        }
    }
}

fn sghmc() -> Sghmc<Gaussian> {
    Sghmc::new(Gaussian::new(NOISE)).quiet()
}

#[test]
fn hamiltonian_chains_find_a_posterior_in_closed_form() {
    let (model, data) = (Dense::new(2, 1), regression(200, 1.0));
    let chains = sghmc().draws(2000).seed(1).run(&model, &data).unwrap();
    assert_posterior(&chains, &data, 0.0);
    let diagnostics = chains.diagnose();
    assert!(diagnostics.is_good(), "{diagnostics}");
    for of in &diagnostics.temperatures {
        let kinetic = of.kinetic.unwrap();
        assert!((kinetic.mean - 1.0).abs() < 4.0 * kinetic.standard_error && kinetic.standard_error < 0.03, "{of:?}");
    }
    // A cold posterior has T times the covariance.
    let cold = sghmc().temperature(0.25).draws(2000).seed(2).run(&model, &data).unwrap();
    let sd = |chains: &Chains<&Dense>| chains.diagnose().elements[0].sd;
    assert!((sd(&cold) / sd(&chains) - 0.5).abs() < 0.04, "{} {}", sd(&cold), sd(&chains));
}

#[test]
fn minibatches_with_the_automatic_learning_rate_find_it_too() {
    let (model, data) = (Dense::new(2, 1), regression(400, 1.0));
    let chains = sghmc().batch_size(100).thinning(20).draws(2000).seed(3).run(&model, &data).unwrap();
    assert_posterior(&chains, &data, 0.1);
    let warmest =
        chains.chains().iter().map(|chain| chain.temperature.unwrap().kinetic.unwrap().mean).fold(0.0, f64::max);
    assert!(warmest < 1.05 && !chains.diagnose().to_string().contains("too warm"), "{}", chains.diagnose());
    let sgld = Sgld::new(Gaussian::new(NOISE)).batch_size(100).thinning(20).draws(2000).seed(3).quiet();
    let chains = sgld.run(&model, &data).unwrap();
    assert_posterior(&chains, &data, 0.1);
    assert!(chains.chains().iter().all(|chain| chain.temperature.unwrap().kinetic.is_none()));
}

#[test]
fn minibatches_that_warm_a_chain_are_reported_in_words() {
    let (model, data) = (Dense::new(2, 1), regression(400, 1.0));
    let rate = sghmc().chains(1).run(&model, &data).unwrap().chains()[0].learning_rate.unwrap();
    // On all data this rate is right; on batches of 8 its noise is not small.
    let chains = sghmc().learning_rate(rate).batch_size(8).chains(2).draws(400).run(&model, &data).unwrap();
    let diagnostics = chains.diagnose();
    let warmest = diagnostics.temperatures.iter().map(|of| of.kinetic.unwrap().mean).fold(0.0, f64::max);
    assert!(warmest > 1.2, "{diagnostics}");
    assert!(!diagnostics.is_good() && diagnostics.to_string().contains("too warm"), "{diagnostics}");
    // A chain that is too short for its slowest directions has not spread over them.
    let short = sghmc().learning_rate(1e-6).warmup(0).chains(1).draws(20).run(&model, &data).unwrap();
    assert!(short.diagnose().to_string().contains("has not spread"), "{}", short.diagnose());
}

#[test]
fn the_preconditioner_serves_inputs_of_different_scales() {
    let (model, data) = (Dense::new(2, 1), regression(200, 30.0));
    let run = |sampler: Sghmc<Gaussian>| sampler.draws(2000).seed(5).run(&model, &data).unwrap();
    let (plain, scaled) = (run(sghmc()), run(sghmc().preconditioned()));
    assert_posterior(&scaled, &data, 0.0);
    let least =
        |chains: &Chains<&Dense>| chains.diagnose().elements.iter().map(|e| e.ess_bulk).fold(f64::INFINITY, f64::min);
    assert!(least(&scaled) > 2.0 * least(&plain), "{} {}", least(&scaled), least(&plain));
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

#[test]
fn a_positive_weight_moves_in_unconstrained_space() {
    let x: Tensor<f64> = Tensor::from_fn([20, 1], |i| 0.5 + i as f64 * 0.05);
    let y: Tensor<f64> = Tensor::from_fn([20, 1], |i| 0.8 + (i as f64).sin());
    // The posterior of u = ln slope by the trapezium rule.
    let (mut sums, points) = ([0.0; 3], 20_000);
    for i in 0..points {
        let u = -12.0 + 16.0 * f64::from(i) / f64::from(points);
        let squares: f64 = x.data().iter().zip(y.data()).map(|(x, y)| (y - u.exp() * x).powi(2)).sum();
        let density = (-0.5 * u * u - 0.5 * squares).exp();
        (0..3).for_each(|power| sums[power] += density * u.powi(power as i32));
    }
    let (mean, square) = (sums[1] / sums[0], sums[2] / sums[0]);
    let data = Examples::new(x, y).unwrap();
    let model = Positive { slope: LogNormal::new([1]) };
    let chains = Sghmc::new(Gaussian::new(1.0)).draws(4000).seed(6).quiet().run(&model, &data).unwrap();
    let logs: Vec<f64> = chains.all_weights().iter().map(|w| w.get("slope").unwrap()[0].ln()).collect();
    let found = |power| logs.iter().map(|u| u.powi(power)).sum::<f64>() / logs.len() as f64;
    let sd = (square - mean * mean).sqrt();
    assert!((found(1) - mean).abs() < 0.06 * sd, "{} {mean}", found(1));
    let found_sd = (found(2) - found(1).powi(2)).sqrt();
    assert!((found_sd / sd - 1.0).abs() < 0.04, "{found_sd} {sd}");
}

/// A point in the plane.
#[bayesian]
struct Point2 {
    #[prior(Normal(0.0, 10.0))]
    at: MeanField<f64>,
}

#[bayesian]
impl Point2 {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x * self.at.reshape([1, 2])
    }
}

/// 25 Gaussians with variance 0.03 on a grid (Zhang et al. 2020, section 5.1), as a likelihood of the point.
#[derive(Clone)]
struct Grid;

impl Likelihood<f64> for Grid {
    type Targets = Tensor<f64>;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t, f64>, _: &'t Tensor<f64>) -> Var<'t, f64> {
        let centres =
            output.tape().constant([25, 2], |i| 2.0 * (if i % 2 == 0 { i / 10 } else { i / 2 % 5 }) as f64 - 4.0);
        let squares = (output - centres).square().sum_axes(&[1], false);
        squares.scale_shift(-0.5 / 0.03, 0.0).log_sum_exp().reshape([1])
    }

    fn predictive(&self, _: &Outputs<f64>) {}
}

#[test]
fn cycles_visit_many_modes_and_one_rate_stays_in_its_own() {
    let data = Examples::new(Tensor::full([1, 2], 1.0), Tensor::full([1, 2], 0.0)).unwrap();
    let model = Point2 { at: MeanField::new([2]) };
    let modes = |sampler: Sgld<Grid, f64>| {
        let chains = sampler.chains(1).warmup(10).thinning(10).draws(3000).seed(7).quiet().run(&model, &data).unwrap();
        let cell = |w: &Weights<f64>| w.flat().iter().map(|u| (u / 2.0).round() as i64).collect::<Vec<_>>();
        chains.all_weights().iter().map(cell).collect::<std::collections::BTreeSet<_>>().len()
    };
    let (cyclical, constant) = (modes(Sgld::new(Grid).learning_rate(0.09).cyclical(30, 0.25)), modes(Sgld::new(Grid)));
    assert!(cyclical >= 10 && constant <= 3, "{cyclical} and {constant}");
}

fn flat(chains: &Chains<&Dense>) -> Vec<u32> {
    chains.all_weights().iter().flat_map(|w| w.flat()).map(f32::to_bits).collect()
}

#[test]
fn equal_seeds_give_equal_chains_for_any_number_of_threads() {
    let (model, data) = (Dense::new(2, 1), regression(60, 1.0));
    let run = |seed, threads| {
        let sampler = sghmc().chains(3).batch_size(16).warmup(10).draws(10).seed(seed).threads(threads);
        flat(&sampler.run(&model, &data).unwrap())
    };
    let first = run(1, 1);
    assert_eq!(first, run(1, 2));
    assert_ne!(first, run(2, 1));
    assert_ne!(first[..30], first[30..60]);
}

/// A normal likelihood that panics at a call, as if the program was killed there.
struct Killed {
    calls: AtomicUsize,
    at: usize,
}

impl Likelihood<f32> for Killed {
    type Targets = Tensor;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t>, targets: &'t Tensor) -> Var<'t> {
        assert!(self.calls.fetch_add(1, Ordering::Relaxed) < self.at, "killed");
        Likelihood::<f32>::log_likelihood(&Gaussian::new(NOISE), output, targets)
    }

    fn predictive(&self, _: &Outputs<f32>) {}
}

#[test]
fn a_killed_run_goes_on_bit_for_bit() {
    let (model, data) = (Dense::new(2, 1), regression(60, 1.0));
    let folder = std::env::temp_dir().join(format!("elbo-sgmcmc-{}", std::process::id()));
    let sampler = |at| {
        let likelihood = Killed { calls: AtomicUsize::new(0), at };
        let sampler = Sghmc::new(likelihood).chains(2).batch_size(16).thinning(5).warmup(8).draws(12).seed(8).quiet();
        sampler.preconditioned().threads(1)
    };
    let straight = sampler(usize::MAX).run(&model, &data).unwrap();
    // Each kill is some 200 gradients after the start: in the warm-up of the first chain, and later.
    let mut kills = 0;
    for at in [260, 260, 260, usize::MAX] {
        match sampler(at).checkpoint(&folder, 3).run(&model, &data) {
            Ok(chains) => assert_eq!(flat(&chains), flat(&straight)),
            Err(error) => {
                kills += 1;
                assert!(matches!(&error, McmcError::Panicked { message, .. } if message == "killed"), "{error}");
                assert!(folder.join("chain-0.safetensors").exists());
            }
        }
    }
    assert!(kills >= 2, "{kills}");
    // What is complete is read. A longer run continues it.
    let again = sampler(80).checkpoint(&folder, 3).run(&model, &data).unwrap();
    assert_eq!(flat(&again), flat(&straight));
    assert_eq!(again.chains()[1].temperature, straight.chains()[1].temperature);
    let longer = || sampler(usize::MAX).draws(20);
    let continued = longer().checkpoint(&folder, 3).run(&model, &data).unwrap();
    assert_eq!(flat(&continued), flat(&longer().run(&model, &data).unwrap()));
    let other = sampler(usize::MAX).temperature(0.5).checkpoint(&folder, 3).run(&model, &data);
    assert!(
        matches!(&other, Err(McmcError::Checkpoint { mistake, .. }) if mistake.contains("temperature")),
        "{other:?}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn bad_options_and_chains_that_fail_are_errors_that_say_where() {
    let (model, data) = (Dense::new(2, 1), regression(60, 1.0));
    let said = |sampler: Sghmc<Gaussian>| format!("{:?}", sampler.warmup(5).draws(5).run(&model, &data).unwrap_err());
    assert!(said(sghmc().chains(0)).contains("at least one chain"));
    assert!(said(sghmc().batch_size(0)).contains("batch_size"));
    assert!(said(sghmc().thinning(0)).contains("thinning"));
    assert!(said(sghmc().learning_rate(f64::NAN)).contains("learning_rate"));
    assert!(said(sghmc().temperature(0.0)).contains("temperature"));
    assert!(said(sghmc().friction(-1.0)).contains("friction"));
    assert!(said(sghmc().cyclical(3, 0.5)).contains("multiple of 3 cycles"));
    assert!(said(sghmc().cyclical(5, 1.0)).contains("exploration"));
    let far = said(sghmc().learning_rate(1e6));
    assert!(far.contains("chain 0") && far.contains("step ") && far.contains("smaller `learning_rate`"), "{far}");
    let near = said(sghmc().learning_rate(1e-30));
    assert!(near.contains("does not move") && near.contains("larger `learning_rate`"), "{near}");
    let wide = Dense::new(3, 1);
    assert!(matches!(sghmc().run(&wide, &data), Err(McmcError::Model(_))));
}
