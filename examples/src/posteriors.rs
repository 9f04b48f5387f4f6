//! The network and the data of the program `posteriors`, and the figures of a prediction.

use std::path::Path;

use elbo::data::{Csv, DataError, Scaling, idx};
use elbo::metrics::{Probabilities, auroc};
use elbo::nn::{Dropout, GenerativeLastLayer, LastLayer};
use elbo::prelude::*;

use crate::Failure;
use crate::mnist::{CLASSES, DIVISOR};
use crate::summary::Scores;

/// Two hidden layers with relu, dropout after each, and a linear head.
#[bayesian]
#[derive(Clone)]
pub struct Network {
    hidden: [Dense; 2],
    dropout: [Dropout; 2],
    head: Dense,
}

impl Network {
    /// A network inputs-hidden-hidden-outputs with the prior N(0, s²/n) of each weight with n inputs, and dropout of this rate in
    /// training and prediction.
    pub fn new([inputs, hidden, outputs]: [usize; 3], s: f64, dropout: f64) -> Self {
        let dense = |from: usize, to| Dense::new(from, to).prior(Normal(0.0, s / (from as f64).sqrt()));
        Network {
            hidden: [dense(inputs, hidden), dense(hidden, hidden)],
            dropout: [Dropout::monte_carlo(dropout), Dropout::monte_carlo(dropout)],
            head: dense(hidden, outputs),
        }
    }

    /// Sets the standard deviations of all weights with n inputs to sd/√n before a training.
    #[must_use]
    pub fn initial_sd(self, sd: f64) -> Self {
        let set = |layer: Dense| {
            let inputs = layer.weight.mean.shape()[1];
            layer.initial_sd(sd / (inputs as f64).sqrt())
        };
        Network { hidden: self.hidden.map(set), head: set(self.head), ..self }
    }
}

#[bayesian]
impl Network {
    /// The logits.
    pub fn forward(&self, x: Var) -> Var {
        let features = self.features(x);
        self.head.forward(features)
    }

    /// The values of the last hidden layer.
    pub fn features(&self, x: Var) -> Var {
        let mut x = x;
        for (layer, dropout) in self.hidden.into_iter().zip(self.dropout) {
            x = dropout.forward(layer.forward(x).relu());
        }
        x
    }
}

/// The same network with deterministic hidden layers and a variational last layer (Harrison, Willes and Snoek 2024).
#[bayesian]
pub struct WithLastLayer {
    hidden: [Dense<Point>; 2],
    head: LastLayer,
}

impl WithLastLayer {
    /// As [`Network::new`], without dropout.
    pub fn new([inputs, hidden, outputs]: [usize; 3], s: f64) -> Self {
        let sd = |n: usize| s / (n as f64).sqrt();
        let dense = |from: usize, to| Dense::of(from, to, Point::new, Normal(0.0, sd(from)));
        WithLastLayer {
            hidden: [dense(inputs, hidden), dense(hidden, hidden)],
            head: LastLayer::of(hidden, outputs, FullCovariance::new, Normal(0.0, sd(hidden))),
        }
    }
}

#[bayesian]
impl WithLastLayer {
    /// The means and the variances of the logits.
    pub fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        self.head.forward(second.forward(first.forward(x).relu()).relu())
    }
}

/// The same with a last layer that has a density of the features of each class; the features are between −1 and 1.
#[bayesian]
pub struct WithGenerativeLastLayer {
    hidden: [Dense<Point>; 2],
    head: GenerativeLastLayer,
}

impl WithGenerativeLastLayer {
    /// As [`WithLastLayer::new`], with the class frequencies of these labels.
    pub fn new([inputs, hidden, outputs]: [usize; 3], s: f64, labels: &[usize]) -> Self {
        let dense = |from: usize, to| Dense::of(from, to, Point::new, Normal(0.0, s / (from as f64).sqrt()));
        WithGenerativeLastLayer {
            hidden: [dense(inputs, hidden), dense(hidden, hidden)],
            head: GenerativeLastLayer::new(hidden, outputs).frequencies(labels),
        }
    }
}

#[bayesian]
impl WithGenerativeLastLayer {
    /// The mean and the variance of ln p(class, features).
    pub fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        self.head.forward(second.forward(first.forward(x).relu()).tanh())
    }
}

/// A classification to train, to test, and inputs of another kind.
pub struct Problem {
    /// Training examples.
    pub train: Examples,
    /// Test examples.
    pub test: Examples,
    /// Inputs that are of no class.
    pub unknown: Option<Tensor>,
    /// The number of classes.
    pub classes: usize,
}

impl Problem {
    /// The first training images of MNIST, its test images, and the test images of Fashion-MNIST as unknown ones.
    ///
    /// # Errors
    /// If a file is missing or damaged, or there are fewer training images.
    pub fn mnist(data: &Path, rows: usize) -> Result<Problem, Failure> {
        let (train, test) = (images(data, "mnist", "train")?, images(data, "mnist", "t10k")?);
        if rows > train.len() {
            return Err(Failure::Input(format!("there are {} training images, not {rows}", train.len())));
        }
        let unknown = images(data, "fashion-mnist", "t10k")?.inputs().clone();
        Ok(Problem { train: train.rows(0..rows), test, unknown: Some(unknown), classes: CLASSES })
    }

    /// Four fifths of the breast cancer data to train on and the rest to test on.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn breast_cancer(data: &Path) -> Result<Problem, Failure> {
        let table = Csv::new().skip_lines(1).header(false).read(data.join("tables/breast_cancer.csv"))?;
        let column = |column: &elbo::data::Column| table.numbers(column.name()).map(<[f64]>::to_vec);
        let columns: Vec<Vec<f64>> =
            table.columns().iter().map(column).collect::<Result<_, _>>().map_err(DataError::from)?;
        let (labels, inputs) =
            columns.split_last().ok_or_else(|| Failure::Input("breast_cancer.csv: no columns".to_owned()))?;
        let width = inputs.len();
        let x: Tensor = Tensor::from_fn([labels.len(), width], |i| inputs[i % width][i / width]);
        let all: Examples = Examples::new(x, labels.iter().map(|&label| label as usize).collect())?;
        let (train, test) = all.split(0.8, 1)?;
        let scaling = Scaling::fit(train.inputs());
        let scaled = |examples: &Examples| {
            let mut x = examples.inputs().clone();
            scaling.transform(&mut x);
            Examples::new(x, examples.targets().clone())
        };
        Ok(Problem { train: scaled(&train)?, test: scaled(&test)?, unknown: None, classes: 2 })
    }
}

/// The images of a part, `train` or `t10k`, in a folder of the data: of `mnist`, `fashion-mnist` or `notmnist`.
///
/// # Errors
/// If a file is missing or damaged.
pub fn images(data: &Path, folder: &str, part: &str) -> Result<Examples, Failure> {
    Ok(idx::load(data.join(folder), part, CLASSES)?.examples(DIVISOR)?)
}

/// What a method's predictions are worth.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Error, NLL and calibration on the test examples.
    pub scores: Scores,
    /// The area under the ROC by which the entropy of a prediction tells unknown inputs from test examples; NaN without them.
    pub auroc: f64,
}

impl Figures {
    /// Of predictions that `predict` makes for inputs.
    pub fn of(problem: &Problem, predict: impl Fn(&Tensor) -> Probabilities) -> Self {
        let known = predict(problem.test.inputs());
        let auroc =
            problem.unknown.as_ref().map_or(f64::NAN, |unknown| auroc(&predict(unknown).entropy(), &known.entropy()));
        Figures { scores: Scores::of(&known, problem.test.targets()), auroc }
    }
}
