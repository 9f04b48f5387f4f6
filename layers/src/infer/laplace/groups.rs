//! `PriorGroups`: which weights share a fitted prior precision.

use crate::infer::laplace::chosen::Chosen;

/// Which weights share a prior precision that is fitted to the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriorGroups {
    /// One precision for all weights.
    #[default]
    One,
    /// One for each layer: for the weights whose names differ in the last part only, such as `hidden.0.weight` and
    /// `hidden.0.bias`.
    ByLayer,
    /// One for each weight.
    ByWeight,
}

impl PriorGroups {
    /// The indices of the chosen weights, by group.
    pub(super) fn of(self, chosen: &Chosen) -> Vec<Vec<usize>> {
        let key = |name: &str| match self {
            PriorGroups::One => String::new(),
            PriorGroups::ByLayer => name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned()),
            PriorGroups::ByWeight => name.to_owned(),
        };
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, weight) in chosen.weights.iter().enumerate() {
            let key = key(&weight.name);
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, group)) => group.push(index),
                None => groups.push((key, vec![index])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }
}
