//! Coverage by group.

use std::collections::BTreeMap;

/// The coverage of the examples of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCoverage<G> {
    /// The group.
    pub group: G,
    /// The number of its examples.
    pub examples: usize,
    /// The share of targets within their sets or intervals.
    pub coverage: f64,
    /// The mean number of labels in a set, or width of an interval.
    pub mean_size: f64,
}

/// The coverage of each group, in the groups' order, from the group, whether the target is covered, and the size of every
/// example.
pub(super) fn by_group<G: Ord + Clone>(examples: impl Iterator<Item = (G, bool, f64)>) -> Vec<GroupCoverage<G>> {
    let mut groups: BTreeMap<G, (usize, usize, f64)> = BTreeMap::new();
    for (group, is_covered, size) in examples {
        let (count, covered, sizes) = groups.entry(group).or_default();
        *count += 1;
        *covered += usize::from(is_covered);
        *sizes += size;
    }
    let coverage = |(group, (examples, covered, sizes))| GroupCoverage {
        group,
        examples,
        coverage: covered as f64 / examples as f64,
        mean_size: sizes / examples as f64,
    };
    groups.into_iter().map(coverage).collect()
}
