//! `Calibration`: simulation-based calibration of any inference.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CheckError, RankStatistics, element_names, flat};
use crate::data::Examples;
use crate::distribution::uniform::uniform;
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Tape, Tensor, with_threads};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::predict::Predict;
use crate::predictive::SampleTargets;
use crate::samples::{KeptDraws, Samples};
use crate::weights::Weights;

/// Simulation-based calibration: whether an inference finds the posterior.
///
/// In each simulation weights are drawn from the model's priors, targets are drawn from the likelihood given these weights and
/// the inputs, and the inference is run on these data. Over simulations, the rank of a true weight among draws of an exact
/// posterior is uniform (Talts, Betancourt, Simpson, Vehtari and Gelman 2018, "Validating Bayesian Inference Algorithms with
/// Simulation-Based Calibration", theorem 1 and algorithm 1). A posterior that is too narrow has too many ranks at both ends, one
/// that is too wide in the middle. The log-likelihood is ranked too, without which a posterior that is the prior would pass
/// (Modrák et al. 2023, "Simulation-Based Calibration Checking for Bayesian Computation: The Choice of Test Quantities Shapes
/// Sensitivity").
///
/// Draws of Markov chains depend on each other, which looks like a posterior that is too narrow: make at least as many effective
/// draws as there are [`draws`](Calibration::draws), which are taken at equal distances from all of them (thinning).
///
/// ```
/// use elbo::checks::Calibration;
/// use elbo::prelude::*;
///
/// let (model, likelihood) = (Dense::<FullCovariance>::of(2, 1, FullCovariance::new, Normal(0.0, 1.0)), Gaussian::new(0.5));
/// let inputs = Tensor::from_fn([20, 2], |i| (i as f64 * 0.7).sin());
/// let ranks = Calibration::new(&likelihood).simulations(20).draws(15).run(&model, &inputs, |data, seed| {
///     let mut model = model.clone();
///     Elbo::new(likelihood).seed(seed).quiet().fit(&mut model, data, Epochs(50))?;
///     Ok::<_, TrainError>(KeptDraws::new(Box::new(model), Draws(15).seed(seed)))
/// })?;
/// println!("{ranks}");
/// assert_eq!(ranks.statistics.last().unwrap().name, "log likelihood");
/// # Ok::<(), elbo::checks::CheckError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is simulated before `run`"]
pub struct Calibration<'a, L> {
    likelihood: &'a L,
    simulations: usize,
    draws: usize,
    seed: u64,
    threads: usize,
}

/// The ranks of one simulation, and the number of draws among which they are.
struct Simulated {
    ranks: Vec<usize>,
    draws: usize,
}

impl<'a, L> Calibration<'a, L> {
    /// The defaults: 200 simulations, 63 draws, seed 0, all cores.
    pub fn new(likelihood: &'a L) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Calibration { likelihood, simulations: 200, draws: 63, seed: 0, threads }
    }

    /// Sets the number of simulations. A posterior whose standard deviation is wrong by 20 % needs a few hundred to be found.
    pub fn simulations(self, simulations: usize) -> Self {
        Calibration { simulations, ..self }
    }

    /// Sets the number of draws among which ranks are taken, at most as many as the inference makes. One less than a power of
    /// two gives bins of equal width.
    pub fn draws(self, draws: usize) -> Self {
        Calibration { draws, ..self }
    }

    /// Sets the seed of the simulations.
    pub fn seed(self, seed: u64) -> Self {
        Calibration { seed, ..self }
    }

    /// Runs simulations side by side on at most this many threads. The result is the same, bit for bit.
    pub fn threads(self, threads: usize) -> Self {
        Calibration { threads, ..self }
    }

    /// Simulates, and runs `infer` on each simulated data set, with a seed of its own for it.
    ///
    /// # Errors
    /// If an option is 0, the model's priors cannot be drawn from, a quantity to rank is NaN, or the inference fails in a
    /// simulation. The first such simulation is reported, and no later one is started.
    ///
    /// # Panics
    /// As [`Predict::predict`]: if weights from the prior have outputs that are not finite, for instance.
    #[track_caller]
    pub fn run<M, S, E>(
        &self,
        model: &M,
        inputs: &Tensor<M::Scalar>,
        infer: impl Fn(&Examples<M::Scalar, L::Targets>, u64) -> Result<S, E> + Sync,
    ) -> Result<RankStatistics, CheckError>
    where
        M: Bayesian + Model + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Send + Sync,
        L::Predictive: SampleTargets<L::Targets>,
        S: Samples<Model = M>,
        E: Display,
    {
        for (name, number) in [("simulations", self.simulations), ("draws", self.draws), ("threads", self.threads)] {
            if number == 0 {
                return Err(CheckError::Options(format!("Calibration: {name} must be at least 1, got 0")));
            }
        }
        let key = Key::new(self.seed).at("calibration");
        let mut names = element_names(&model.mean_weights());
        names.push("log likelihood".to_owned());
        // Those after it need not be run. Those before it are, so that the first one is reported whatever the threads.
        let failed = AtomicUsize::new(usize::MAX);
        let simulated = with_threads(self.threads, || {
            map_tasks(
                self.simulations,
                || (),
                |(), simulation| {
                    if simulation > failed.load(Ordering::Relaxed) {
                        return None;
                    }
                    let result = self.simulate(model, inputs, &infer, (simulation, key.index(simulation)), &names);
                    if result.is_err() {
                        failed.fetch_min(simulation, Ordering::Relaxed);
                    }
                    Some(result)
                },
            )
        });
        let mut ranks: Vec<(String, Vec<usize>)> = names.into_iter().map(|name| (name, Vec::new())).collect();
        let mut expected = None;
        for (simulation, simulated) in simulated.into_iter().flatten().enumerate() {
            let Simulated { ranks: found, draws } = simulated?;
            let expected = *expected.get_or_insert(draws);
            if draws != expected {
                return Err(CheckError::Draws { simulation, found: draws, expected });
            }
            ranks.iter_mut().zip(found).for_each(|((_, ranks), rank)| ranks.push(rank));
        }
        Ok(RankStatistics::new(self.simulations, expected.unwrap_or(self.draws), ranks))
    }

    fn simulate<M, S, E>(
        &self,
        model: &M,
        inputs: &Tensor<M::Scalar>,
        infer: &impl Fn(&Examples<M::Scalar, L::Targets>, u64) -> Result<S, E>,
        (simulation, key): (usize, Key),
        names: &[String],
    ) -> Result<Simulated, CheckError>
    where
        M: Bayesian + Model + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Send + Sync,
        L::Predictive: SampleTargets<L::Targets>,
        S: Samples<Model = M>,
        E: Display,
    {
        let truth = KeptDraws::of(model, vec![model.draw_from_prior(key)?])?;
        let targets = truth.predict(self.likelihood, inputs).sample_targets(key.at("targets"));
        let data = Examples::new(inputs.clone(), targets)?;
        let seed = key.at("inference").philox().words(0);
        let seed = u64::from(seed[0]) << 32 | u64::from(seed[1]);
        let samples =
            infer(&data, seed).map_err(|error| CheckError::Inference { simulation, message: error.to_string() })?;
        if samples.serves_once() {
            let mistake = "Calibration: sampled outputs have no weights to rank; return draws of the weights, such as \
                           `KeptDraws`";
            return Err(CheckError::Options(mistake.to_owned()));
        }
        let true_nats = truth.log_likelihood(self.likelihood, &data)?.of_draw(0).iter().sum::<f64>();
        let nats = samples.log_likelihood(self.likelihood, &data)?;

        let mut truth = flat(&truth.weights()[0]);
        truth.push(true_nats);
        let check = |values: &[f64], place: &dyn Display| match values.iter().position(|value| value.is_nan()) {
            Some(at) => {
                Err(CheckError::NotANumber { simulation, quantity: names[at].clone(), place: place.to_string() })
            }
            None => Ok(()),
        };
        check(&truth, &"at the true weights")?;
        let draws = self.draws.min(samples.count());
        let (mut below, mut equal) = (vec![0usize; truth.len()], vec![0usize; truth.len()]);
        let mut tape = Tape::inference();
        for draw in 0..draws {
            // The middle of the draw's share of all draws.
            let index = (2 * draw + 1) * samples.count() / (2 * draws);
            tape.reset();
            let mut of_draw = flat(&Weights::of(&samples.draw_all(&tape, index)));
            of_draw.push(nats.of_draw(index).iter().sum());
            check(&of_draw, &format_args!("in draw {index} (from 0) of the inference"))?;
            for (at, (w, truth)) in of_draw.iter().zip(&truth).enumerate() {
                below[at] += usize::from(w < truth);
                equal[at] += usize::from(w == truth);
            }
        }
        // Ties are broken at random, so that a prior with a point mass has uniform ranks, too.
        let ties = key.at("ties").philox();
        let rank = |at: usize| below[at] + (uniform(&ties, at) * (equal[at] + 1) as f64) as usize;
        Ok(Simulated { ranks: (0..truth.len()).map(rank).collect(), draws })
    }
}
