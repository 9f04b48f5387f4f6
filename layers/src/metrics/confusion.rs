//! The confusion matrix of a classifier, with precision, recall and F₁ of each class and averaged.

use crate::metrics::Probabilities;

/// How [`Confusion`] averages a score over classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Average {
    /// The mean over the classes that occur among labels or predictions: each class counts equally.
    Macro,
    /// From the counts of all classes together: each example counts equally. Precision, recall and F₁ are then all the accuracy.
    Micro,
    /// The mean over classes, weighted by their number of labels.
    Weighted,
}

/// A confusion matrix: for every class, how many of its examples were predicted as which class.
///
/// Precision, recall and F₁ of a class that is 0/0 are 0, as in scikit-learn.
///
/// ```
/// # use elbo::metrics::{Average, Confusion};
/// let confusion = Confusion::new(2, &[0, 1, 1, 1], &[0, 0, 1, 1]);
/// assert_eq!(confusion.count(0, 1), 1); // a 0 that was taken for a 1
/// assert_eq!((confusion.precision(1), confusion.recall(1)), (2.0 / 3.0, 1.0));
/// assert_eq!(confusion.f1_over(Average::Micro), 0.75);
/// println!("{confusion}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// (labels, predictions).
    counts: Vec<usize>,
}

impl Confusion {
    /// From predicted classes and labels.
    ///
    /// # Panics
    /// If there are no examples or not equally many of both, or one is out of range.
    #[track_caller]
    pub fn new(classes: usize, predicted: &[usize], labels: &[usize]) -> Self {
        assert!(!labels.is_empty(), "Confusion: no examples");
        assert!(
            predicted.len() == labels.len(),
            "Confusion: {} predictions for {} labels",
            predicted.len(),
            labels.len()
        );
        let mut counts = vec![0; classes * classes];
        for (row, (&predicted, &label)) in predicted.iter().zip(labels).enumerate() {
            for (what, class) in [("prediction", predicted), ("label", label)] {
                assert!(
                    class < classes,
                    "Confusion: {what} {class} of row {row} (from 0) is out of range for {classes} classes, 0 to {}",
                    classes.saturating_sub(1)
                );
            }
            counts[label * classes + predicted] += 1;
        }
        Confusion { classes, counts }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of examples.
    pub fn examples(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The number of examples with this label that were predicted as `predicted`.
    ///
    /// # Panics
    /// If a class is out of range.
    #[track_caller]
    pub fn count(&self, label: usize, predicted: usize) -> usize {
        self.check(label.max(predicted));
        self.counts[label * self.classes + predicted]
    }

    /// The share of examples predicted right.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|class| self.counts[class * self.classes + class]).sum();
        right as f64 / self.examples() as f64
    }

    /// The share of the examples predicted as `class` that are of this class.
    ///
    /// # Panics
    /// If the class is out of range.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        self.check(class);
        let [hits, predicted, _] = self.sums(class);
        ratio(hits, predicted)
    }

    /// The share of the examples of `class` that were predicted as this class.
    ///
    /// # Panics
    /// If the class is out of range.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        self.check(class);
        let [hits, _, labelled] = self.sums(class);
        ratio(hits, labelled)
    }

    /// The harmonic mean of [`precision`](Self::precision) and [`recall`](Self::recall).
    ///
    /// # Panics
    /// If the class is out of range.
    #[track_caller]
    pub fn f1(&self, class: usize) -> f64 {
        self.check(class);
        let [hits, predicted, labelled] = self.sums(class);
        ratio(2 * hits, predicted + labelled)
    }

    /// The [`precision`](Self::precision), averaged over classes.
    pub fn precision_over(&self, average: Average) -> f64 {
        self.averaged(average, Self::precision)
    }

    /// The [`recall`](Self::recall), averaged over classes.
    pub fn recall_over(&self, average: Average) -> f64 {
        self.averaged(average, Self::recall)
    }

    /// The [`f1`](Self::f1), averaged over classes.
    pub fn f1_over(&self, average: Average) -> f64 {
        self.averaged(average, Self::f1)
    }

    fn averaged(&self, average: Average, of_class: impl Fn(&Self, usize) -> f64) -> f64 {
        let weight = |class: usize| {
            let [_, predicted, labelled] = self.sums(class);
            match average {
                Average::Macro => f64::from(u8::from(predicted + labelled > 0)),
                Average::Micro | Average::Weighted => labelled as f64,
            }
        };
        if average == Average::Micro {
            return self.accuracy();
        }
        let total: f64 = (0..self.classes).map(weight).sum();
        (0..self.classes).map(|class| weight(class) * of_class(self, class)).sum::<f64>() / total
    }

    /// The numbers of examples of a class that were predicted right, predicted as this class, and labelled so.
    fn sums(&self, class: usize) -> [usize; 3] {
        let c = self.classes;
        let predicted = (0..c).map(|label| self.counts[label * c + class]).sum();
        let labelled = self.counts[class * c..][..c].iter().sum();
        [self.counts[class * c + class], predicted, labelled]
    }

    #[track_caller]
    fn check(&self, class: usize) {
        assert!(class < self.classes, "Confusion: class {class} is out of range for {} classes", self.classes);
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A row for each label, with a column for each predicted class.
impl std::fmt::Display for Confusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width =
            self.counts.iter().max().map_or(1, |most| most.to_string().len()).max(self.classes.to_string().len());
        write!(f, "{:>width$} |", "", width = width)?;
        for class in 0..self.classes {
            write!(f, " {class:>width$}")?;
        }
        for (class, row) in self.counts.chunks_exact(self.classes).enumerate() {
            write!(f, "\n{class:>width$} |")?;
            for count in row {
                write!(f, " {count:>width$}")?;
            }
        }
        Ok(())
    }
}

impl Probabilities {
    /// The confusion matrix of the most probable classes.
    ///
    /// # Panics
    /// If there is not one label per example, or a label is out of range.
    #[track_caller]
    pub fn confusion(&self, labels: &[usize]) -> Confusion {
        Confusion::new(self.classes(), &self.labels(), labels)
    }
}
