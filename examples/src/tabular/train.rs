//! Trainings of candidates on all rows or on all but a fold of them, side by side.

use std::sync::Mutex;

use elbo::nn::WithConstants;
use elbo::prelude::*;
use elbo::{Budget, Model, with_threads};

use super::candidates::Candidate;
use super::family::{Family, with_likelihood};
use super::network::{Learned, Network};
use super::prediction::{Predictor, Scored};
use super::target::Targets;
use crate::Failure;

/// Encoded rows.
#[derive(Clone)]
pub(super) struct Data {
    pub(super) inputs: Tensor,
    pub(super) targets: Targets,
    pub(super) classes: usize,
}

/// What all trainings share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) level: f64,
    pub(super) draws: usize,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) budget: Budget,
}

/// A trained candidate.
#[derive(Clone)]
pub(super) struct Trained {
    pub(super) predictor: Predictor,
    pub(super) report: Report,
}

/// A candidate that was trained without the rows of a fold, with the scores of these rows.
#[derive(Clone)]
pub(super) struct OfFold {
    pub(super) trained: Trained,
    pub(super) rows: Vec<usize>,
    pub(super) scored: Scored,
    /// ln p of the targets without looking at the inputs.
    pub(super) guess: Vec<f64>,
}

impl Data {
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// These rows.
    pub(super) fn select(&self, rows: &[usize]) -> Data {
        Data { inputs: select(&self.inputs, rows), targets: self.targets.select(rows), classes: self.classes }
    }

    /// The rows of `count` folds, in which each class has about the same share.
    pub(super) fn folds(&self, count: usize, seed: u64) -> Vec<Vec<usize>> {
        let mut rows: Vec<usize> = (0..self.len()).collect();
        elbo::data::shuffle(&mut rows, Key::new(seed).at("folds"));
        if let Targets::Labels(labels) = &self.targets {
            rows.sort_by_key(|&row| labels[row]);
        }
        (0..count).map(|fold| rows.iter().copied().skip(fold).step_by(count).collect()).collect()
    }
}

/// These rows of a matrix.
pub(super) fn select(x: &Tensor, rows: &[usize]) -> Tensor {
    let width = x.shape()[1];
    let row = |&row: &usize| &x.data()[row * width..(row + 1) * width];
    Tensor::new([rows.len(), width], rows.iter().flat_map(row).copied().collect::<Vec<f32>>())
}

/// Trains a candidate until its bound has converged.
///
/// # Errors
/// If the training fails.
pub(super) fn train(candidate: Candidate, data: &Data, seed: u64, settings: Settings) -> Result<Trained, Failure> {
    let Candidate { family, .. } = candidate;
    let unit = candidate.unit(&data.targets);
    let shape = candidate.shape(data.inputs.shape()[1], data.classes, &data.targets);
    let network = Network::new(shape);
    let (learned, report) = match (&data.targets, family) {
        (Targets::Labels(labels), Family::Categorical) => {
            let (network, report) =
                fit(network, Categorical, data.inputs.clone(), labels.clone(), seed, settings.budget)?;
            (Learned::Plain(network), report)
        }
        _ => {
            let numbers = data.targets.numbers();
            let z = Tensor::from_fn([numbers.len(), 1], |i| (numbers[i] - unit.shift) / unit.scale);
            with_likelihood!(family, likelihood => match candidate.constant(&data.targets) {
                Some(initial) => {
                    let network = WithConstants::new(network, [initial]);
                    let (network, report) = fit(network, likelihood, data.inputs.clone(), z, seed, settings.budget)?;
                    (Learned::WithConstant(network), report)
                }
                None => {
                    let (network, report) = fit(network, likelihood, data.inputs.clone(), z, seed, settings.budget)?;
                    (Learned::Plain(network), report)
                }
            })
        }
    };
    let Settings { level, draws, .. } = settings;
    Ok(Trained { predictor: Predictor { learned, family, unit, temperature: 1.0, level, draws, seed }, report })
}

fn fit<M, L>(
    mut model: M,
    likelihood: L,
    x: Tensor,
    y: L::Targets,
    seed: u64,
    budget: Budget,
) -> Result<(M, Report), Failure>
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32> + Send + Sync,
    L: Likelihood<f32> + Send,
    L::Targets: Send + Sync,
{
    let examples = Examples::new(x, y)?;
    let report = Elbo::new(likelihood).seed(seed).threads(1).quiet().fit(&mut model, &examples, budget)?;
    Ok((model, report))
}

/// Trains candidates without each of their folds and predicts the rows of that fold, several at a time.
///
/// # Errors
/// The first training that fails.
pub(super) fn cross_validate(
    jobs: &[(Candidate, usize)],
    folds: &[Vec<usize>],
    data: &Data,
    settings: Settings,
) -> Result<Vec<OfFold>, Failure> {
    parallel(settings.threads, jobs, |&(candidate, fold)| {
        let others: Vec<usize> =
            folds.iter().enumerate().filter(|(place, _)| *place != fold).flat_map(|(_, rows)| rows).copied().collect();
        let (train_on, held_out) = (data.select(&others), data.select(&folds[fold]));
        let trained = train(candidate, &train_on, settings.seed + fold as u64, settings)?;
        let scored = trained.predictor.score(&held_out.inputs, &held_out.targets);
        let guess = candidate.guess(&train_on.targets, &held_out.targets);
        Ok(OfFold { trained, rows: folds[fold].clone(), scored, guess })
    })
    .into_iter()
    .collect()
}

/// Runs jobs on threads of their own, each on one, and returns the results in the jobs' order.
fn parallel<J: Sync, R: Send>(threads: usize, jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let (next, done) = (Mutex::new(0..jobs.len()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let Some(place) = next.lock().ok().and_then(|mut next| next.next()) else { return };
                    let result = with_threads(1, || run(&jobs[place]));
                    if let Ok(mut done) = done.lock() {
                        done.push((place, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
