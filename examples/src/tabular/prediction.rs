//! Predictions of rows: class probabilities, or numbers with an interval, in the targets' unit.

use elbo::Predictive;
use elbo::metrics::{PredictedNumbers, Probabilities};
use elbo::prelude::*;

use super::candidates::Unit;
use super::family::{Family, with_likelihood};
use super::network::Learned;
use super::target::Targets;

/// Rows that are predicted at once.
const ROWS: usize = 2048;

/// A prediction for some rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Of classes.
    Classes(Probabilities),
    /// Of numbers.
    Numbers(Numbers),
}

/// Predicted numbers, row by row, in the targets' unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The means.
    pub mean: Vec<f64>,
    /// The standard deviations, of both kinds together.
    pub sd: Vec<f64>,
    /// The part that remains if the weights are known.
    pub aleatoric_sd: Vec<f64>,
    /// The part that more data would reduce.
    pub epistemic_sd: Vec<f64>,
    /// The lower bounds of the central intervals.
    pub lower: Vec<f64>,
    /// The upper bounds.
    pub upper: Vec<f64>,
}

/// A prediction with what it says of the targets that were found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scored {
    pub(super) prediction: Prediction,
    /// ln p of each target, in nats.
    pub(super) log_likelihood: Vec<f64>,
    /// The probability integral transforms; empty for classes.
    pub(super) pit: Vec<f64>,
}

/// What turns inputs into predictions.
#[derive(Clone)]
pub(super) struct Predictor {
    pub(super) learned: Learned,
    pub(super) family: Family,
    pub(super) unit: Unit,
    /// What the logits of classes are divided by.
    pub(super) temperature: f64,
    /// The probability of the intervals.
    pub(super) level: f64,
    pub(super) draws: usize,
    pub(super) seed: u64,
}

impl Predictor {
    /// The prediction for the rows of `x`.
    pub(super) fn predict(&self, x: &Tensor) -> Prediction {
        self.parts(x, None).0
    }

    /// The prediction with the scores of these targets.
    pub(super) fn score(&self, x: &Tensor, targets: &Targets) -> Scored {
        let (prediction, log_likelihood, pit) = self.parts(x, Some(targets));
        Scored { prediction, log_likelihood, pit }
    }

    /// The logits of all classes for the rows of `x`, before they are divided by the temperature.
    pub(super) fn logits(&self, x: &Tensor) -> Outputs {
        self.logits_of(&self.learned.outputs(x, self.drawing()))
    }

    fn drawing(&self) -> Draws {
        Draws(self.draws).seed(self.seed)
    }

    /// A single logit is that of the second of two classes, and the first has 0.
    fn logits_of(&self, outputs: &Outputs) -> Outputs {
        if self.family != Family::Bernoulli {
            return outputs.clone();
        }
        let pairs: Vec<f32> = outputs.tensor().data().iter().flat_map(|&logit| [0.0, logit]).collect();
        Outputs::new(Tensor::new([outputs.draws(), outputs.rows(), 2], pairs))
    }

    fn divided(&self, logits: &Outputs) -> Outputs {
        let tensor = logits.tensor();
        let divided: Vec<f32> = tensor.data().iter().map(|logit| logit / self.temperature as f32).collect();
        Outputs::new(Tensor::new(tensor.shape().to_vec(), divided))
    }

    fn parts(&self, x: &Tensor, targets: Option<&Targets>) -> (Prediction, Vec<f64>, Vec<f64>) {
        let (rows, width) = (x.shape()[0], x.shape()[1]);
        let (mut parts, mut log_likelihood, mut pit) = (Vec::new(), Vec::new(), Vec::new());
        for from in (0..rows).step_by(ROWS) {
            let range: Vec<usize> = (from..rows.min(from + ROWS)).collect();
            let data = &x.data()[from * width..(from + range.len()) * width];
            let outputs = self.learned.outputs(&Tensor::new([range.len(), width], data), self.drawing());
            let (part, scores) = self.part(&outputs, targets.map(|targets| targets.select(&range)).as_ref());
            parts.push(part);
            log_likelihood.extend(scores.0);
            pit.extend(scores.1);
        }
        (Prediction::join(parts), log_likelihood, pit)
    }

    fn part(&self, outputs: &Outputs, targets: Option<&Targets>) -> (Prediction, (Vec<f64>, Vec<f64>)) {
        if self.family.is_of_classes() {
            let probabilities = self.divided(&self.logits_of(outputs)).under(&Categorical);
            let log_likelihood = match targets {
                Some(Targets::Labels(labels)) => {
                    let of_row = |(row, &label): (usize, &usize)| probabilities.row(row)[label];
                    labels.iter().enumerate().map(of_row).map(|p| p.max(f64::MIN_POSITIVE).ln()).collect()
                }
                _ => Vec::new(),
            };
            return (Prediction::Classes(probabilities), (log_likelihood, Vec::new()));
        }
        let Unit { shift, scale } = self.unit;
        with_likelihood!(self.family, likelihood => {
            let mixture = outputs.under(&likelihood);
            let place = |z: Vec<f64>| z.into_iter().map(|z| z * scale + shift).collect::<Vec<f64>>();
            let size = |sd: Vec<f64>| sd.into_iter().map(|sd| sd * scale).collect::<Vec<f64>>();
            let (lower, upper) = mixture.interval(self.level);
            let numbers = Numbers {
                mean: place(mixture.mean()),
                sd: size(mixture.sd()),
                aleatoric_sd: size(mixture.aleatoric_sd()),
                epistemic_sd: size(mixture.epistemic_sd()),
                lower: place(lower),
                upper: place(upper),
            };
            let scores = targets.map_or_else(Default::default, |targets| {
                let z: Vec<f64> = targets.numbers().iter().map(|y| (y - shift) / scale).collect();
                let z: Tensor<f64> = Tensor::new([z.len(), 1], z);
                let nats = mixture.log_likelihood(&z).into_iter().map(|nats| nats - scale.ln());
                (nats.collect(), mixture.pit(&z))
            });
            (Prediction::Numbers(numbers), scores)
        })
    }
}

impl Prediction {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Prediction::Classes(probabilities) => probabilities.len(),
            Prediction::Numbers(numbers) => numbers.mean.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What more data would reduce of each row's uncertainty: a standard deviation in the targets' unit, or nats.
    pub fn epistemic(&self) -> Vec<f64> {
        match self {
            Prediction::Classes(probabilities) => probabilities.mutual_information(),
            Prediction::Numbers(numbers) => numbers.epistemic_sd.clone(),
        }
    }

    /// The predictions of all rows of the parts, of which there is one at least.
    pub(super) fn join(parts: Vec<Prediction>) -> Prediction {
        let (mut classes, mut all) = (Vec::new(), Numbers::default());
        for part in parts {
            match part {
                Prediction::Classes(probabilities) => classes.push(probabilities),
                Prediction::Numbers(numbers) => {
                    all.mean.extend(numbers.mean);
                    all.sd.extend(numbers.sd);
                    all.aleatoric_sd.extend(numbers.aleatoric_sd);
                    all.epistemic_sd.extend(numbers.epistemic_sd);
                    all.lower.extend(numbers.lower);
                    all.upper.extend(numbers.upper);
                }
            }
        }
        if classes.is_empty() { Prediction::Numbers(all) } else { Prediction::Classes(Probabilities::join(classes)) }
    }
}

impl Scored {
    /// The scores of all rows of the parts, of which there is one at least.
    pub(super) fn join(parts: Vec<Scored>) -> Scored {
        let (mut predictions, mut log_likelihood, mut pit) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            predictions.push(part.prediction);
            log_likelihood.extend(part.log_likelihood);
            pit.extend(part.pit);
        }
        Scored { prediction: Prediction::join(predictions), log_likelihood, pit }
    }
}

/// The numbers with the intervals that they have; another level is not known.
impl PredictedNumbers for Numbers {
    fn rows(&self) -> usize {
        self.mean.len()
    }

    fn width(&self) -> usize {
        1
    }

    fn mean(&self) -> Vec<f64> {
        self.mean.clone()
    }

    fn sd(&self) -> Vec<f64> {
        self.sd.clone()
    }

    fn interval(&self, _level: f64) -> (Vec<f64>, Vec<f64>) {
        (self.lower.clone(), self.upper.clone())
    }
}
