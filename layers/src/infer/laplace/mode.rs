//! A model at a mode: the Jacobian of its outputs for each example, by one backward pass for each output.

use std::sync::Arc;

use crate::data::Targets;
use crate::engine::{Gradients, Real, Tape, Tensor, Var};
use crate::infer::laplace::chosen::{Chosen, ChosenWeight};
use crate::infer::laplace::jacobian::{Jacobian, Map, NUMBERS, Piece};
use crate::infer::laplace::layout::{Layout, Part};
use crate::model::Bayesian;
use crate::model::at_leaves::at_leaves;
use crate::model::forward_by::{AnyOutputs, Outputs};
use crate::weights::{Copies, Leaves, LinearMap, LinearMaps, Weights, address, as_draws};

/// The most examples whose Jacobian is computed at a time.
const ROWS: usize = 256;

/// The most batches whose Jacobians are held at a time, whatever the number of threads.
const TOGETHER: usize = 8;

/// A model at a mode, from which Jacobians are computed.
pub(super) struct Mode<'m, M: Bayesian> {
    pub(super) model: &'m M,
    pub(super) forward: AnyOutputs<'m, M>,
    /// The unconstrained weights at the mode.
    pub(super) weights: Weights<M::Scalar>,
    pub(super) chosen: Chosen,
    pub(super) layout: Layout,
    /// The shape of one example's output.
    pub(super) axes: Vec<usize>,
}

impl<M: Bayesian> Mode<'_, M> {
    /// The number of outputs of an example.
    pub(super) fn outputs(&self) -> usize {
        self.axes.iter().product()
    }

    /// How many examples to pass to [`jacobian`](Mode::jacobian) at a time, and how many such batches to hold at a time.
    pub(super) fn at_once(&self) -> [usize; 2] {
        at_once(self.numbers_of_row())
    }

    /// The numbers of one example's Jacobian.
    fn numbers_of_row(&self) -> usize {
        let outputs = self.outputs().max(1);
        let of_weight = |weight: &ChosenWeight| match (self.layout.parts[weight.index], &weight.shape[..]) {
            (Part::Weight { .. }, [a, b]) => a + b,
            (Part::Weight { .. } | Part::Bias { .. }, _) => weight.elements.len(),
            (Part::Other, _) => 2 * weight.elements.len(),
        };
        let numbers: usize = self.chosen.weights.iter().map(of_weight).sum();
        (outputs * (numbers + outputs)).max(1)
    }

    /// The Jacobian for the examples of x.
    #[track_caller]
    pub(super) fn jacobian(&self, x: &Tensor<M::Scalar>) -> Jacobian<M::Scalar> {
        let (rows, outputs) = (x.rows(), self.outputs());
        let (values, maps) = self.maps(x);
        let is_copied = |weight: &ChosenWeight| self.layout.parts[weight.index] == Part::Other;
        let mut dense = self.dense(x, &self.chosen.weights.iter().filter(|w| is_copied(w)).collect::<Vec<_>>());
        let map = |index: usize| Arc::clone(maps[index].as_ref().expect("the map of a chosen weight"));
        let pieces = self.chosen.weights.iter().map(|weight| match self.layout.parts[weight.index] {
            Part::Weight { map: index, .. } => Piece::Weight(map(index)),
            Part::Bias { map: index } => Piece::Bias(map(index)),
            Part::Other => {
                Piece::Dense { elements: weight.elements.len(), values: dense.next().expect("one for each weight") }
            }
        });
        Jacobian { rows, outputs, values, pieces: pieces.collect() }
    }

    /// The outputs, and the linear maps by chosen weights.
    #[track_caller]
    fn maps(&self, x: &Tensor<M::Scalar>) -> (Tensor<M::Scalar>, Vec<Option<Arc<Map>>>) {
        let outputs = self.outputs();
        let is_needed = |map: usize| {
            let part = |weight: &ChosenWeight| self.layout.parts[weight.index];
            let is_of_map = |part| matches!(part, Part::Weight { map: of, .. } | Part::Bias { map: of } if of == map);
            self.chosen.weights.iter().any(|weight| is_of_map(part(weight)))
        };
        let maps = LinearMaps::new(Vec::new());
        let (values, output) = {
            let tape = Tape::inference();
            let net = at_leaves(self.model, &tape, &self.weights, Leaves::Watched(&maps));
            let output = self.forward.outputs(net, tape.input(x));
            self.check(output, x.rows());
            (output.to_tensor(), address(output))
        };
        let noted = maps.into_noted();
        let positions = |map: &LinearMap<_>| map.shape[1..map.shape.len() - 1].iter().product::<usize>();
        let features = |map: &LinearMap<_>| map.shape[map.shape.len() - 1];
        let is_output = |map: &LinearMap<_>| map.output == output && positions(map) == 1 && features(map) == outputs;
        let offset = |(index, map): (usize, &LinearMap<M::Scalar>)| {
            (is_needed(index) && !is_output(map)).then(|| Tensor::zeros(&map.shape[..]))
        };
        let offsets: Vec<Option<Tensor<M::Scalar>>> = noted.iter().enumerate().map(offset).collect();
        let has_offset: Vec<bool> = offsets.iter().map(Option::is_some).collect();
        let mut adjoints = self.adjoints(x, offsets).into_iter();
        let map = |(index, map): (usize, LinearMap<M::Scalar>)| {
            let adjoints = has_offset[index].then(|| adjoints.next().expect("one for each offset"));
            is_needed(index).then(|| {
                let sizes = [map.input.shape()[map.input.shape().len() - 1], features(&map)];
                let inputs = map.input.data().iter().map(|x| x.to_f64()).collect();
                let (positions, is_transposed) = (positions(&map), map.is_transposed);
                Arc::new(Map { positions, sizes, is_transposed, inputs, adjoints })
            })
        };
        (values, noted.into_iter().enumerate().map(map).collect())
    }

    /// The adjoints of the maps' outputs with these offsets, (rows, outputs, ..) for each.
    #[track_caller]
    fn adjoints(&self, x: &Tensor<M::Scalar>, offsets: Vec<Option<Tensor<M::Scalar>>>) -> Vec<Vec<f64>> {
        let lengths: Vec<usize> = offsets.iter().flatten().map(|offset| offset.len() / x.rows()).collect();
        if lengths.is_empty() {
            return Vec::new();
        }
        let (rows, outputs) = (x.rows(), self.outputs());
        let maps = LinearMaps::new(offsets);
        let mut gradients = Gradients::of(maps.offsets());
        let tape = Tape::new();
        let net = at_leaves(self.model, &tape, &self.weights, Leaves::Watched(&maps));
        let output = self.forward.outputs(net, tape.input(x)).reshape([rows, outputs]);
        let roots: Vec<Var<'_, M::Scalar>> = (0..outputs).map(|k| output.at(1, k as isize).sum()).collect();
        gather(&tape, &roots, M::Scalar::ONE, &mut gradients, rows, &lengths)
    }

    /// The Jacobians with respect to these weights, by a copy of them for each example, (rows, outputs, elements) for each.
    #[track_caller]
    fn dense(&self, x: &Tensor<M::Scalar>, weights: &[&ChosenWeight]) -> std::vec::IntoIter<Vec<f64>> {
        if weights.is_empty() {
            return Vec::new().into_iter();
        }
        let (rows, outputs) = (x.rows(), self.outputs());
        let copies = Copies::of(&self.weights, rows, |index| weights.iter().any(|weight| weight.index == index));
        let mut gradients = Gradients::of(&copies);
        let tape = Tape::new();
        let net = at_leaves(self.model, &tape, &self.weights, Leaves::Copies(&copies));
        let shape: Vec<usize> = [1].iter().chain(&x.shape()[1..]).copied().collect();
        let output = self.forward.outputs(net, as_draws(tape.input(x), &shape)).reshape([outputs]);
        let roots: Vec<Var<'_, M::Scalar>> = (0..outputs).map(|k| output.at(0, k as isize).sum()).collect();
        let lengths: Vec<usize> = weights.iter().map(|weight| weight.elements.len()).collect();
        // A root counts as the mean over its draws.
        gather(&tape, &roots, M::Scalar::from_f64(rows as f64), &mut gradients, rows, &lengths).into_iter()
    }

    #[track_caller]
    fn check(&self, output: Var<'_, M::Scalar>, rows: usize) {
        let expected: Vec<usize> = [rows].iter().chain(&self.axes).copied().collect();
        let found = output.shape();
        assert!(
            found == expected,
            "Laplace: the model's output has the shape {found:?} for {rows} rows, not {expected:?}"
        );
    }
}

/// Rows of a batch, and batches, that are held at a time if a row's Jacobian has so many numbers: fewer of both where it is large, as
/// with respect to the weights of an embedding.
fn at_once(numbers: usize) -> [usize; 2] {
    let rows = (NUMBERS / numbers).clamp(1, ROWS);
    [rows, (TOGETHER * NUMBERS / (rows * numbers)).clamp(1, TOGETHER)]
}

/// The gradients of each root, (rows, roots, length) for each leaf.
fn gather<T: Real>(
    tape: &Tape<T>,
    roots: &[Var<'_, T>],
    coefficient: T,
    gradients: &mut Gradients<T>,
    rows: usize,
    lengths: &[usize],
) -> Vec<Vec<f64>> {
    let outputs = roots.len();
    let mut all: Vec<Vec<f64>> = lengths.iter().map(|length| vec![0.0; rows * outputs * length]).collect();
    for (k, &root) in roots.iter().enumerate() {
        gradients.clear();
        tape.backward(&[(root, coefficient)], gradients);
        for (index, (all, &length)) in all.iter_mut().zip(lengths).enumerate() {
            let of_root = gradients.at(index).expect("a backward pass sets every gradient");
            for (row, of_row) in of_root.chunks_exact(length).enumerate() {
                let to = &mut all[(row * outputs + k) * length..][..length];
                to.iter_mut().zip(of_row).for_each(|(to, g)| *to = g.to_f64());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_numbers_are_held_than_allowed_or_than_one_example_has() {
        let numbers = (0..34).map(|power| 1 << power).chain([3, 1000, NUMBERS - 1, NUMBERS + 1, 5 * NUMBERS]);
        for numbers in numbers {
            let [rows, batches] = at_once(numbers);
            assert!((1..=ROWS).contains(&rows) && (1..=TOGETHER).contains(&batches));
            assert!(rows * batches * numbers <= (TOGETHER * NUMBERS).max(numbers), "{numbers}: {rows} {batches}");
            assert!(numbers > 100 || [rows, batches] == [ROWS, TOGETHER]);
        }
    }
}
