//! Markov chains: known posteriors, and what happens to bad input.

use elbo::prelude::*;
use elbo::{HeteroscedasticGaussian, Likelihood, Mclmc, McmcError, Nuts};

/// The German credit data with standardised inputs, and the means and standard deviations of the 25 weights of a logistic
/// regression under N(0, 1), from long runs of Stan (the inference gym's ground truth).
fn german_credit<T: Real>() -> (Examples<T, Tensor<T>>, [Vec<f64>; 2]) {
    let text = include_str!("../../../examples/data/german-credit.csv");
    let rows: Vec<Vec<f64>> =
        text.lines().map(|line| line.split(',').map(|number| number.trim().parse().unwrap()).collect()).collect();
    let mut x = Tensor::from_fn([rows.len(), 24], |i| rows[i / 24][i % 24]);
    elbo::data::Scaling::fit(&x).transform(&mut x);
    let y = Tensor::from_fn([rows.len(), 1], |row| f64::from(rows[row][24] == 2.0));
    let posterior: serde_json::Value =
        serde_json::from_str(include_str!("../../../examples/data/german-credit-posterior.json")).unwrap();
    let numbers = |key: &str| posterior[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    (Examples::new(x, y).unwrap(), [numbers("mean"), numbers("sd")])
}

/// Asserts that every mean is within 0.1 reference standard deviations of the reference's, and every standard deviation
/// within 5 %.
#[track_caller]
fn assert_posterior<T: Real>(draws: &[Weights<T>], [means, sds]: &[Vec<f64>; 2]) {
    let flat: Vec<Vec<f64>> = draws.iter().map(|w| w.flat().into_iter().map(Real::to_f64).collect()).collect();
    let count = flat.len() as f64;
    for (i, (mean, sd)) in means.iter().zip(sds).enumerate() {
        let found = flat.iter().map(|w| w[i]).sum::<f64>() / count;
        let found_sd = (flat.iter().map(|w| (w[i] - found).powi(2)).sum::<f64>() / count).sqrt();
        assert!((found - mean).abs() < 0.1 * sd, "weight {i}: mean {found}, expected {mean} with sd {sd}");
        assert!((found_sd / sd - 1.0).abs() < 0.05, "weight {i}: sd {found_sd}, expected {sd}");
    }
}

#[test]
fn nuts_finds_the_posterior_of_german_credit() {
    let (data, reference) = german_credit::<f32>();
    let model = Dense::new(24, 1);
    let nuts = Nuts::new(Bernoulli).diagonal().warmup(300).draws(2000).seed(1).quiet();
    let chains = nuts.run(&model, &data).unwrap();
    assert_posterior(chains.all_weights(), &reference);
    let diagnostics = chains.diagnose();
    assert!(diagnostics.is_good(), "{diagnostics}");
    assert_eq!((chains.count(), chains.draws_per_chain(), diagnostics.elements.len()), (8000, 2000, 25));
    // The same predictions and metrics as of any samples.
    let shares = chains.predict(&Bernoulli, data.inputs()).mean();
    let wrong = shares.iter().zip(data.targets().data()).filter(|(p, y)| (**p > 0.5) != (**y > 0.5)).count();
    assert!((200..230).contains(&wrong), "{wrong} of 1,000");
}

#[test]
fn chains_in_double_precision_and_microcanonical_chains_find_it_too() {
    let (data, reference) = german_credit::<f64>();
    let model = Dense::<MeanField<f64>>::of(24, 1, MeanField::new, Normal::new(0.0, 1.0));
    let chains = Nuts::new(Bernoulli).warmup(300).draws(1500).seed(2).quiet().run(&model, &data).unwrap();
    assert_posterior(chains.all_weights(), &reference);
    let (data, _) = german_credit::<f32>();
    let model = Dense::new(24, 1);
    let chains = Mclmc::new(Bernoulli).warmup(500).draws(5000).seed(3).quiet().run(&model, &data).unwrap();
    assert_posterior(chains.all_weights(), &reference);
    let diagnostics = chains.diagnose();
    assert!(diagnostics.is_good() && diagnostics.e_bfmi.is_empty(), "{diagnostics}");
}

/// Eight schools, non-centred: the effects of coaching (Rubin 1981).
#[bayesian]
struct Schools {
    #[prior(Normal(0.0, 5.0))]
    mu: MeanField<f64>,
    #[prior(MonteCarlo(HalfCauchy(5.0)))]
    tau: LogNormal<f64>,
    #[prior(Normal(0.0, 1.0))]
    z: MeanField<f64>,
}

#[bayesian]
impl Schools {
    /// The effect of each school; the inputs pick its row.
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let effects = *self.z * *self.tau + *self.mu;
        x.matmul(effects.reshape([8, 1]))
    }
}

/// Effects that were measured with known standard errors.
#[derive(Clone)]
struct Measured;

impl Likelihood<f64> for Measured {
    type Targets = Tensor<f64>;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t, f64>, targets: &'t Tensor<f64>) -> Var<'t, f64> {
        // (effect, standard error) of each school.
        let targets = output.tape().input(targets);
        let (y, error) = (targets.slice(1, 0..1, 1), targets.slice(1, 1..2, 1));
        let z = (y - output) / error;
        (z.square().scale_shift(-0.5, -0.5 * std::f64::consts::TAU.ln()) - error.ln()).reshape([output.shape()[0]])
    }

    fn predictive(&self, _: &elbo::Outputs<f64>) {}
}

#[test]
fn a_positive_weight_moves_in_unconstrained_space() {
    let y = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    let error = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
    let x = Tensor::from_fn([8, 8], |i| f64::from(i % 9 == 0));
    let targets = Tensor::from_fn([8, 2], |i| if i % 2 == 0 { y[i / 2] } else { error[i / 2] });
    let data = Examples::new(x, targets).unwrap();
    let schools = Schools { mu: MeanField::new([1]), tau: LogNormal::new([1]), z: MeanField::new([8]) };
    let nuts = Nuts::new(Measured).warmup(1000).draws(5000).seed(4).target_acceptance(0.95).quiet();
    let chains = nuts.run(&schools, &data).unwrap();
    let mean = |name: &str| {
        let of = chains.all_weights().iter().map(|weights| weights.get(name).unwrap()[0]);
        of.sum::<f64>() / chains.count() as f64
    };
    // posteriordb: μ 4.4105 ± 0.033, τ 3.6021 ± 0.032, standard errors of the reference.
    assert!((mean("mu") - 4.4105).abs() < 0.2, "{}", mean("mu"));
    assert!((mean("tau") - 3.6021).abs() < 0.2, "{}", mean("tau"));
}

/// A small regression.
fn line() -> (Dense, Examples<f32, Tensor>) {
    let x = Tensor::from_fn([30, 1], |i| (i as f64 * 0.37).sin());
    let y = Tensor::from_fn([30, 1], |i| 2.0 * (i as f64 * 0.37).sin() + 0.1 * (i as f64 * 1.7).cos());
    (Dense::new(1, 1), Examples::new(x, y).unwrap())
}

#[test]
fn equal_seeds_give_equal_chains_for_any_number_of_threads() {
    let (model, data) = line();
    let run = |seed, threads| {
        let nuts = Nuts::new(Gaussian::new(0.3)).chains(3).warmup(60).draws(40).seed(seed).threads(threads).quiet();
        nuts.run(&model, &data).unwrap().all_weights().to_vec()
    };
    let first = run(1, 1);
    assert_eq!(first, run(1, 2));
    assert_ne!(first, run(2, 1));
    // Chains differ from each other.
    assert_ne!(first[..40], first[40..80]);
}

#[test]
fn bad_options_models_and_data_are_errors_before_the_first_transition() {
    let (model, data) = line();
    let nuts = || Nuts::new(Gaussian::new(0.3)).warmup(5).draws(5).quiet();
    let said = |result: Result<elbo::Chains<&Dense>, McmcError>| format!("{:?}", result.unwrap_err());
    assert!(said(nuts().chains(0).run(&model, &data)).contains("at least one chain"));
    assert!(said(nuts().draws(0).run(&model, &data)).contains("at least one draw"));
    assert!(said(nuts().target_acceptance(1.0).run(&model, &data)).contains("target_acceptance"));
    assert!(said(nuts().max_depth(0).run(&model, &data)).contains("max_depth"));
    let mclmc = Mclmc::new(Gaussian::new(0.3)).step_size(f64::NAN).quiet();
    assert!(said(mclmc.run(&model, &data)).contains("step_size"));

    let wide = Dense::new(3, 1);
    assert!(matches!(nuts().run(&wide, &data), Err(McmcError::Model(_))));
    let two = Dense::new(1, 2);
    assert!(said(nuts().run(&two, &data)).contains("output"));
    let start = Dense::new(2, 1).mean_weights();
    assert!(said(nuts().start_from(vec![start]).run(&model, &data)).contains("weight"));

    // ln sd of −200 in single precision: 1/sd² is infinite.
    let noise = Dense::new(1, 2);
    let mut start = noise.mean_weights();
    start.get_mut("bias").unwrap()[1] = -200.0;
    let result = Nuts::new(HeteroscedasticGaussian).start_from(vec![start]).quiet().run(&noise, &data);
    let said = format!("{:?}", result.unwrap_err());
    assert!(said.contains("chain 0") && said.contains("likelihood"), "{said}");
}

#[test]
fn chains_that_are_too_short_or_apart_are_reported_in_words() {
    let (model, data) = line();
    let chains = Nuts::new(Gaussian::new(0.3)).chains(2).warmup(0).draws(8).seed(1).quiet().run(&model, &data).unwrap();
    let diagnostics = chains.diagnose();
    assert!(!diagnostics.is_good());
    let shown = diagnostics.to_string();
    assert!(shown.contains("effective sample size") && shown.contains("weight[0]"), "{shown}");
}

#[bayesian]
struct Slope {
    #[prior(Normal(0.0, 1.0))]
    slope: MeanField,
}

#[bayesian]
impl Slope {
    fn forward(&self, x: Var) -> Var {
        x * *self.slope
    }
}

#[test]
fn microcanonical_chains_of_one_weight_are_refused_before_they_start() {
    let data: Examples<f32, Tensor> = Examples::new(Tensor::full([3, 1], 1.0), Tensor::full([3, 1], 0.5)).unwrap();
    let model = Slope { slope: MeanField::new([1]) };
    let refused = Mclmc::new(Gaussian::new(1.0)).quiet().run(&model, &data);
    assert!(matches!(refused, Err(McmcError::Options(said)) if said.contains("two weights or more")));
    // More threads than chains give the same chains as one.
    let run = |threads: usize| {
        let nuts = Nuts::new(Gaussian::new(1.0)).chains(2).warmup(50).draws(20).threads(threads).quiet();
        let chains = nuts.run(&model, &data).unwrap();
        chains.all_weights().iter().map(Weights::flat).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(5));
}
