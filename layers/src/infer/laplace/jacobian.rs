//! The Jacobian of the outputs with respect to the weights, for each example: as pairs of a linear map's inputs and adjoints, or as
//! a matrix.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::{Real, Tensor};
use crate::infer::laplace::chosen::Chosen;
use crate::infer::laplace::linear_algebra::{add_transposed_times, times, times_transposed};

/// The most numbers of a Jacobian that are held at a time.
pub(super) const NUMBERS: usize = 1 << 21;

/// The Jacobian of some examples' outputs, by weight.
pub(super) struct Jacobian<T: Real> {
    pub(super) rows: usize,
    /// The number of outputs of each example.
    pub(super) outputs: usize,
    /// The outputs, (rows, ..).
    pub(super) values: Tensor<T>,
    /// For each chosen weight.
    pub(super) pieces: Vec<Piece>,
}

/// The Jacobian with respect to one weight.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// (rows, outputs, elements).
    Dense { elements: usize, values: Vec<f64> },
    /// The products of a linear map's inputs and its outputs' adjoints.
    Weight(Arc<Map>),
    /// The adjoints of a linear map's outputs.
    Bias(Arc<Map>),
}

/// A linear map at some examples.
#[derive(Debug)]
pub(super) struct Map {
    /// Uses of the map by each example: 1, or the product of the axes between the first and the last.
    pub(super) positions: usize,
    /// Inputs and outputs of the map.
    pub(super) sizes: [usize; 2],
    /// Whether the weight is (inputs, outputs).
    pub(super) is_transposed: bool,
    /// (rows, positions, inputs).
    pub(super) inputs: Vec<f64>,
    /// (rows, outputs of the model, positions, outputs of the map); `None` if the map's outputs are the model's.
    pub(super) adjoints: Option<Vec<f64>>,
}

impl Map {
    /// The adjoints of a map that is used once by each example, (outputs of the model, outputs of the map) for this row.
    pub(super) fn adjoints_of(&self, row: usize, outputs: usize) -> Option<&[f64]> {
        let each = outputs * self.positions * self.sizes[1];
        self.adjoints.as_ref().map(|adjoints| &adjoints[row * each..][..each])
    }

    /// (positions, inputs) of this row.
    pub(super) fn inputs_of(&self, row: usize) -> &[f64] {
        let each = self.positions * self.sizes[0];
        &self.inputs[row * each..][..each]
    }

    /// The adjoints summed over positions, (outputs of the model, outputs of the map) for this row.
    pub(super) fn summed_adjoints(&self, row: usize, outputs: usize) -> Vec<f64> {
        let size = self.sizes[1];
        let Some(adjoints) = self.adjoints_of(row, outputs) else {
            return (0..outputs * size).map(|i| f64::from(i / size == i % size)).collect();
        };
        let mut sums = vec![0.0; outputs * size];
        for (sum, of_output) in sums.chunks_exact_mut(size).zip(adjoints.chunks_exact(self.positions * size)) {
            for of_position in of_output.chunks_exact(size) {
                sum.iter_mut().zip(of_position).for_each(|(sum, g)| *sum += g);
            }
        }
        sums
    }

    /// The Jacobian of this row with respect to the weight, (outputs, elements).
    fn weight_row(&self, row: usize, outputs: usize) -> Vec<f64> {
        let [inputs, features] = self.sizes;
        let x = self.inputs_of(row);
        let identity;
        let adjoints = match self.adjoints_of(row, outputs) {
            Some(adjoints) => adjoints,
            None => {
                identity = self.summed_adjoints(row, outputs);
                &identity
            }
        };
        let mut of_row = Vec::with_capacity(outputs * inputs * features);
        for g in adjoints.chunks_exact(self.positions * features) {
            let [left, right] =
                if self.is_transposed { [(x, inputs), (g, features)] } else { [(g, features), (x, inputs)] };
            let mut product = vec![0.0; left.1 * right.1];
            add_transposed_times(left.0, right.0, [self.positions, left.1, right.1], &mut product);
            of_row.extend(product);
        }
        of_row
    }
}

impl Piece {
    /// The Jacobian of this row, (outputs, elements).
    pub(super) fn row(&self, row: usize, outputs: usize) -> Vec<f64> {
        match self {
            Piece::Dense { elements, values } => values[row * outputs * elements..][..outputs * elements].to_vec(),
            Piece::Weight(map) => map.weight_row(row, outputs),
            Piece::Bias(map) => map.summed_adjoints(row, outputs),
        }
    }

    /// Adds J · δ to `out`, (draws, rows, outputs), for these draws of a change δ of the weight, (draws, elements).
    fn add_changes(&self, changes: &[f64], [draws, rows, outputs]: [usize; 3], out: &mut [f64]) {
        let elements = changes.len() / draws;
        let mut add = |draw: usize, row: usize, values: &[f64]| {
            let to = &mut out[(draw * rows + row) * outputs..][..outputs];
            to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
        };
        let Piece::Weight(map) = self else {
            for row in 0..rows {
                let product = times_transposed(changes, &self.row(row, outputs), [draws, elements, outputs]);
                product.chunks_exact(outputs).enumerate().for_each(|(draw, values)| add(draw, row, values));
            }
            return;
        };
        let [inputs, features] = map.sizes;
        let each = map.positions * features;
        for (draw, change) in changes.chunks_exact(elements.max(1)).enumerate() {
            let sizes = [rows * map.positions, inputs, features];
            let moved = match map.is_transposed {
                true => times(&map.inputs, change, sizes),
                false => times_transposed(&map.inputs, change, sizes),
            };
            for (row, moved) in moved.chunks_exact(each).enumerate() {
                match map.adjoints_of(row, outputs) {
                    None => add(draw, row, moved),
                    Some(adjoints) => add(draw, row, &times(adjoints, moved, [outputs, each, 1])),
                }
            }
        }
    }
}

impl<T: Real> Jacobian<T> {
    /// The Jacobians of rows with respect to these consecutive chosen weights, (rows, outputs, elements), for as many rows at a
    /// time as memory should hold, with the first of them.
    pub(super) fn parts(&self, weights: Range<usize>, elements: usize) -> impl Iterator<Item = (usize, Vec<f64>)> {
        let at_once = (NUMBERS / (self.outputs * elements).max(1)).max(1);
        (0..self.rows).step_by(at_once).map(move |first| {
            let rows = first..self.rows.min(first + at_once);
            (first, rows.flat_map(|row| self.row(weights.clone(), row)).collect())
        })
    }

    /// The Jacobian of this row with respect to these consecutive chosen weights, (outputs, elements).
    pub(super) fn row(&self, weights: Range<usize>, row: usize) -> Vec<f64> {
        let pieces: Vec<Vec<f64>> = self.pieces[weights].iter().map(|piece| piece.row(row, self.outputs)).collect();
        let of_output = |k: usize| {
            let of_piece = move |piece: &Vec<f64>| {
                let elements = piece.len() / self.outputs;
                k * elements..(k + 1) * elements
            };
            pieces.iter().flat_map(move |piece| piece[of_piece(piece)].iter().copied())
        };
        (0..self.outputs).flat_map(of_output).collect()
    }

    /// J · δ, (draws, rows, outputs), for these draws of a change δ of all chosen weights, (draws, elements).
    pub(super) fn changes(&self, chosen: &Chosen, changes: &[f64], draws: usize) -> Vec<f64> {
        let mut out = vec![0.0; draws * self.rows * self.outputs];
        let all = chosen.len();
        for (weight, piece) in chosen.weights.iter().zip(&self.pieces) {
            let of_weight: Vec<f64> =
                changes.chunks_exact(all).flat_map(|draw| &draw[weight.elements.clone()]).copied().collect();
            piece.add_changes(&of_weight, [draws, self.rows, self.outputs], &mut out);
        }
        out
    }
}
