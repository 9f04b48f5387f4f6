//! Trains the network of a service.

use std::path::Path;

use clap::ValueEnum;
use elbo::data::{Examples, Images, digits};
use elbo::prelude::*;
use elbo::{Budget, UntilConverged, with_threads};

use super::saved::{Saved, inputs};
use crate::{Classifier, Failure, mnist};

/// The table of Alpaydin and Kaynak 1998 (UCI), as scikit-learn ships it.
const TABLE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Images to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// 1,797 digits of 8×8 pixels, embedded
    Digits,
    /// 60,000 digits of 28×28 pixels
    Mnist,
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// Units in each of the two hidden layers.
    pub hidden: usize,
    /// Passes over the data; without it until the bound has converged.
    pub epochs: Option<usize>,
    /// The share of the images that are held out.
    pub held_out: f64,
    /// The seed of everything random.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl Data {
    /// The images; those of MNIST from a folder of IDX files, or from `$ELBO_DATA/mnist`.
    ///
    /// # Errors
    /// If they are missing or damaged.
    pub fn read(self, folder: Option<&Path>) -> Result<Images, Failure> {
        match self {
            Data::Digits => Ok(digits::from_bytes("digits.csv.gz", TABLE)?),
            Data::Mnist => mnist::load(&mnist::folder(folder, "serve")?, "train", "serve"),
        }
    }

    /// The largest pixel, and the divisor of the network's inputs.
    fn pixels(self) -> [f32; 2] {
        match self {
            Data::Digits => [16.0, 16.0],
            Data::Mnist => [255.0, mnist::DIVISOR as f32],
        }
    }

    /// The standard deviation of the prior.
    fn prior_sd(self) -> f64 {
        match self {
            Data::Digits => 1.0,
            Data::Mnist => 0.1,
        }
    }
}

/// Trains on a part of the images, and keeps the others for calibration. Prints how well these are predicted.
///
/// # Errors
/// If the images cannot be split like this, or training fails.
pub fn train(data: Data, images: &Images, how: Training) -> Result<Saved, Failure> {
    let (train, held_out): (Examples, Examples) = images.examples(1.0)?.split(1.0 - how.held_out, how.seed)?;
    let [largest, divisor] = data.pixels();
    let classes = images.labels().iter().max().map_or(0, |most| most + 1);
    let widths = [train.inputs().shape()[1], how.hidden, classes];
    let mut network = Classifier::new(widths, &Normal(0.0, data.prior_sd()));
    let examples = Examples::new(inputs(train.inputs(), divisor), train.targets().clone())?;
    let budget = how.epochs.map_or(UntilConverged::new().into(), |epochs| Budget::from(Epochs(epochs)));
    println!("{widths:?}: {} images to train on, {} held out", train.len(), held_out.len());
    Elbo::new(Categorical).seed(how.seed).threads(how.threads).fit(&mut network, &examples, budget)?;
    let x = inputs(held_out.inputs(), divisor);
    let predicted = with_threads(how.threads, || network.predict(&Categorical, &x, Draws(64).seed(how.seed)));
    let error = 100.0 * predicted.error(held_out.targets());
    println!("held out: error {error:.2} %, NLL {:.4} nats/example", predicted.nll(held_out.targets()));
    Ok(Saved::new(network, &held_out, [largest, divisor]))
}
