//! `PredictionIntervals`: an interval for each element of each target.

use super::GroupCoverage;
use super::groups::by_group;
use crate::engine::Real;
use crate::metrics::NumberTargets;
use crate::metrics::number_targets::counted;

/// An interval for each element of each example's target, in the targets' unit; row-major (N, D).
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionIntervals {
    lower: Vec<f64>,
    upper: Vec<f64>,
    width: usize,
}

impl PredictionIntervals {
    pub(super) fn new(lower: Vec<f64>, upper: Vec<f64>, width: usize) -> Self {
        PredictionIntervals { lower, upper, width }
    }

    /// The lower bounds, (N, D).
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The upper bounds, (N, D).
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// The mean width of the intervals.
    pub fn mean_width(&self) -> f64 {
        self.lower.iter().zip(&self.upper).map(|(low, high)| high - low).sum::<f64>() / self.lower.len() as f64
    }

    /// The share of observed targets within their intervals, over all elements.
    ///
    /// # Panics
    /// If there is not one target for each interval, or an observed one is NaN.
    #[track_caller]
    pub fn coverage<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        let (mut covered, mut all) = (0usize, 0usize);
        for (_, is_covered, _) in self.observed("coverage", targets) {
            covered += usize::from(is_covered);
            all += 1;
        }
        covered as f64 / all as f64
    }

    /// The coverage of each group, in the groups' order, from the group of each example: the guarantee is on average over all
    /// examples, and one group may pay for another.
    ///
    /// # Panics
    /// If there is not one target for each interval and one group for each example, or an observed target is NaN.
    #[track_caller]
    pub fn coverage_by_group<Y: NumberTargets, G: Ord + Clone>(
        &self,
        targets: &Y,
        groups: &[G],
    ) -> Vec<GroupCoverage<G>> {
        let rows = self.lower.len() / self.width;
        assert!(
            groups.len() == rows,
            "coverage_by_group: {} groups for {rows} examples; each example needs one",
            groups.len()
        );
        let observed = self.observed("coverage_by_group", targets);
        by_group(observed.map(|(row, is_covered, size)| (groups[row].clone(), is_covered, size)))
    }

    /// The row, whether it is covered, and the interval's width of every observed target.
    #[track_caller]
    fn observed<Y: NumberTargets>(&self, metric: &str, targets: &Y) -> impl Iterator<Item = (usize, bool, f64)> {
        let numbers = targets.numbers().data();
        assert!(
            numbers.len() == self.lower.len(),
            "{metric}: {} elements of targets for {} intervals",
            numbers.len(),
            self.lower.len()
        );
        let counts = counted(targets);
        let nan = (0..numbers.len()).find(|&i| counts(i) && numbers[i].to_f64().is_nan());
        if let Some(at) = nan {
            panic!("{metric}: target {at} (from 0) is NaN; drop it or fill the gap");
        }
        let bounds = self.lower.iter().zip(&self.upper).zip(numbers).enumerate();
        bounds.filter(move |(i, _)| counts(*i)).map(|(i, ((low, high), y))| {
            let y = y.to_f64();
            (i / self.width, y >= *low && y <= *high, high - low)
        })
    }
}
