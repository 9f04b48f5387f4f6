//! What a row of the program `mnist --table` is: a network, its training and its figures.

use clap::ValueEnum;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::prune::SignalToNoise;
use elbo::{Checkpoint, Model};
use serde::{Deserialize, Serialize};

use crate::records::Records;
use crate::summary::ECE_BINS;
use crate::{Classifier, Failure};

/// The shares of the weights that are removed.
pub const SHARES: [f64; 4] = [0.5, 0.75, 0.95, 0.98];

/// A kind of prior of every weight and bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// One normal
    Normal,
    /// A mixture of a wide and a narrow normal
    Mixture,
}

impl Prior {
    /// The name of the option.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// The prior.
    pub prior: Prior,
    /// Units in each of the two hidden layers.
    pub units: usize,
    /// The standard deviation of every weight before training.
    pub initial_sd: f64,
    /// The seed of everything random.
    pub seed: u64,
}

/// How all networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Training images, the first of the 60,000.
    pub rows: usize,
    /// The images after them, for choices.
    pub validation_rows: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Adam's learning rate before its cosine schedule.
    pub rate: f64,
    /// Draws that a prediction is averaged over.
    pub draws: usize,
    /// The standard deviation of the normal prior.
    pub sd: f64,
    /// The share of the wide normal of the mixture.
    pub share: f64,
    /// The standard deviations of the mixture: the wide one, the narrow one.
    pub sds: [f64; 2],
}

/// The three sets of images.
pub struct Data {
    /// To train on.
    pub train: Examples,
    /// To choose by.
    pub validation: Examples,
    /// To report.
    pub test: Examples,
}

/// Figures of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Share of wrong answers.
    pub error: f64,
    /// In nats per image.
    pub nll: f64,
    /// Expected calibration error, 15 bins.
    pub ece: f64,
    /// Mean mutual information of label and weights, in nats: the part of the uncertainty that is the weights'.
    pub mutual_information: f64,
}

/// What a network reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was trained.
    pub network: Network,
    /// How.
    pub settings: Settings,
    /// Of training and prediction, on one thread.
    pub seconds: f64,
    /// The estimate of the KL divergence in the last step, in nats.
    pub kl: f64,
    /// Mean of the weights' standard deviations.
    pub mean_sd: f64,
    /// On the validation images.
    pub validation: Figures,
    /// On the test images.
    pub test: Figures,
    /// Share of wrong answers of the network of mean weights on the test images.
    pub error_of_means: f64,
    /// Share of wrong answers on the test images without the weights of least |μ|/σ, by [`SHARES`].
    pub pruned: [f64; SHARES.len()],
}

impl Network {
    /// The name of its record.
    pub fn name(&self) -> String {
        let Network { prior, units, initial_sd, seed } = self;
        format!("{}-{units}-{initial_sd}-{seed}", prior.name())
    }

    /// Trains on this thread, and predicts. A training that was stopped goes on from its last checkpoint among the records.
    ///
    /// # Errors
    /// If training fails.
    pub fn run(&self, data: &Data, settings: &Settings, kept: Records<'_>) -> Result<Record, Failure> {
        match self.prior {
            Prior::Normal => self.run_under(&Normal(0.0, settings.sd), data, settings, kept),
            Prior::Mixture => {
                let Settings { share, sds, .. } = *settings;
                let prior = MonteCarlo(ScaleMixture([share, 1.0 - share], sds));
                self.run_under(&prior, data, settings, kept)
            }
        }
    }

    fn run_under<P>(&self, prior: &P, data: &Data, settings: &Settings, kept: Records<'_>) -> Result<Record, Failure>
    where
        P: PriorFor<f32> + Clone,
        MeanField: Divergence<P>,
        Classifier<P>: Model<Scalar = f32> + Bayesian<Scalar = f32> + Sync,
    {
        let clock = std::time::Instant::now();
        let (train, test) = (&data.train, &data.test);
        let widths = [train.inputs().shape()[1], self.units, super::CLASSES];
        let mut model = Classifier::new(widths, prior).initial_sd(|_| self.initial_sd);
        model.initialise(Key::new(self.seed));
        let steps = settings.epochs * train.len().div_ceil(settings.batch);
        let mut elbo = Elbo::new(Categorical)
            .optimizer(Adam::new(settings.rate))
            .schedule(Schedule::cosine(steps))
            .batch_size(settings.batch)
            .seed(self.seed)
            .threads(1)
            .quiet();
        let unfinished = kept.unfinished(&self.name());
        if let Some(folder) = &unfinished {
            elbo = elbo.checkpoint(Checkpoint::new(folder).every_minutes(2.0));
        }
        let report = elbo.fit(&mut model, train, Epochs(settings.epochs))?;
        let draws = KeptDraws::new(&model, Draws(settings.draws).seed(self.seed));
        let figures = |set: &Examples| Figures::of(&draws.predict(&Categorical, set.inputs()), set.targets());
        let (ratios, labels) = (SignalToNoise::of(&model)?, test.targets());
        let mut pruned = [0.0; SHARES.len()];
        for (error, share) in pruned.iter_mut().zip(SHARES) {
            *error = ratios.remove(share)?.draws(&draws)?.predict(&Categorical, test.inputs()).error(labels);
        }
        let means = ratios.remove(0.0)?.mean_network(&model)?.predict(&Categorical, test.inputs());
        let record = Record {
            network: *self,
            settings: settings.clone(),
            seconds: clock.elapsed().as_secs_f64(),
            kl: report.last().kl,
            mean_sd: model.mean_sd(),
            validation: figures(&data.validation),
            test: figures(test),
            error_of_means: means.error(labels),
            pruned,
        };
        kept.save(&self.name(), &record)?;
        if let Some(folder) = unfinished {
            // Only its last checkpoint is lost if it stays.
            let _ = std::fs::remove_dir_all(folder);
        }
        Ok(record)
    }
}

impl Figures {
    fn of(predicted: &Probabilities, labels: &[usize]) -> Self {
        let information = predicted.mutual_information();
        Figures {
            error: predicted.error(labels),
            nll: predicted.nll(labels),
            ece: predicted.ece(labels, ECE_BINS),
            mutual_information: information.iter().sum::<f64>() / information.len() as f64,
        }
    }
}
