//! Scores of detecting unknown data by the uncertainty of predictions.

use super::{aupr, auroc, fpr95};
use crate::metrics::{Probabilities, confidence};

/// A figure for how unsure a prediction of classes is. All grow with uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uncertainty {
    /// The [predictive entropy](Probabilities::entropy), in nats: aleatoric and epistemic.
    Entropy,
    /// The [mutual information](Probabilities::mutual_information) of label and weights, in nats: epistemic. It is 0 for
    /// predictions of one draw.
    MutualInformation,
    /// 1 − the probability of the most probable class (Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and
    /// Out-of-Distribution Examples in Neural Networks").
    MaxProbability,
}

impl Uncertainty {
    /// All of them.
    pub const ALL: [Uncertainty; 3] =
        [Uncertainty::Entropy, Uncertainty::MutualInformation, Uncertainty::MaxProbability];

    /// The uncertainty of each prediction.
    pub fn of(self, predictions: &Probabilities) -> Vec<f64> {
        match self {
            Uncertainty::Entropy => predictions.entropy(),
            Uncertainty::MutualInformation => predictions.mutual_information(),
            Uncertainty::MaxProbability => {
                confidence(predictions.mean(), predictions.classes()).into_iter().map(|p| 1.0 - p).collect()
            }
        }
    }
}

/// How well a score separates unknown data, the positives, from known data: higher scores should be unknown.
///
/// The scores may come from anything: an [`Uncertainty`] of classes, the epistemic standard deviation of predicted numbers, or
/// minus the log-density of features.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::metrics::Uncertainty;
/// # let (model, x) = (Dense::new(2, 3).initial_sd(1.0), Tensor::from_fn([16, 2], |i| (i as f64).sin()));
/// # let far = Tensor::from_fn([16, 2], |i| 40.0 * (i as f64).sin());
/// let known = model.predict(&Categorical, &x, Draws(20));
/// let unknown = model.predict(&Categorical, &far, Draws(20));
/// let found = known.detection_of(&unknown, Uncertainty::MutualInformation);
/// println!("AUROC {:.3}, AUPR {:.3}, FPR at 95 % TPR {:.3}", found.auroc, found.aupr, found.fpr95);
/// # assert!(found.auroc > 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// [`auroc`].
    pub auroc: f64,
    /// [`aupr`], with the unknown data as positives.
    pub aupr: f64,
    /// The share of known data that is taken for unknown when 95 % of the unknown data are found: [`fpr95`].
    pub fpr95: f64,
}

impl Detection {
    /// From the scores of unknown and of known data.
    ///
    /// # Panics
    /// If there are no scores of one kind, or one is NaN.
    #[track_caller]
    pub fn new(unknown: &[f64], known: &[f64]) -> Self {
        Detection { auroc: auroc(unknown, known), aupr: aupr(unknown, known), fpr95: fpr95(unknown, known) }
    }
}

impl Probabilities {
    /// How well this uncertainty tells `unknown` data from these.
    ///
    /// # Panics
    /// If the two predictions have different classes.
    #[track_caller]
    pub fn detection_of(&self, unknown: &Probabilities, by: Uncertainty) -> Detection {
        assert!(
            self.classes() == unknown.classes(),
            "detection_of: predictions of {} classes and of {}; compare the same model's",
            self.classes(),
            unknown.classes()
        );
        Detection::new(&by.of(unknown), &by.of(self))
    }
}
