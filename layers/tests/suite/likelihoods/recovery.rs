//! Every likelihood recovers the parameters that simulated its data: 2,000 rows, coefficients of every output, full
//! covariance posterior. The coverage of 90 % intervals must be within binomial error, and the fitted NLL near that of the
//! true parameters.
//!
//! `ELBO_SIMULATIONS=20 cargo test --release -p elbo --test suite recovery -- --nocapture` runs 20 simulations of each and
//! prints the table; the default is 3.

use elbo::data::Examples;
use elbo::prelude::*;
use elbo::{
    BetaRegression, Binomial, HeteroscedasticGaussian, LaplaceNoise, LogNormalNoise, MixtureDensity, NegativeBinomial,
    Poisson, Schedule, StudentTNoise, Univariate, ZeroInflated,
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

fn recover<L>(likelihood: &L, truth: &[Line]) -> Recovery
where
    L: Likelihood<f64, Targets = Tensor<f64>, Predictive = Mixture<L>> + Univariate + Send,
{
    let mut recovery = Recovery { covered: 0, intervals: 0, excess: 0.0 };
    for simulation in 0..simulations() {
        // Uniform inputs of mean 0 and variance 1, so that intercepts and slopes are nearly independent.
        let x = Tensor::from_fn([ROWS, 1], |i| 12f64.sqrt() * ((i as f64 + 0.5) / ROWS as f64 - 0.5));
        let outputs = Tensor::from_fn([1, ROWS, truth.len()], |i| {
            let [intercept, slope] = truth[i % truth.len()];
            intercept + slope * x.data()[i / truth.len()]
        });
        let exact = Outputs::new(outputs).under(likelihood);
        let y = exact.samples(1, Key::new(simulation as u64 + 1));
        let data = Examples::new(x, Tensor::new([ROWS, 1], y.data())).unwrap();

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
        recovery.excess += (fitted - exact.nll(data.targets())) / simulations() as f64;
        let draws: Vec<Vec<f64>> = (0..400).map(|draw| model.draw_weights(Key::new(9).draw(draw)).flat()).collect();
        for (output, line) in truth.iter().enumerate() {
            for (at, truth) in [(truth.len() + output, line[0]), (output, line[1])] {
                let mut values: Vec<f64> = draws.iter().map(|draw| draw[at]).collect();
                values.sort_unstable_by(f64::total_cmp);
                let (low, high) = (values[19], values[380]);
                recovery.covered += usize::from(low <= truth && truth <= high);
                recovery.intervals += 1;
            }
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

#[track_caller]
fn check<L>(name: &str, likelihood: L, truth: &[Line])
where
    L: Likelihood<f64, Targets = Tensor<f64>, Predictive = Mixture<L>> + Univariate + Send,
{
    let Recovery { covered, intervals, excess } = recover(&likelihood, truth);
    println!("| {name} | {covered} of {intervals} | {excess:.5} |");
    // Three and a half binomial standard errors around 90 %.
    let (n, share) = (intervals as f64, covered as f64 / intervals as f64);
    let bound = 3.5 * (0.9 * 0.1 / n).sqrt();
    assert!((share - 0.9).abs() <= bound, "{name}: {covered} of {intervals} intervals contain the true value");
    // The posterior costs half a nat per parameter and the fit gains as much, so the difference is near 0.
    let parameters = 2.0 * truth.len() as f64;
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
    check("MixtureDensity (2)", MixtureDensity::new(2), &truth);
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
