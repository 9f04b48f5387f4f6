//! `ConformalSets`: sets of classes that contain the right one with a given probability.

use super::LabelSets;
use super::threshold::{check_alpha, threshold};
use crate::calibration::{CalibrationError, check_labels};
use crate::distribution::uniform::uniform;
use crate::engine::Key;
use crate::metrics::Probabilities;

/// How unlikely a class is, given its probabilities p: the classes up to a threshold are the set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClassNonconformity {
    /// 1 − p of the class: the smallest sets on average, too small for difficult examples and too large for easy ones (least
    /// ambiguous set-valued classifiers; Sadinle, Lei and Wasserman 2019).
    Lac,
    /// The sum of the probabilities from the most probable class to this one: adaptive prediction sets (Romano, Sesia and Candès
    /// 2020, "Classification with Valid and Adaptive Coverage").
    Aps,
    /// [`Aps`](ClassNonconformity::Aps), with `penalty` added for each class from the most probable one to this one beyond the first
    /// `free` ones: smaller sets when there are many classes (Angelopoulos et al. 2021, "Uncertainty Sets for Image Classifiers using
    /// Conformal Prediction", eq. 4, where they are λ and k_reg).
    Raps {
        /// The penalty of each class, not negative.
        penalty: f64,
        /// The number of classes without penalty.
        free: usize,
    },
}

/// Split conformal sets of classes: calibrated on held-out examples, a set contains the label of a new one with probability
/// 1 − α at least, whatever the model, if all these examples are exchangeable. That is on average over examples, not for each
/// class or group: [`LabelSets::coverage_by_group`].
///
/// The classes of an example are ordered by probability; the set has those with a [`ClassNonconformity`] up to the ⌈(n + 1)(1 − α)⌉-th
/// smallest of the n held-out labels' scores. If n is below
/// [`smallest_calibration_set`](super::smallest_calibration_set), sets have all classes:
/// [`CalibratedSets::is_informative`].
///
/// ```
/// # use elbo::Key;
/// # use elbo::calibration::{ClassNonconformity, ConformalSets};
/// # use elbo::metrics::Probabilities;
/// # let rows = |n: usize| (0..n).flat_map(|i| { let p = 0.5 + 0.4 * (i as f64).sin(); [p, 1.0 - p] }).collect::<Vec<f64>>();
/// # let of = |n: usize| Probabilities::new(rows(n), vec![0.1; n], 2, 1);
/// # let labels: Vec<usize> = (0..100).map(|i| usize::from((i as f64).sin() < 0.3 * (3.1 * i as f64).cos())).collect();
/// # let (held_out, test) = (of(100), of(20));
/// let conformal = ConformalSets::new(ClassNonconformity::Aps, 0.1).randomised(Key::new(1)).fit(&held_out, &labels)?;
/// let sets = conformal.predict(&test);
/// println!("{:?}, {:.2} labels on average", sets.of(0), sets.mean_size());
/// # assert!(sets.mean_size() >= 1.0);
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ConformalSets {
    score: ClassNonconformity,
    alpha: f64,
    key: Option<Key>,
    is_empty_allowed: bool,
}

impl ConformalSets {
    /// Sets by this score that miss the label with probability `alpha` at most.
    pub fn new(score: ClassNonconformity, alpha: f64) -> Self {
        ConformalSets { score, alpha, key: None, is_empty_allowed: false }
    }

    /// Adds only a uniformly random share of the class's own probability to its score in [`Aps`](ClassNonconformity::Aps) and
    /// [`Raps`](ClassNonconformity::Raps), with the noise of `key`: sets are smaller, and with empty sets allowed their coverage
    /// is at most 1 − α + 1/(n + 1) for n held-out examples. Without it the score has all of it.
    pub fn randomised(self, key: Key) -> Self {
        ConformalSets { key: Some(key), ..self }
    }

    /// Lets sets be empty, where even the most probable class has too large a score. Otherwise they have that class, which adds to
    /// the coverage.
    pub fn allow_empty(self) -> Self {
        ConformalSets { is_empty_allowed: true, ..self }
    }

    /// Finds the threshold, from predictions of held-out examples and their labels: one for each distribution, if an example has
    /// several.
    ///
    /// # Errors
    /// [`CalibrationError`]: α or a penalty is out of range, there are no examples, or labels do not fit.
    pub fn fit(self, predictions: &Probabilities, labels: &[usize]) -> Result<CalibratedSets, CalibrationError> {
        check_alpha("ConformalSets", self.alpha)?;
        if let ClassNonconformity::Raps { penalty, .. } = self.score {
            let is_penalty = penalty >= 0.0 && penalty.is_finite();
            if !is_penalty {
                let mistake = format!("ConformalSets: the penalty must be finite and not negative, got {penalty}");
                return Err(CalibrationError::Options(mistake));
            }
        }
        let classes = predictions.classes();
        check_labels(labels, predictions.len(), classes)?;
        let shares = self.shares("calibration");
        let rows = predictions.mean().chunks_exact(classes).zip(labels).enumerate();
        let mut order = Vec::with_capacity(classes);
        let scores = rows.map(|(row, (p, label))| {
            sort(p, &mut order);
            let own = self.scores(p, &order, shares(row)).find(|(class, _)| class == label);
            own.map_or(f64::INFINITY, |(_, score)| score)
        });
        let threshold = threshold(scores.collect(), self.alpha);
        Ok(CalibratedSets { how: self, threshold, examples: labels.len(), classes })
    }

    /// The share of a class's own probability in its score, by row.
    fn shares(&self, purpose: &str) -> impl Fn(usize) -> f64 + use<> {
        let noise = self.key.map(|key| key.at(purpose).philox());
        move |row| noise.as_ref().map_or(1.0, |noise| uniform(noise, row))
    }

    /// The classes of a row by descending probability, with their scores.
    fn scores(self, p: &[f64], order: &[usize], share: f64) -> impl Iterator<Item = (usize, f64)> {
        let mut before = 0.0;
        order.iter().enumerate().map(move |(rank, &class)| {
            let own = p[class];
            let sum = before + share * own;
            before += own;
            let score = match self.score {
                ClassNonconformity::Lac => 1.0 - own,
                ClassNonconformity::Aps => sum,
                ClassNonconformity::Raps { penalty, free } => sum + penalty * (rank + 1).saturating_sub(free) as f64,
            };
            (class, score)
        })
    }
}

/// The classes by descending probability, the first on ties.
fn sort(p: &[f64], order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..p.len());
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
}

/// Conformal sets with their threshold: [`ConformalSets::fit`].
#[derive(Clone, Copy, Debug)]
pub struct CalibratedSets {
    how: ConformalSets,
    threshold: f64,
    examples: usize,
    classes: usize,
}

impl CalibratedSets {
    /// The largest score of a class in a set; ∞ if there were too few held-out examples.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The number of held-out examples.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Whether there were enough held-out examples for sets that have fewer than all classes.
    pub fn is_informative(&self) -> bool {
        self.threshold.is_finite()
    }

    /// The set of each prediction.
    ///
    /// # Panics
    /// If the predictions have other classes than the held-out ones.
    #[track_caller]
    pub fn predict(&self, predictions: &Probabilities) -> LabelSets {
        let classes = self.classes;
        assert!(
            predictions.classes() == classes,
            "CalibratedSets::predict: predictions of {} classes, but it was calibrated with {classes}",
            predictions.classes()
        );
        let shares = self.how.shares("prediction");
        let mut order = Vec::with_capacity(classes);
        let sets = predictions.mean().chunks_exact(classes).enumerate().map(|(row, p)| {
            sort(p, &mut order);
            let scores = self.how.scores(p, &order, shares(row));
            let set: Vec<usize> =
                scores.filter(|(_, score)| *score <= self.threshold).map(|(class, _)| class).collect();
            if set.is_empty() && !self.how.is_empty_allowed { vec![order[0]] } else { set }
        });
        LabelSets::new(sets.collect(), classes)
    }
}
