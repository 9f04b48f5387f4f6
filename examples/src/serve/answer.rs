//! What the service answers for a row.

use serde::Serialize;

/// The answer for one row. Entropies are in nats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The probability of each class, averaged over the draws of the weights.
    pub probabilities: Vec<f64>,
    /// The most probable class.
    pub class: usize,
    /// The entropy of the probabilities: the whole uncertainty, the sum of the next two.
    pub entropy: f64,
    /// The part that would remain if the weights were known: the mean entropy of the draws.
    pub aleatoric: f64,
    /// The part that more training data would reduce: the mutual information of class and weights.
    pub epistemic: f64,
    /// A conformal set: classes that have the right one among them as often as the service promises.
    pub set: Vec<usize>,
    /// Whether the service does not know: the entropy is above the limit of its calibration.
    pub unknown: bool,
}

/// The answers of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answers {
    /// One for each row.
    pub answers: Vec<Answer>,
    /// Which model has answered: 1, and one more after each reload.
    pub model: u64,
}
