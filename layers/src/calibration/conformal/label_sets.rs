//! `LabelSets`: a set of classes for each example.

use super::GroupCoverage;
use super::groups::by_group;

/// A set of classes for each example, the most probable first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSets {
    sets: Vec<Vec<usize>>,
    classes: usize,
}

impl LabelSets {
    pub(super) fn new(sets: Vec<Vec<usize>>, classes: usize) -> Self {
        LabelSets { sets, classes }
    }

    /// The number of sets.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// The classes in an example's set, the most probable first.
    ///
    /// # Panics
    /// If `example` is out of range.
    #[track_caller]
    pub fn of(&self, example: usize) -> &[usize] {
        let count = self.sets.len();
        assert!(example < count, "LabelSets::of: example {example} (from 0) is out of range for {count} sets");
        &self.sets[example]
    }

    /// All sets, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.sets.iter().map(|set| &set[..])
    }

    /// The mean number of classes in a set.
    pub fn mean_size(&self) -> f64 {
        self.sets.iter().map(Vec::len).sum::<usize>() as f64 / self.sets.len() as f64
    }

    /// How many sets have 0, 1, .. classes.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.classes + 1];
        self.sets.iter().for_each(|set| sizes[set.len()] += 1);
        sizes
    }

    /// The share of sets that contain the label.
    ///
    /// # Panics
    /// If there is not one label per set, or a label is out of range.
    #[track_caller]
    pub fn coverage(&self, labels: &[usize]) -> f64 {
        self.check("coverage", labels);
        self.covered(labels).filter(|is_covered| *is_covered).count() as f64 / labels.len() as f64
    }

    /// The coverage of each group, in the groups' order, from the group of each example: the guarantee is on average over all
    /// examples, and one group may pay for another. For the coverage of each class pass the labels as groups.
    ///
    /// # Panics
    /// If there is not one label and one group per set, or a label is out of range.
    #[track_caller]
    pub fn coverage_by_group<G: Ord + Clone>(&self, labels: &[usize], groups: &[G]) -> Vec<GroupCoverage<G>> {
        self.check("coverage_by_group", labels);
        assert!(
            groups.len() == labels.len(),
            "coverage_by_group: {} groups for {} sets; each set needs one",
            groups.len(),
            labels.len()
        );
        let sizes = self.sets.iter().map(|set| set.len() as f64);
        by_group(
            groups
                .iter()
                .zip(self.covered(labels))
                .zip(sizes)
                .map(|((group, is_covered), size)| (group.clone(), is_covered, size)),
        )
    }

    fn covered(&self, labels: &[usize]) -> impl Iterator<Item = bool> {
        self.sets.iter().zip(labels).map(|(set, label)| set.contains(label))
    }

    #[track_caller]
    fn check(&self, metric: &str, labels: &[usize]) {
        assert!(labels.len() == self.sets.len(), "{metric}: {} labels for {} sets", labels.len(), self.sets.len());
        let classes = self.classes;
        if let Some(row) = labels.iter().position(|label| *label >= classes) {
            panic!("{metric}: label {} of row {row} (from 0) is out of range for {classes} classes", labels[row]);
        }
    }
}
