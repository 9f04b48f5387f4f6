//! The posterior precision of a block, factorised: determinant, samples and covariances.

use crate::engine::Real;
use crate::infer::laplace::blocks::{Block, Curvature};
use crate::infer::laplace::jacobian::{Jacobian, Piece};
use crate::infer::laplace::kronecker::add_of_map;
use crate::infer::laplace::linear_algebra::{cholesky_plus, solve_lower, times_transposed, transposed};

/// A factor of the posterior precision, curvature plus prior precision, of a block.
#[derive(Clone, Debug)]
pub(super) enum Factor {
    /// The lower triangular Cholesky factor.
    Dense(Vec<f64>),
    /// The precision of each element.
    Diagonal(Vec<f64>),
    /// The precision of each coordinate among the eigenvectors.
    Kronecker(Vec<f64>),
}

/// A precision that is not positive, and the element of the block that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotPositive {
    pub(super) element: usize,
    pub(super) value: f64,
}

impl Block {
    /// Factorises curvature plus prior precision. The prior precisions of a block with Kronecker factors are equal.
    ///
    /// # Errors
    /// If the sum is not positive definite.
    pub(super) fn factor(&self, prior: &[f64]) -> Result<Factor, NotPositive> {
        let sums = |values: &[f64]| -> Vec<f64> { values.iter().zip(prior).map(|(x, p)| x + p).collect() };
        // Written so that NaN is not positive.
        let bad = |precisions: &[f64]| precisions.iter().position(|&p| !(p > 0.0 && p.is_finite()));
        match &self.curvature {
            Curvature::Dense(matrix) => match cholesky_plus(matrix, prior) {
                Ok(l) => Ok(Factor::Dense(l)),
                Err(pivot) => Err(NotPositive { element: pivot.index, value: pivot.value }),
            },
            Curvature::Diagonal(diagonal) => {
                let precisions = sums(diagonal);
                match bad(&precisions) {
                    Some(element) => Err(NotPositive { element, value: precisions[element] }),
                    None => Ok(Factor::Diagonal(precisions)),
                }
            }
            Curvature::Kronecker(kronecker) => {
                let precisions = sums(&kronecker.values);
                match bad(&precisions) {
                    Some(at) => Err(NotPositive { element: kronecker.largest_element(at), value: precisions[at] }),
                    None => Ok(Factor::Kronecker(precisions)),
                }
            }
        }
    }

    /// A sample of the change from the mode, from standard normal noise.
    pub(super) fn sample(&self, factor: &Factor, noise: &[f64]) -> Vec<f64> {
        let scaled = |precisions: &[f64]| noise.iter().zip(precisions).map(|(e, p)| e / p.sqrt()).collect();
        match (factor, &self.curvature) {
            (Factor::Dense(l), _) => {
                let mut change = noise.to_vec();
                solve_lower(l, true, 1, &mut change);
                change
            }
            (Factor::Kronecker(precisions), Curvature::Kronecker(kronecker)) => {
                let coordinates: Vec<f64> = scaled(precisions);
                kronecker.with_coordinates(&coordinates)
            }
            (Factor::Diagonal(precisions) | Factor::Kronecker(precisions), _) => scaled(precisions),
        }
    }

    /// gᵀ P⁻¹ g, with the precision P.
    pub(super) fn squared_length(&self, factor: &Factor, g: &[f64]) -> f64 {
        let sum = |g: &[f64], precisions: &[f64]| g.iter().zip(precisions).map(|(g, p)| g * g / p).sum();
        match (factor, &self.curvature) {
            (Factor::Dense(l), _) => {
                let mut solved = g.to_vec();
                solve_lower(l, false, 1, &mut solved);
                solved.iter().map(|x| x * x).sum()
            }
            (Factor::Kronecker(precisions), Curvature::Kronecker(kronecker)) => {
                sum(&kronecker.coordinates(g), precisions)
            }
            (Factor::Diagonal(precisions) | Factor::Kronecker(precisions), _) => sum(g, precisions),
        }
    }

    /// The variance of each element.
    pub(super) fn variances(&self, factor: &Factor) -> Vec<f64> {
        match (factor, &self.curvature) {
            (Factor::Kronecker(precisions), Curvature::Kronecker(kronecker)) => kronecker.variances(precisions),
            (Factor::Dense(l), _) => {
                let n = self.elements.len();
                let inverse = inverse(l, n);
                (0..n).map(|j| (0..n).map(|i| inverse[i * n + j].powi(2)).sum()).collect()
            }
            (Factor::Diagonal(precisions) | Factor::Kronecker(precisions), _) => {
                precisions.iter().map(|p| 1.0 / p).collect()
            }
        }
    }

    /// The covariance of the elements.
    pub(super) fn covariance(&self, factor: &Factor) -> Vec<f64> {
        let n = self.elements.len();
        match (factor, &self.curvature) {
            (Factor::Dense(l), _) => {
                let inverse = transposed(&inverse(l, n), [n, n]);
                times_transposed(&inverse, &inverse, [n, n, n])
            }
            (Factor::Kronecker(precisions), Curvature::Kronecker(kronecker)) => {
                // Row k of the scaled basis is the weight whose only coordinate is the k-th.
                let basis = (0..n).flat_map(|k| {
                    let coordinates: Vec<f64> =
                        (0..n).map(|i| if i == k { 1.0 / precisions[k].sqrt() } else { 0.0 }).collect();
                    kronecker.with_coordinates(&coordinates)
                });
                let basis = transposed(&basis.collect::<Vec<f64>>(), [n, n]);
                times_transposed(&basis, &basis, [n, n, n])
            }
            (Factor::Diagonal(precisions) | Factor::Kronecker(precisions), _) => {
                let mut covariance = vec![0.0; n * n];
                precisions.iter().enumerate().for_each(|(i, p)| covariance[i * n + i] = 1.0 / p);
                covariance
            }
        }
    }

    /// Adds the covariance J P⁻¹ Jᵀ of the outputs of each example to `out`, (rows, outputs, outputs).
    pub(super) fn add_covariances<T: Real>(&self, factor: &Factor, jacobian: &Jacobian<T>, out: &mut [f64]) {
        let (rows, outputs, elements) = (jacobian.rows, jacobian.outputs, self.elements.len());
        let piece = &jacobian.pieces[self.weights.start];
        match (factor, &self.curvature) {
            (Factor::Kronecker(precisions), Curvature::Kronecker(kronecker)) => {
                kronecker.add_covariances(precisions, jacobian, piece, out);
            }
            (Factor::Dense(l), _) => {
                for (first, part) in jacobian.parts(self.weights.clone(), elements) {
                    let columns = part.len() / elements;
                    let mut solved = transposed(&part, [columns, elements]);
                    solve_lower(l, false, columns, &mut solved);
                    let solved = transposed(&solved, [elements, columns]);
                    let out = out[first * outputs * outputs..].chunks_exact_mut(outputs * outputs);
                    for (out, of_row) in out.zip(solved.chunks_exact(outputs * elements)) {
                        add(out, &times_transposed(of_row, of_row, [outputs, elements, outputs]));
                    }
                }
            }
            (Factor::Diagonal(precisions) | Factor::Kronecker(precisions), _) => {
                if let Piece::Weight(map) = piece
                    && map.positions == 1
                {
                    return add_of_map(precisions, map, None, [rows, outputs], out);
                }
                for (row, out) in out.chunks_exact_mut(outputs * outputs).enumerate() {
                    let of_row = piece.row(row, outputs);
                    let scaled: Vec<f64> =
                        of_row.iter().enumerate().map(|(i, x)| x / precisions[i % elements]).collect();
                    add(out, &times_transposed(&scaled, &of_row, [outputs, elements, outputs]));
                }
            }
        }
    }
}

impl Factor {
    /// ln det P.
    pub(super) fn log_determinant(&self, elements: usize) -> f64 {
        match self {
            Factor::Dense(l) => 2.0 * (0..elements).map(|i| l[i * elements + i].ln()).sum::<f64>(),
            Factor::Diagonal(precisions) | Factor::Kronecker(precisions) => precisions.iter().map(|p| p.ln()).sum(),
        }
    }
}

/// L⁻¹.
fn inverse(l: &[f64], n: usize) -> Vec<f64> {
    let mut inverse: Vec<f64> = (0..n * n).map(|i| f64::from(i / n.max(1) == i % n.max(1))).collect();
    solve_lower(l, false, n, &mut inverse);
    inverse
}

fn add(out: &mut [f64], part: &[f64]) {
    out.iter_mut().zip(part).for_each(|(out, x)| *out += x);
}
