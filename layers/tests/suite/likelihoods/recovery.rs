//! Every likelihood recovers the parameters that simulated its data: 2,000 rows, coefficients of every output, full
//! covariance posterior. The coverage of 90 % intervals must be within binomial error, and the fitted NLL near that of the
//! true parameters.
//!
//! `ELBO_SIMULATIONS=20 cargo test --release -p elbo --test suite recovery -- --nocapture` runs 20 simulations of each and
//! prints the table; the default is 3.

use elbo::data::Examples;
use elbo::metrics::{MixtureOfNormals, Probabilities};
use elbo::prelude::*;
use elbo::{
    BetaRegression, Binomial, Censored, HeteroscedasticGaussian, IntervalCensored, LaplaceNoise, LogNormalNoise,
    MixtureDensity, MultivariateGaussian, NegativeBinomial, Ordinal, Poisson, Schedule, StudentTNoise, Truncated,
    Univariate, ZeroInflated,
};

const ROWS: usize = 2000;

fn simulations() -> usize {
    std::env::var("ELBO_SIMULATIONS").map_or(3, |count| count.parse().expect("a number of simulations"))
}

/// An output's intercept and slope.
type Line = [f64; 2];

struct Recovery {
    covered: usize,
    intervals: usize,
    /// The mean over simulations of the fitted NLL less that of the true parameters, in nats per example.
    excess: f64,
}

/// How a likelihood's data are simulated, and what of its parameters they identify.
struct Experiment<'a, L: Likelihood<f64>> {
    /// Makes the noise of this experiment independent of that of others.
    name: &'static str,
    likelihood: L,
    truth: &'a [Line],
    simulate: &'a dyn Fn(&L::Predictive, Key) -> L::Targets,
    /// Functions of the slopes and then the intercepts of all outputs.
    identified: &'a dyn Fn(&[f64]) -> Vec<f64>,
}

fn recover<L>(experiment: &Experiment<'_, L>) -> Recovery
where
    L: Likelihood<f64, Targets: Send + Sync> + Clone + Send,
{
    let Experiment { name, likelihood, truth, simulate, identified } = experiment;
    let mut recovery = Recovery { covered: 0, intervals: 0, excess: 0.0 };
    for simulation in 0..simulations() {
        // Uniform inputs of mean 0 and variance 1, so that intercepts and slopes are nearly independent.
        let x = Tensor::from_fn([ROWS, 1], |i| 12f64.sqrt() * ((i as f64 + 0.5) / ROWS as f64 - 0.5));
        let outputs = Tensor::from_fn([ROWS, truth.len()], |i| {
            let [intercept, slope] = truth[i % truth.len()];
            intercept + slope * x.data()[i / truth.len()]
        });
        let exact = Outputs::new(Tensor::new([1, ROWS, truth.len()], outputs.data())).under(likelihood);
        let data = Examples::new(x, simulate(&exact, Key::new(simulation as u64 + 1).at(name))).unwrap();

        let family = |shape| FullCovariance::new(shape);
        let mut model: Dense<FullCovariance<f64>> = Dense::of(1, truth.len(), family, Normal(0.0, 10.0));
        start_near(&mut model, truth);
        let steps = 600;
        let mut elbo = Elbo::new(likelihood.clone())
            .optimizer(Adam::new(2e-2))
            .schedule(Schedule::cosine(steps))
            .batch_size(ROWS)
            .quiet();
        elbo.fit(&mut model, &data, Epochs(steps)).unwrap();
        let fitted = elbo.expected_nll(&model, &data, Draws(16)).unwrap();
        let (of_truth, _) = super::nll_and_gradient(likelihood, &outputs, data.observed());
        recovery.excess += (fitted - of_truth) / simulations() as f64;
        let draws: Vec<Vec<f64>> =
            (0..400).map(|draw| identified(&model.draw_weights(Key::new(9).draw(draw)).flat())).collect();
        let flat: Vec<f64> = [1, 0].iter().flat_map(|&of| truth.iter().map(move |line| line[of])).collect();
        for (at, truth) in identified(&flat).into_iter().enumerate() {
            let mut values: Vec<f64> = draws.iter().map(|draw| draw[at]).collect();
            values.sort_unstable_by(f64::total_cmp);
            let (low, high) = (values[19], values[380]);
            recovery.covered += usize::from(low <= truth && truth <= high);
            recovery.intervals += 1;
        }
    }
    recovery
}

/// Mixtures have several equal optima; starting on the right side chooses one.
fn start_near(model: &mut Dense<FullCovariance<f64>>, truth: &[Line]) {
    let n = truth.len();
    let factor = Tensor::from_fn([n, n], |i| if i / n == i % n { 0.05 } else { 0.0 });
    model.weight = FullCovariance::with_factor(Tensor::from_fn([n, 1], |i| 0.5 * truth[i][1]), &factor);
    model.bias = FullCovariance::with_factor(Tensor::from_fn([n], |i| 0.5 * truth[i][0]), &factor);
}

/// Checks a likelihood of numbers, all of whose outputs are identified. `observe` is the measurement of a value.
#[track_caller]
fn check_observed<L>(name: &'static str, likelihood: L, truth: &[Line], observe: &dyn Fn(f64) -> f64)
where
    L: Likelihood<f64, Targets = Tensor<f64>, Predictive = Mixture<L>> + Univariate + Send,
{
    let simulate = |exact: &Mixture<L>, key| {
        let values = exact.samples(1, key);
        Tensor::from_fn([ROWS, 1], |row| observe(values.data()[row]))
    };
    check_all(&Experiment { name, likelihood, truth, simulate: &simulate, identified: &|all| all.to_vec() });
}

#[track_caller]
fn check<L>(name: &'static str, likelihood: L, truth: &[Line])
where
    L: Likelihood<f64, Targets = Tensor<f64>, Predictive = Mixture<L>> + Univariate + Send,
{
    check_observed(name, likelihood, truth, &|y| y);
}

#[track_caller]
fn check_all<L>(experiment: &Experiment<'_, L>)
where
    L: Likelihood<f64, Targets: Send + Sync> + Clone + Send,
{
    let Recovery { covered, intervals, excess } = recover(experiment);
    let name = experiment.name;
    println!("| {name} | {covered} of {intervals} | {excess:.5} |");
    // Three and a half binomial standard errors around 90 %.
    let (n, share) = (intervals as f64, covered as f64 / intervals as f64);
    let bound = 3.5 * (0.9 * 0.1 / n).sqrt();
    assert!((share - 0.9).abs() <= bound, "{name}: {covered} of {intervals} intervals contain the true value");
    // The posterior costs half a nat per parameter and the fit gains as much, so the difference is near 0.
    let parameters = 2.0 * experiment.truth.len() as f64;
    assert!(excess.abs() < 4.0 * parameters / ROWS as f64, "{name}: the NLL exceeds that of the truth by {excess}");
}

#[test]
fn real_targets() {
    check("Gaussian", Gaussian::new(0.7), &[[0.5, -1.0]]);
    check("HeteroscedasticGaussian", HeteroscedasticGaussian, &[[0.5, -1.0], [-0.5, 0.4]]);
    check("LaplaceNoise", LaplaceNoise, &[[0.5, -1.0], [-0.5, 0.4]]);
    check("StudentTNoise", StudentTNoise::new(4.0), &[[0.5, -1.0], [-0.5, 0.4]]);
    check("LogNormalNoise", LogNormalNoise, &[[0.5, -1.0], [-0.5, 0.4]]);
    check("BetaRegression", BetaRegression, &[[0.5, -1.0], [1.5, 0.4]]);
}

#[test]
fn mixtures() {
    let truth = [[0.3, 0.2], [-0.3, -0.2], [2.0, 0.5], [-2.0, 0.5], [-0.7, 0.0], [-0.3, 0.1]];
    let simulate = |exact: &Mixture<MixtureDensity>, key| Tensor::new([ROWS, 1], exact.samples(1, key).data());
    // Of the weights' logits only the difference is identified.
    let identified = |all: &[f64]| all.chunks(6).flat_map(|of| [of[1] - of[0], of[2], of[3], of[4], of[5]]).collect();
    let likelihood = MixtureDensity::new(2);
    check_all(&Experiment {
        name: "MixtureDensity (2)",
        likelihood,
        truth: &truth,
        simulate: &simulate,
        identified: &identified,
    });
}

#[test]
fn counts() {
    check("Bernoulli", Bernoulli, &[[0.5, -1.0]]);
    check("Binomial", Binomial::new(8), &[[0.5, -1.0]]);
    check("Poisson", Poisson, &[[0.8, -0.6]]);
    check("NegativeBinomial", NegativeBinomial, &[[1.2, -0.6], [0.5, 0.2]]);
    check("ZeroInflated(Poisson)", ZeroInflated(Poisson), &[[1.2, -0.6], [-0.7, 0.5]]);
    check("ZeroInflated(NegativeBinomial)", ZeroInflated(NegativeBinomial), &[[1.8, -0.6], [1.2, 0.1], [-0.7, 0.5]]);
}

#[test]
fn censored_and_truncated_targets() {
    let truth = [[0.5, -1.0], [-0.5, 0.2]];
    check_observed("Censored", Censored::new(-0.5, 1.5), &truth, &|y| y.clamp(-0.5, 1.5));
    check("Truncated", Truncated::new(-0.5, f64::INFINITY), &truth);
    let simulate = |exact: &Mixture<HeteroscedasticGaussian>, key| {
        let values = exact.samples(1, key);
        // Rounded down and up to halves; below −1 and above 2, only that is known.
        Tensor::from_fn([ROWS, 2], |i| {
            let (y, is_upper) = (values.data()[i / 2], i % 2 == 1);
            match (y, is_upper) {
                (y, false) if y < -1.0 => -IntervalCensored::OPEN,
                (y, true) if y > 2.0 => IntervalCensored::OPEN,
                (y, false) => (2.0 * y.min(2.0)).floor() / 2.0,
                (y, true) => (2.0 * y.max(-1.0)).floor() / 2.0 + if y < -1.0 { 0.0 } else { 0.5 },
            }
        })
    };
    let likelihood = IntervalCensored;
    check_all(&Experiment {
        name: "IntervalCensored",
        likelihood,
        truth: &truth,
        simulate: &simulate,
        identified: &|all| all.to_vec(),
    });
}

#[test]
fn classes() {
    let labels = |exact: &Probabilities, key| exact.samples(1, key).to_vec();
    // Only differences of logits are identified.
    let differences = |all: &[f64]| all.chunks(3).flat_map(|of| [of[1] - of[0], of[2] - of[0]]).collect();
    let truth: &[Line] = &[[0.0, 0.0], [0.5, -1.0], [-0.4, 0.7]];
    let likelihood = Categorical;
    check_all(&Experiment { name: "Categorical", likelihood, truth, simulate: &labels, identified: &differences });
    // Only the first cut point less the location is identified.
    let cuts = |all: &[f64]| all.chunks(3).flat_map(|of| [of[1] - of[0], of[2]]).collect();
    let truth: &[Line] = &[[0.2, 0.8], [-0.6, 0.0], [0.3, 0.1]];
    check_all(&Experiment { name: "Ordinal", likelihood: Ordinal, truth, simulate: &labels, identified: &cuts });
}

#[test]
fn correlated_targets() {
    let truth: &[Line] = &[[0.5, -1.0], [-0.3, 0.4], [-0.4, 0.2], [0.6, 0.3], [0.1, -0.2]];
    let simulate = |exact: &MixtureOfNormals, key| Tensor::new([ROWS, 2], exact.samples(1, key).data());
    let likelihood = MultivariateGaussian;
    check_all(&Experiment {
        name: "MultivariateGaussian",
        likelihood,
        truth,
        simulate: &simulate,
        identified: &|all| all.to_vec(),
    });
}
