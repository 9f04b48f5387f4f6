//! Checks of posteriors: calibration, predictive checks and importance weights, against a posterior in closed form.

use elbo::checks::{self, Calibration, CheckError, PredictiveCheck, RankStatistics, VariationalCheck};
use elbo::prelude::*;
use elbo::{Heads, LogJoint, Poisson, ZeroInflated};

const NOISE: f64 = 0.5;

/// A regression on two correlated inputs, with any posterior family under N(0, 1).
#[bayesian]
#[derive(Clone)]
struct Linear<Q: Divergence<Normal, Scalar = f64>> {
    #[prior(Normal(0.0, 1.0))]
    w: Q,
}

#[bayesian]
impl<Q: Divergence<Normal, Scalar = f64>> Linear<Q> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.matmul((*self.w).reshape([2, 1]))
    }
}

/// Inputs whose columns have a correlation of about 1/√(1 + noise²).
fn inputs(rows: usize, noise: f64) -> Tensor<f64> {
    Tensor::from_fn([rows, 2], |i| {
        let t = (i / 2) as f64;
        let shared = (1.3 * t).sin();
        if i % 2 == 0 { shared } else { shared + noise * (2.9 * t + 1.0).cos() }
    })
}

/// The precision of the posterior, its mean and ln p(y), in closed form.
fn exact(data: &Examples<f64, Tensor<f64>>) -> ([[f64; 2]; 2], [f64; 2], f64) {
    let (mut p, mut b, mut square) = ([[1.0, 0.0], [0.0, 1.0]], [0.0; 2], 0.0);
    for (x, y) in data.inputs().data().chunks(2).zip(data.targets().data()) {
        for i in 0..2 {
            b[i] += x[i] * y / NOISE.powi(2);
            (0..2).for_each(|j| p[i][j] += x[i] * x[j] / NOISE.powi(2));
        }
        square += (y / NOISE).powi(2);
    }
    let determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let mean = [(p[1][1] * b[0] - p[0][1] * b[1]) / determinant, (p[0][0] * b[1] - p[1][0] * b[0]) / determinant];
    let rows = data.len() as f64;
    let constant = rows * (NOISE.ln() + 0.5 * std::f64::consts::TAU.ln());
    let evidence = -constant - 0.5 * determinant.ln() - 0.5 * (square - b[0] * mean[0] - b[1] * mean[1]);
    (p, mean, evidence)
}

/// The exact posterior, as a family that contains it.
fn exact_posterior(data: &Examples<f64, Tensor<f64>>) -> Linear<FullCovariance<f64>> {
    let (p, mean, _) = exact(data);
    let determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let [a, b, c] = [p[1][1] / determinant, -p[0][1] / determinant, p[0][0] / determinant];
    let factor = Tensor::new([2, 2], [a.sqrt(), 0.0, b / a.sqrt(), (c - b * b / a).sqrt()]);
    Linear { w: FullCovariance::with_factor(Tensor::new([2], mean), &factor) }
}

/// The best mean-field posterior, in closed form: the exact means, and the inverse diagonal of the precision as variances.
fn mean_field(data: &Examples<f64, Tensor<f64>>) -> Linear<MeanField<f64>> {
    let (p, mean, _) = exact(data);
    let sds = Tensor::new([2], [p[0][0].powf(-0.5), p[1][1].powf(-0.5)]);
    Linear { w: MeanField::with_sds(Tensor::new([2], mean), &sds) }
}

fn kept<M: Bayesian<Scalar = f64> + Sync>(model: M, seed: u64) -> Result<KeptDraws<Box<M>>, String> {
    Ok(KeptDraws::new(Box::new(model), Draws(63).seed(seed)))
}

#[test]
fn ranks_of_an_exact_posterior_are_uniform_for_any_number_of_threads() {
    let (prior, likelihood) = (Linear { w: FullCovariance::new([2]) }, Gaussian::new(NOISE));
    let run = |threads: usize| -> RankStatistics {
        let calibration = Calibration::new(&likelihood).simulations(300).seed(5).threads(threads);
        calibration.run(&prior, &inputs(12, 0.4), |data, seed| kept(exact_posterior(data), seed)).unwrap()
    };
    let ranks = run(2);
    assert!(ranks.is_good() && ranks.statistics.iter().all(|s| s.chi_squared_p > 0.01 && s.ecdf_p > 0.01), "{ranks}");
    let names: Vec<&str> = ranks.statistics.iter().map(|s| &s.name[..]).collect();
    assert_eq!(names, ["w[0]", "w[1]", "log likelihood"]);
    assert_eq!(ranks, run(1));
}

#[test]
fn wrong_posteriors_are_found_and_described() {
    let x = inputs(12, 0.4);
    let likelihood = Gaussian::new(NOISE);
    let calibration = || Calibration::new(&likelihood).simulations(200).seed(1);
    // Mean-field variances are too small for correlated weights.
    let prior = Linear { w: MeanField::new([2]) };
    let narrow = calibration().run(&prior, &x, |data, seed| kept(mean_field(data), seed)).unwrap();
    assert!(!narrow.is_good() && narrow.verdict().contains("too narrow"), "{narrow}");

    // A posterior that ignores the data: only the log-likelihood's ranks show it.
    let ignores =
        calibration().run(&prior, &x, |_, seed| kept(Linear { w: MeanField::with_sd(Tensor::zeros([2]), 1.0) }, seed));
    let ignores = ignores.unwrap();
    let p: Vec<f64> = ignores.statistics.iter().map(|s| s.ecdf_p).collect();
    assert!(p[0] > 0.001 && p[1] > 0.001 && p[2] < 1e-6, "{ignores}");
    assert!(ignores.verdict().contains("`log likelihood` they are too high"), "{ignores}");

    let shifted = calibration().run(&prior, &x, |data, seed| {
        let mut model = mean_field(data);
        model.w.mean.data_mut().iter_mut().for_each(|w| *w += 0.4);
        kept(model, seed)
    });
    assert!(shifted.unwrap().verdict().contains("its draws are too large"));
}

#[test]
fn a_full_covariance_that_is_fitted_by_its_bound_is_calibrated() {
    let likelihood = Gaussian::new(NOISE);
    let prior = Linear { w: FullCovariance::new([2]) };
    let ranks = Calibration::new(&likelihood).simulations(60).seed(2).run(&prior, &inputs(12, 0.4), |data, seed| {
        let mut model = prior.clone();
        let elbo = Elbo::new(likelihood).optimizer(Adam::new(0.05)).schedule(elbo::Schedule::cosine(250));
        elbo.draws(4).seed(seed).quiet().fit(&mut model, data, Epochs(250)).map_err(|e| e.to_string())?;
        kept(model, seed)
    });
    let ranks = ranks.unwrap();
    assert!(ranks.is_good(), "{ranks}");
}

#[cfg(feature = "mcmc")]
#[test]
fn chains_are_calibrated() {
    let likelihood = Gaussian::new(NOISE);
    let prior = Linear { w: MeanField::new([2]) };
    let ranks = Calibration::new(&likelihood).simulations(60).seed(3).run(&prior, &inputs(12, 0.4), |data, seed| {
        elbo::Nuts::new(likelihood).chains(1).warmup(200).draws(315).seed(seed).quiet().run(&prior, data)
    });
    let ranks = ranks.unwrap();
    assert!(ranks.is_good(), "{ranks}");
}

#[test]
fn failures_of_a_calibration_are_errors() {
    let (x, likelihood) = (inputs(6, 0.4), Gaussian::new(NOISE));
    let prior = Linear { w: MeanField::new([2]) };
    let calibration = || Calibration::new(&likelihood).simulations(4);
    let none = calibration().simulations(0).run(&prior, &x, |data, seed| kept(mean_field(data), seed));
    assert!(none.unwrap_err().to_string().contains("simulations must be at least 1"));
    let failed = calibration().run(&prior, &x, |_, _| Err::<KeptDraws<&Linear<MeanField<f64>>>, _>("no convergence"));
    assert!(matches!(failed, Err(CheckError::Inference { simulation: 0, message }) if message == "no convergence"));
    let uneven = calibration().run(&prior, &x, |data, seed| {
        Ok::<_, String>(KeptDraws::new(Box::new(mean_field(data)), Draws(1 + seed as usize % 50)))
    });
    assert!(matches!(uneven, Err(CheckError::Draws { .. })));
    let improper = Dense::new(2, 1).prior(LogUniform);
    let inputs = Tensor::from_fn([4, 2], |i| i as f64);
    let unknown = Calibration::new(&likelihood)
        .run(&improper, &inputs, |_, _| Ok::<_, String>(KeptDraws::new(&improper, Draws(1))));
    assert!(unknown.unwrap_err().to_string().contains("the prior of the weight `weight`"));
}

#[test]
fn weights_from_a_hierarchical_prior_follow_their_hyperparameter() {
    type Scale = HierarchicalNormal<LogNormal<f64>, MonteCarlo<HalfCauchy>>;

    #[bayesian]
    struct Hierarchy {
        scale: Scale,
        #[prior(self.scale)]
        w: MeanField<f64>,
    }
    let model = Hierarchy {
        scale: HierarchicalNormal::new(LogNormal::new([1]), MonteCarlo(HalfCauchy(1.0))),
        w: MeanField::new([2000]),
    };
    let mut medians = 0;
    for draw in 0..200 {
        let weights = model.draw_from_prior(Key::new(1).draw(draw)).unwrap();
        let (sd, w) = (weights.get("scale").unwrap()[0], weights.get("w").unwrap());
        let found = (w.iter().map(|w| w * w).sum::<f64>() / 2000.0).sqrt();
        assert!((found / sd - 1.0).abs() < 0.07, "{found} {sd}");
        medians += usize::from(sd < 1.0);
    }
    // The median of a half-Cauchy distribution is its scale.
    assert!((75..=125).contains(&medians), "{medians}");
    let again = model.draw_from_prior(Key::new(1).draw(7)).unwrap();
    assert_eq!(again, model.draw_from_prior(Key::new(1).draw(7)).unwrap());
}

#[test]
fn a_misfit_shows_in_the_statistics_that_the_model_cannot_reproduce() {
    let x: Tensor = Tensor::from_fn([150, 1], |i| (i as f64 * 0.7).sin());
    let model = Dense::new(1, 2);
    let mut truth = model.mean_weights();
    truth.set_flat(&[0.3, 0.2, 1.5, -0.5]).unwrap();
    // Counts of which about 38 % are zeros beside those of the Poisson distribution.
    let inflated = KeptDraws::of(&model, vec![truth.clone()]).unwrap();
    let counts =
        elbo::SampleTargets::<Tensor>::sample_targets(&inflated.predict(&ZeroInflated(Poisson), &x), Key::new(3));
    let data = Examples::new(x.clone(), counts).unwrap();
    // The truth as 200 equal draws.
    let draws = KeptDraws::of(&model, vec![truth; 200]).unwrap();
    let good = PredictiveCheck::new(&ZeroInflated(Poisson), &data).standard().run(&draws).unwrap();
    assert!(good.is_good(), "{good}");

    let poisson = Dense::new(1, 1);
    let mut fitted = poisson.mean_weights();
    let mean = data.targets().data().iter().sum::<f32>() / 150.0;
    fitted.set_flat(&[0.2, mean.ln()]).unwrap();
    let draws = KeptDraws::of(&poisson, vec![fitted; 200]).unwrap();
    let check = PredictiveCheck::new(&Poisson, &data).standard().statistic("median", |y: &Tensor| {
        let mut y = y.data().to_vec();
        y.sort_by(f32::total_cmp);
        f64::from(y[75])
    });
    let misfit = check.run(&draws).unwrap();
    let of = |name: &str| misfit.statistics.iter().find(|s| s.name == name).unwrap();
    assert!(!misfit.is_good() && of("share of zeros").p() < 0.005 && of("mean").is_good(), "{misfit}");
    assert!(misfit.to_string().contains("`share of zeros` is smaller in replicated data"), "{misfit}");
    assert_eq!(misfit, check.run(&draws).unwrap());
    assert_ne!(misfit, PredictiveCheck::new(&Poisson, &data).standard().seed(1).run(&draws).unwrap());

    let none = PredictiveCheck::new(&Poisson, &data).run(&draws).unwrap_err();
    assert!(none.to_string().contains("no statistic"));
    let outputs = SampledOutputs::new(&poisson, Draws(8));
    assert!(matches!(PredictiveCheck::new(&Poisson, &data).standard().run(&outputs), Err(CheckError::Options(_))));
}

#[test]
fn p_values_of_replicated_data_count_ties_by_half() {
    let x: Tensor = Tensor::from_fn([400, 1], |_| 0.0);
    // Each head has targets of its own type.
    let model = Dense::new(1, 3);
    let likelihood = Heads::new([1], Gaussian::new(1.0)).and([2], Categorical);
    let y = (Tensor::zeros([400, 1]), (0..400).map(|i| i % 2).collect::<Vec<usize>>());
    let data = Examples::new(x, y).unwrap();
    let mut zero = model.mean_weights();
    zero.set_flat(&[0.0; 6]).unwrap();
    let draws = KeptDraws::of(&model, vec![zero; 300]).unwrap();
    let check = PredictiveCheck::new(&likelihood, &data)
        .statistic("sd", |(numbers, _): &(Tensor, Vec<usize>)| checks::sd(numbers))
        .statistic("classes", |(_, labels): &(Tensor, Vec<usize>)| checks::max(labels))
        .statistic("ones", |(_, labels): &(Tensor, Vec<usize>)| checks::mean(labels))
        .run(&draws)
        .unwrap();
    let [sd, classes, ones] = &check.statistics[..] else { panic!() };
    // The observed numbers are all 0, and those of the likelihood have a standard deviation of 1.
    assert_eq!((sd.p(), sd.observed, classes.p()), (1.0, 0.0, 0.5));
    assert!(sd.replicated.iter().all(|sd| (sd - 1.0).abs() < 0.2));
    assert!((0.4..0.6).contains(&ones.p()), "{}", ones.p());
}

#[test]
fn importance_weights_tell_how_near_a_variational_posterior_is() {
    let likelihood = Gaussian::new(NOISE);
    let data = |noise: f64| {
        let x = inputs(20, noise);
        let y =
            Tensor::from_fn([20, 1], |i| 0.7 * x.data()[2 * i] - 0.4 * x.data()[2 * i + 1] + 0.3 * (i as f64).sin());
        Examples::new(x, y).unwrap()
    };
    // The exact posterior has equal weights, each with the evidence.
    let near = data(2.5);
    let (p, _, evidence) = exact(&near);
    let check = VariationalCheck::run(&exact_posterior(&near), &likelihood, &near, Draws(200)).unwrap();
    assert!(check.is_good() && check.verdict().contains("exact"), "{check}");
    assert!(check.log_ratios.iter().all(|ratio| (ratio - evidence).abs() < 1e-9), "{check} {evidence}");

    // The gap of the best mean-field posterior is known, and its moments are corrected.
    let check = VariationalCheck::run(&mean_field(&near), &likelihood, &near, Draws(20_000)).unwrap();
    let determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let gap = 0.5 * (p[0][0] * p[1][1] / determinant).ln();
    assert!(gap > 0.05 && (evidence - check.elbo - gap).abs() < 0.03, "{} {gap}", evidence - check.elbo);
    assert!((check.log_evidence - evidence).abs() < 0.03 && check.is_good(), "{check} {evidence}");
    for (i, element) in check.elements.iter().enumerate() {
        let sd = (p[1 - i][1 - i] / determinant).sqrt();
        let narrow = p[i][i].powf(-0.5);
        assert!(narrow < 0.95 * sd && (element.sd / narrow - 1.0).abs() < 0.02, "{element:?} {narrow}");
        assert!((element.corrected_sd / sd - 1.0).abs() < 0.03, "{element:?} {sd}");
        assert_eq!(element.name, format!("w[{i}]"));
    }

    // Weights that are almost collinear: the mean-field posterior is much too narrow.
    let far = data(0.1);
    let check = VariationalCheck::run(&mean_field(&far), &likelihood, &far, Draws(1000)).unwrap();
    assert!(check.psis.k_hat > 0.7 && !check.is_good() && check.verdict().contains("FullCovariance"), "{check}");

    // A family whose density at a draw is unknown.
    let gated = Linear1 { w: SpikeAndSlab::new([2]) };
    let x = inputs(4, 1.0);
    let small = Examples::new(x, Tensor::zeros([4, 1])).unwrap();
    let unknown = VariationalCheck::run(&gated, &likelihood, &small, Draws(4)).unwrap_err();
    assert!(unknown.to_string().contains("the posterior `SpikeAndSlab` of the weight `w`"), "{unknown}");
}

#[bayesian]
struct Linear1 {
    #[prior(SpikeAndSlabPrior(0.5, 1.0))]
    w: SpikeAndSlab<f64>,
}

#[bayesian]
impl Linear1 {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.matmul((*self.w).reshape([2, 1]))
    }
}

#[test]
fn log_ratios_of_every_family_average_to_the_bound() {
    // −KL plus the likelihood's mean, by draws of each family.
    fn check<Q: Divergence<MonteCarlo<Normal>, Scalar = f64> + Sync>(w: Q) {
        let x = inputs(6, 0.6);
        let data = Examples::new(x, Tensor::full([6, 1], 0.4)).unwrap();
        let likelihood = Gaussian::new(NOISE);
        let model = Estimated { w };
        let draws = Draws(64);
        let check = VariationalCheck::run(&model, &likelihood, &data, draws).unwrap();
        let joint = LogJoint::new(&model, &likelihood, &data);
        let expected: f64 = check.draws.iter().map(|w| joint.terms(w)[0].1).sum::<f64>() / 64.0;
        let kl: f64 = (0..64)
            .map(|draw| {
                let tape = Tape::new();
                model.draw(&tape, Key::new(0).at("predict").draw(draw)).kl().nats()
            })
            .sum::<f64>();
        assert!((check.elbo - (expected - kl / 64.0)).abs() < 1e-9, "{} {expected} {kl}", check.elbo);
    }
    check(MeanField::new([2]));
    check(MeanFieldLaplace::new([2]));
    check(MeanFieldCauchy::new([2]));
    check(FullCovariance::new([2]));
    check(LowRank::new([2], 1));
    check(Radial::new([2]));
    check(MatrixNormal::new([2, 1]));
}

#[bayesian]
struct Estimated<Q: Divergence<MonteCarlo<Normal>, Scalar = f64>> {
    #[prior(MonteCarlo(Normal(0.0, 1.0)))]
    w: Q,
}

#[bayesian]
impl<Q: Divergence<MonteCarlo<Normal>, Scalar = f64>> Estimated<Q> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.matmul((*self.w).reshape([2, 1]))
    }
}
