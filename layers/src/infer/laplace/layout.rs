//! How a model's forward uses its random weights: in a linear map, as the bias of one, or otherwise.

use crate::engine::{Path, Tape, Tensor};
use crate::model::at_leaves::at_leaves;
use crate::model::forward_by::Outputs;
use crate::model::{Bayesian, Drawn};
use crate::weights::{Leaves, LinearMap, LinearMaps, Space, Weights, address};

/// The only use of a weight in a forward pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// W of this linear map of examples along the first axis: x · Wᵀ + b, or, transposed, x · W.
    Weight { map: usize, is_transposed: bool },
    /// b of this linear map.
    Bias { map: usize },
    /// Anything else: several uses, a convolution, an embedding, a normalisation, a recurrent layer.
    Other,
}

/// How a forward uses each random weight of a model.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// By the weight's index.
    pub(super) parts: Vec<Part>,
    /// The last linear map of the forward by a random weight, and that weight's index.
    pub(super) last: Option<usize>,
    pub(super) last_weight: Option<usize>,
}

impl Layout {
    /// From a forward pass of one example and one of two, so that axes of examples are told from others.
    ///
    /// # Panics
    /// If the forward panics.
    #[track_caller]
    pub(super) fn of<M: Bayesian>(
        model: &M,
        forward: &impl Outputs<M>,
        weights: &Weights<M::Scalar>,
        [one, two]: [&Tensor<M::Scalar>; 2],
    ) -> Self {
        let (_, first) = uses(model, forward, weights, one);
        let (entries, second) = uses(model, forward, weights, two);
        let same_maps = first.len() == second.len();
        let fits = |map: usize| {
            let rows = |map: &LinearMap<_>| [map.input.shape()[0], map.shape[0]];
            same_maps && rows(&first[map]) == [1; 2] && rows(&second[map]) == [2; 2]
        };
        let part = |entry: &Entry| {
            let weight = second.iter().position(|map| map.weight == entry.address);
            let bias = second.iter().position(|map| map.bias == Some(entry.address));
            match (weight, bias) {
                (Some(map), None) if entry.is_linear && fits(map) => {
                    Part::Weight { map, is_transposed: second[map].is_transposed }
                }
                (None, Some(map)) if entry.is_linear && fits(map) => Part::Bias { map },
                _ => Part::Other,
            }
        };
        let index_of = |map: &LinearMap<_>| entries.iter().position(|entry| entry.address == map.weight);
        let last = second.iter().rposition(|map| index_of(map).is_some());
        Layout {
            parts: entries.iter().map(part).collect(),
            last,
            last_weight: last.and_then(|last| index_of(&second[last])),
        }
    }
}

/// A random weight on the tape.
struct Entry {
    address: usize,
    /// Whether its only use is in a linear map, and its elements are their own unconstrained numbers.
    is_linear: bool,
}

/// The random weights and the linear maps of a forward pass.
#[track_caller]
fn uses<M: Bayesian>(
    model: &M,
    forward: &impl Outputs<M>,
    weights: &Weights<M::Scalar>,
    x: &Tensor<M::Scalar>,
) -> (Vec<Entry>, Vec<LinearMap<M::Scalar>>) {
    let maps = LinearMaps::new(Vec::new());
    let mut entries = Vec::new();
    {
        let tape = Tape::inference();
        let net = at_leaves(model, &tape, weights, Leaves::Watched(&maps));
        forward.outputs(net, tape.input(x));
        net.walk(&Path::ROOT, &mut |_, weight| {
            let is_linear = weight.is_used_in_one_map() && weight.space() == Space::Reals;
            entries.push(Entry { address: address(weight.value_var()), is_linear });
        });
    }
    (entries, maps.into_noted())
}
