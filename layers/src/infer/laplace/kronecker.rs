//! A curvature that is a Kronecker product, in the basis of its eigenvectors, where a prior precision is added exactly.

use crate::engine::Real;
use crate::infer::laplace::jacobian::{Jacobian, Map, Piece};
use crate::infer::laplace::linear_algebra::{Eigen, times, times_transposed, transposed};

/// The curvature L ⊗ R of a weight of (rows, columns), with L for its rows and R for its columns.
#[derive(Clone, Debug)]
pub(super) struct Kronecker {
    /// Rows and columns of the weight.
    sizes: [usize; 2],
    /// The eigenvectors of L and of R, as rows.
    vectors: [Vec<f64>; 2],
    /// The eigenvalues of the product, (rows, columns).
    pub(super) values: Vec<f64>,
}

impl Kronecker {
    /// From sums for the rows and for the columns, whose product is divided by `terms`.
    pub(super) fn new(factors: [Vec<f64>; 2], terms: usize) -> Self {
        let sizes = factors.each_ref().map(|factor| factor.len().isqrt());
        let [left, right] = [0, 1].map(|i| Eigen::of(&factors[i], sizes[i]));
        let values = left.values.iter().flat_map(|l| right.values.iter().map(move |r| l * r / terms as f64)).collect();
        Kronecker { sizes, vectors: [left.vectors, right.vectors], values }
    }

    /// The element of the weight that is the largest in the eigenvector of this eigenvalue.
    pub(super) fn largest_element(&self, value: usize) -> usize {
        let [_, columns] = self.sizes;
        let [row, column] = [0, 1].map(|i| {
            let vector = &self.vectors[i][[value / columns, value % columns][i] * self.sizes[i]..][..self.sizes[i]];
            (0..vector.len()).max_by(|&a, &b| vector[a].abs().total_cmp(&vector[b].abs())).unwrap_or(0)
        });
        row * columns + column
    }

    /// The coordinates of a weight among the eigenvectors.
    pub(super) fn coordinates(&self, weight: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.sizes;
        let left = times(&self.vectors[0], weight, [rows, rows, columns]);
        times_transposed(&left, &self.vectors[1], [rows, columns, columns])
    }

    /// The weight with these coordinates.
    pub(super) fn with_coordinates(&self, coordinates: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.sizes;
        let left = times(&transposed(&self.vectors[0], [rows, rows]), coordinates, [rows, rows, columns]);
        times(&left, &self.vectors[1], [rows, columns, columns])
    }

    /// The variance of each element, for these precisions of the coordinates.
    pub(super) fn variances(&self, precisions: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.sizes;
        let squares = self.vectors.each_ref().map(|vectors| vectors.iter().map(|x| x * x).collect::<Vec<f64>>());
        let inverse: Vec<f64> = precisions.iter().map(|p| 1.0 / p).collect();
        let left = times(&transposed(&squares[0], [rows, rows]), &inverse, [rows, rows, columns]);
        times(&left, &squares[1], [rows, columns, columns])
    }

    /// Adds J P⁻¹ Jᵀ to `out`, (rows, outputs, outputs), for these precisions P of the coordinates.
    pub(super) fn add_covariances<T: Real>(
        &self,
        precisions: &[f64],
        jacobian: &Jacobian<T>,
        piece: &Piece,
        out: &mut [f64],
    ) {
        let outputs = jacobian.outputs;
        match piece {
            Piece::Weight(map) if map.positions == 1 => {
                add_of_map(precisions, map, Some(&self.vectors), [jacobian.rows, outputs], out);
            }
            piece => {
                for (row, out) in out.chunks_exact_mut(outputs * outputs).enumerate() {
                    let of_row = piece.row(row, outputs);
                    let of_outputs = of_row.chunks_exact(precisions.len()).map(|weight| self.coordinates(weight));
                    let scaled: Vec<f64> = of_outputs
                        .flat_map(|coordinates| coordinates.into_iter().zip(precisions).map(|(x, p)| x / p.sqrt()))
                        .collect();
                    let gram = times_transposed(&scaled, &scaled, [outputs, precisions.len(), outputs]);
                    out.iter_mut().zip(gram).for_each(|(out, x)| *out += x);
                }
            }
        }
    }
}

/// Adds J P⁻¹ Jᵀ to `out`, (rows, outputs, outputs), for a map that is used once by each example, whose Jacobian is g ⊗ a:
/// without a matrix of outputs by elements. P has these precisions of the weight's elements, or of its coordinates among
/// the eigenvectors of its rows and columns.
pub(super) fn add_of_map(
    precisions: &[f64],
    map: &Map,
    vectors: Option<&[Vec<f64>; 2]>,
    [rows, outputs]: [usize; 2],
    out: &mut [f64],
) {
    let [inputs, features] = map.sizes;
    let [of_features, of_inputs] = if map.is_transposed { [1, 0] } else { [0, 1] };
    let inverse: Vec<f64> = precisions.iter().map(|p| 1.0 / p).collect();
    let turned = |x: &[f64], rows: usize, axis: usize, size: usize| match vectors {
        Some(vectors) => times_transposed(x, &vectors[axis], [rows, size, size]),
        None => x.to_vec(),
    };
    let squares: Vec<f64> = turned(&map.inputs, rows, of_inputs, inputs).iter().map(|x| x * x).collect();
    let scales = match map.is_transposed {
        true => times(&squares, &inverse, [rows, inputs, features]),
        false => times_transposed(&squares, &inverse, [rows, inputs, features]),
    };
    let identity = || (0..features * features).map(|i| f64::from(i / features == i % features)).collect::<Vec<f64>>();
    let shared = map.adjoints.is_none().then(|| turned(&identity(), features, of_features, features));
    for (row, out) in out.chunks_exact_mut(outputs * outputs).enumerate() {
        let scales = &scales[row * features..][..features];
        let own = map.adjoints_of(row, outputs).map(|adjoints| turned(adjoints, outputs, of_features, features));
        let coordinates = own.as_ref().or(shared.as_ref()).expect("adjoints, or the map's outputs are the model's");
        let scaled: Vec<f64> = coordinates.iter().enumerate().map(|(i, x)| x * scales[i % features]).collect();
        let gram = times_transposed(&scaled, coordinates, [outputs, features, outputs]);
        out.iter_mut().zip(gram).for_each(|(out, x)| *out += x);
    }
}
