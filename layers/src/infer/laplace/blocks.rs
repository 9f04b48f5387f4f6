//! The blocks of the curvature: which weights are independent of each other, and how each block is stored.

use std::ops::Range;

use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::chosen::{Chosen, ChosenWeight};
use crate::infer::laplace::curvature::Sum;
use crate::infer::laplace::kronecker::Kronecker;
use crate::infer::laplace::layout::{Layout, Part};

/// The most bytes of a block: a curvature, its factor and working memory.
const MOST_BYTES: u128 = 4 << 30;

/// A weight that is not in a linear map has a full block up to this number of elements, and a diagonal above.
const DENSE: usize = 1024;

/// How the curvature is approximated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Structure {
    Full,
    Kronecker,
    Diagonal,
}

/// A block of the curvature of the negative log-likelihood.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The chosen weights of the block, which are consecutive.
    pub(super) weights: Range<usize>,
    /// Their elements among those of all chosen weights.
    pub(super) elements: Range<usize>,
    pub(super) curvature: Curvature,
}

impl Block {
    /// The largest magnitude on the diagonal of a curvature that may be indefinite; 0 for Kronecker factors, which are not.
    pub(super) fn largest(&self) -> f64 {
        let largest = |diagonal: &mut dyn Iterator<Item = f64>| diagonal.fold(0.0, |most: f64, x| most.max(x.abs()));
        match &self.curvature {
            Curvature::Dense(matrix) => largest(&mut matrix.iter().step_by(self.elements.len() + 1).copied()),
            Curvature::Diagonal(diagonal) => largest(&mut diagonal.iter().copied()),
            Curvature::Kronecker(_) => 0.0,
        }
    }
}

/// The curvature of a block.
#[derive(Clone, Debug)]
pub(super) enum Curvature {
    Dense(Vec<f64>),
    Diagonal(Vec<f64>),
    Kronecker(Kronecker),
}

/// A block whose curvature is being summed.
#[derive(Clone, Debug)]
pub(super) struct Summed {
    pub(super) weights: Range<usize>,
    pub(super) elements: Range<usize>,
    pub(super) sum: Sum,
}

impl Summed {
    /// The blocks of a structure, with sums of zero.
    ///
    /// # Errors
    /// [`LaplaceError::Memory`] if a block would be too large.
    pub(super) fn all(structure: Structure, chosen: &Chosen, layout: &Layout) -> Result<Vec<Self>, LaplaceError> {
        if structure == Structure::Full {
            let n = chosen.len();
            check_memory(n, || "all chosen weights together".to_owned())?;
            let weights = 0..chosen.weights.len();
            return Ok(vec![Summed { weights, elements: 0..n, sum: Sum::Dense(vec![0.0; n * n]) }]);
        }
        let block = |(index, weight): (usize, &ChosenWeight)| {
            let n = weight.elements.len();
            let of_weight = || format!("the weight `{}`", weight.name);
            let sum = match (structure, layout.parts[weight.index], &weight.shape[..]) {
                (Structure::Kronecker, Part::Weight { is_transposed, .. }, &[rows, columns]) => {
                    check_memory(rows.max(columns), of_weight)?;
                    let [outputs, inputs] = if is_transposed { [columns, rows] } else { [rows, columns] };
                    let [inputs, outputs] = [inputs, outputs].map(|n| vec![0.0; n * n]);
                    Sum::Kronecker { inputs, outputs, terms: 0, is_transposed }
                }
                (Structure::Kronecker, Part::Bias { .. }, _) => {
                    check_memory(n, of_weight)?;
                    Sum::Dense(vec![0.0; n * n])
                }
                (Structure::Kronecker, Part::Other, _) if n <= DENSE => Sum::Dense(vec![0.0; n * n]),
                _ => Sum::Diagonal(vec![0.0; n]),
            };
            Ok(Summed { weights: index..index + 1, elements: weight.elements.clone(), sum })
        };
        chosen.weights.iter().enumerate().map(block).collect()
    }

    /// The finished block.
    pub(super) fn finish(self) -> Block {
        let curvature = match self.sum {
            Sum::Dense(sum) => Curvature::Dense(sum),
            Sum::Diagonal(sum) => Curvature::Diagonal(sum),
            Sum::Kronecker { inputs, outputs, terms, is_transposed } => {
                let factors = if is_transposed { [inputs, outputs] } else { [outputs, inputs] };
                Curvature::Kronecker(Kronecker::new(factors, terms))
            }
        };
        Block { weights: self.weights, elements: self.elements, curvature }
    }
}

/// # Errors
/// If three matrices of n rows need more memory than is allowed.
fn check_memory(n: usize, what: impl FnOnce() -> String) -> Result<(), LaplaceError> {
    let bytes = 3 * 8 * (n as u128).pow(2);
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(LaplaceError::Memory { what: what(), elements: n, bytes, most: MOST_BYTES })
}
