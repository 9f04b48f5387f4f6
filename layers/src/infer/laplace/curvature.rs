//! Sums the generalised Gauss-Newton matrix over examples, as a matrix, its diagonal, or Kronecker factors.

use std::ops::Range;

use crate::engine::Real;
use crate::infer::laplace::jacobian::{Jacobian, Map, Piece};
use crate::infer::laplace::linear_algebra::{add_transposed_times, times};

/// A sum over examples of Jᵀ H J for some weights, where J is the Jacobian of an example's outputs and H the Hessian of its
/// −ln p with respect to them (Schraudolph 2002).
#[derive(Clone, Debug)]
pub(super) enum Sum {
    /// The matrix.
    Dense(Vec<f64>),
    /// Its diagonal.
    Diagonal(Vec<f64>),
    /// The Kronecker factors of a linear layer: Σ a aᵀ over its inputs, and Σ gᵀ H g over its output gradients (Martens and Grosse
    /// 2015; Botev, Ritter and Barber 2017). Positions of an example are added like examples (Eschenhagen et al. 2023,
    /// "expand"), and their number divides the product.
    Kronecker { inputs: Vec<f64>, outputs: Vec<f64>, terms: usize, is_transposed: bool },
}

impl Sum {
    /// Adds these examples. H is (rows, outputs, outputs).
    pub(super) fn add<T: Real>(&mut self, jacobian: &Jacobian<T>, weights: Range<usize>, hessians: &[f64]) {
        let (rows, outputs) = (jacobian.rows, jacobian.outputs);
        let hessian = |row: usize| &hessians[row * outputs * outputs..][..outputs * outputs];
        match self {
            Sum::Dense(sum) => {
                let elements = sum.len().isqrt();
                for (first, part) in jacobian.parts(weights, elements) {
                    let rows = (first..).zip(part.chunks_exact(outputs * elements));
                    let weighted =
                        rows.flat_map(|(row, of_row)| times(hessian(row), of_row, [outputs, outputs, elements]));
                    let weighted: Vec<f64> = weighted.collect();
                    add_transposed_times(&part, &weighted, [part.len() / elements, elements, elements], sum);
                }
            }
            Sum::Diagonal(sum) => match &jacobian.pieces[weights.start] {
                Piece::Weight(map) if map.positions == 1 => add_diagonal(map, [rows, outputs], hessian, sum),
                piece => {
                    for row in 0..rows {
                        let of_row = piece.row(row, outputs);
                        let weighted = times(hessian(row), &of_row, [outputs, outputs, sum.len()]);
                        for (x, y) in of_row.chunks_exact(sum.len()).zip(weighted.chunks_exact(sum.len())) {
                            sum.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum += x * y);
                        }
                    }
                }
            },
            Sum::Kronecker { inputs, outputs: of_outputs, terms, .. } => {
                let Piece::Weight(map) = &jacobian.pieces[weights.start] else {
                    unreachable!("a weight with Kronecker factors belongs to a linear map");
                };
                let [width, features] = map.sizes;
                let uses = rows * map.positions;
                *terms += uses;
                add_transposed_times(&map.inputs, &map.inputs, [uses, width, width], inputs);
                let Some(adjoints) = &map.adjoints else {
                    for row in 0..rows {
                        of_outputs.iter_mut().zip(hessian(row)).for_each(|(sum, x)| *sum += x);
                    }
                    return;
                };
                let each = map.positions * features;
                let weighted: Vec<f64> = adjoints
                    .chunks_exact(outputs * each)
                    .enumerate()
                    .flat_map(|(row, adjoints)| times(hessian(row), adjoints, [outputs, outputs, each]))
                    .collect();
                add_transposed_times(adjoints, &weighted, [uses * outputs, features, features], of_outputs);
            }
        }
    }
}

/// Adds the diagonal of a map that is used once by each example: gₒᵀ H gₒ · aᵢ².
fn add_diagonal<'h>(map: &Map, [rows, outputs]: [usize; 2], hessian: impl Fn(usize) -> &'h [f64], sum: &mut [f64]) {
    let [inputs, features] = map.sizes;
    let of_row = |row: usize| {
        let hessian = hessian(row);
        let Some(adjoints) = map.adjoints_of(row, outputs) else {
            return (0..features).map(|o| hessian[o * features + o]).collect();
        };
        let weighted = times(hessian, adjoints, [outputs, outputs, features]);
        let mut sizes = vec![0.0; features];
        for (x, y) in adjoints.chunks_exact(features).zip(weighted.chunks_exact(features)) {
            sizes.iter_mut().zip(x.iter().zip(y)).for_each(|(size, (x, y))| *size += x * y);
        }
        sizes
    };
    let sizes: Vec<f64> = (0..rows).flat_map(of_row).collect();
    let squares: Vec<f64> = map.inputs.iter().map(|x| x * x).collect();
    match map.is_transposed {
        true => add_transposed_times(&squares, &sizes, [rows, inputs, features], sum),
        false => add_transposed_times(&sizes, &squares, [rows, features, inputs], sum),
    }
}
