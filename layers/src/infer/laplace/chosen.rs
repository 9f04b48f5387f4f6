//! The weights that an approximation covers: all, those of a pattern, or the last layer's.

use std::ops::Range;

use crate::engine::Real;
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::layout::{Layout, Part};
use crate::pattern::{matches, nearest};
use crate::weights::Weights;

/// Which weights, as the user says it.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    All,
    Patterns(Vec<String>),
    LastLayer,
}

/// A weight that an approximation covers.
#[derive(Clone, Debug)]
pub(super) struct ChosenWeight {
    /// The index among all random weights of the model.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Its elements among those of all chosen weights.
    pub(super) elements: Range<usize>,
}

/// The weights that an approximation covers, in the order of the model.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) weights: Vec<ChosenWeight>,
}

impl Chosen {
    /// # Errors
    /// If nothing is chosen, or a pattern matches no weight.
    pub(super) fn of<T: Real>(choice: &Choice, weights: &Weights<T>, layout: &Layout) -> Result<Self, LaplaceError> {
        let names: Vec<String> = weights.names().collect();
        let is_chosen: Vec<bool> = match choice {
            Choice::All => vec![true; names.len()],
            Choice::Patterns(patterns) => {
                if let Some(pattern) = patterns.iter().find(|pattern| !names.iter().any(|name| matches(pattern, name)))
                {
                    let near = nearest(pattern, names.iter().map(|name| &name[..]));
                    return Err(LaplaceError::Options(format!(
                        "weights: `{pattern}` matches no random weight of the model; the nearest names are {near}"
                    )));
                }
                names.iter().map(|name| patterns.iter().any(|pattern| matches(pattern, name))).collect()
            }
            Choice::LastLayer => {
                let last = layout.last.ok_or_else(|| {
                    LaplaceError::Options(
                        "last_layer: the model's forward has no linear map x · Wᵀ or x · W by a random weight; name the \
                         weights with `.weights([..])`"
                            .to_owned(),
                    )
                })?;
                let is_of_last = |part: &Part| match *part {
                    Part::Weight { map, .. } | Part::Bias { map } => map == last,
                    Part::Other => false,
                };
                layout
                    .parts
                    .iter()
                    .enumerate()
                    .map(|(i, part)| is_of_last(part) || layout.last_weight == Some(i))
                    .collect()
            }
        };
        let mut chosen = Chosen { weights: Vec::new() };
        for (index, (entry, name)) in weights.entries().iter().zip(names).enumerate() {
            if is_chosen[index] && !entry.tensor.is_empty() {
                let start = chosen.len();
                let (shape, elements) = (entry.tensor.shape().to_vec(), start..start + entry.tensor.len());
                chosen.weights.push(ChosenWeight { index, name, shape, elements });
            }
        }
        if chosen.weights.is_empty() {
            let mistake = match choice {
                Choice::Patterns(patterns) if patterns.is_empty() => {
                    "weights: the list of patterns is empty; pass at least one name or pattern, such as `head`"
                }
                _ => "the model has no random weights to approximate",
            };
            return Err(LaplaceError::Options(mistake.to_owned()));
        }
        Ok(chosen)
    }

    /// The number of elements.
    pub(super) fn len(&self) -> usize {
        self.weights.last().map_or(0, |last| last.elements.end)
    }

    /// The elements of the chosen weights, one after the other.
    pub(super) fn flat<T: Real>(&self, weights: &Weights<T>) -> Vec<T> {
        self.weights.iter().flat_map(|weight| weights.entries()[weight.index].tensor.data()).copied().collect()
    }

    /// Sets the elements of the chosen weights.
    pub(super) fn set<T: Real>(&self, weights: &mut Weights<T>, value: impl Fn(usize) -> T) {
        for ChosenWeight { name, elements, .. } in &self.weights {
            let tensor = weights.get_mut(name).expect("a chosen weight is one of the model");
            tensor.iter_mut().zip(elements.clone()).for_each(|(to, element)| *to = value(element));
        }
    }

    /// The weight that an element belongs to, and the element within it.
    pub(super) fn place(&self, element: usize) -> (&ChosenWeight, usize) {
        let weight = self.weights.iter().find(|weight| weight.elements.contains(&element)).expect("the element exists");
        (weight, element - weight.elements.start)
    }

    /// The error for a curvature that is not positive at an element.
    pub(super) fn not_positive(&self, element: usize, value: f64) -> LaplaceError {
        let (weight, element) = self.place(element);
        LaplaceError::Curvature { weight: weight.name.clone(), element, value }
    }
}
