//! `SparseMatrix`: a matrix with many zeros, and the linear map x · Wᵀ + b by it.

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::{Adjoints, Evaluation, Operation, Real, Tensor, Var};

/// Rows that are multiplied together, of which the sums for one output fill two vectors of 512 bits.
const ROWS: usize = 32;

/// Columns that are transposed together: a cache line of single precision.
const TILE: usize = 16;

/// The elements of a matrix (outputs, inputs) that are not 0, output by output.
#[derive(Clone, Debug)]
pub(crate) struct SparseMatrix<T> {
    inputs: usize,
    /// Where each output's elements start, and where the last one's end.
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> SparseMatrix<T> {
    /// The matrix, if it is one with a share of at most `most` elements that are not 0.
    pub(crate) fn of(tensor: &Tensor<T>, most: f64) -> Option<Self> {
        let &[outputs, inputs] = tensor.shape() else { return None };
        let count = tensor.data().iter().filter(|w| **w != T::ZERO).count();
        if count as f64 > most * tensor.len() as f64 || tensor.len() > u32::MAX as usize {
            return None;
        }
        let mut matrix = SparseMatrix {
            inputs,
            starts: Vec::with_capacity(outputs + 1),
            columns: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
        };
        matrix.starts.push(0);
        for row in tensor.data().chunks_exact(inputs.max(1)) {
            for (column, &w) in row.iter().enumerate().filter(|(_, w)| **w != T::ZERO) {
                matrix.columns.push(column as u32);
                matrix.values.push(w);
            }
            matrix.starts.push(matrix.values.len() as u32);
        }
        Some(matrix)
    }

    /// x · Wᵀ + b for x of shape (.., inputs).
    ///
    /// # Panics
    /// If the last axis of x is not the matrix's inputs.
    #[track_caller]
    pub(crate) fn affine<'t>(&'t self, x: Var<'t, T>, bias: Option<Var<'t, T>>) -> Var<'t, T> {
        let Some((_, axes)) = x.shape().split_last().filter(|(last, _)| **last == self.inputs) else {
            panic!("affine: an input of shape {:?} does not fit a weight of {} inputs", x.shape(), self.inputs);
        };
        let shape: Vec<usize> = axes.iter().copied().chain([self.outputs()]).collect();
        let [y] = match bias {
            Some(bias) => x.tape().record(Product(self), &[x, bias], [shape]),
            None => x.tape().record(Product(self), &[x], [shape]),
        };
        y
    }

    fn outputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// The inputs of an output, with their weights.
    #[inline(always)]
    fn of_output(&self, output: usize) -> impl Iterator<Item = (usize, T)> {
        let range = self.starts[output] as usize..self.starts[output + 1] as usize;
        self.columns[range.clone()].iter().zip(&self.values[range]).map(|(&column, &w)| (column as usize, w))
    }
}

/// The map of its first input, plus its second, if there is one.
#[derive(Clone, Copy)]
struct Product<'t, T>(&'t SparseMatrix<T>);

impl<T: Real> Operation<T> for Product<'_, T> {
    fn name(&self) -> &'static str {
        "sparse affine"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let bias = (io.inputs() > 1).then(|| io.input(1).data);
        let Product(matrix) = *self;
        let whole = x.len() / matrix.inputs.max(1) / ROWS * ROWS;
        let (scratch, out) = (io.scratch(ROWS * matrix.inputs), io.output(0));
        let (x, rest) = x.split_at(whole * matrix.inputs);
        let (out, rest_out) = out.split_at_mut(whole * matrix.outputs());
        dispatch(Rows::<T, ROWS> { matrix, bias, x, scratch, out });
        dispatch(Rows::<T, 1> { matrix, bias, x: rest, scratch, out: rest_out });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let Product(matrix) = *self;
        let g = io.upstream(0).expect("the only output");
        let (inputs, outputs) = (matrix.inputs, matrix.outputs());
        io.accumulate(0, |target, write| {
            if write == Write::Store {
                target.fill(T::ZERO);
            }
            for (target, g) in target.chunks_exact_mut(inputs.max(1)).zip(g.chunks_exact(outputs.max(1))) {
                for (output, &g) in g.iter().enumerate() {
                    matrix.of_output(output).for_each(|(column, w)| target[column] += w * g);
                }
            }
        });
        if io.inputs() > 1 {
            io.accumulate(1, |target, write| {
                if write == Write::Store {
                    target.fill(T::ZERO);
                }
                for g in g.chunks_exact(outputs.max(1)) {
                    target.iter_mut().zip(g).for_each(|(target, &g)| *target += g);
                }
            });
        }
    }
}

/// The map of whole groups of `R` rows. Those of a group are transposed, so that an element multiplies a vector of them.
struct Rows<'a, T, const R: usize> {
    matrix: &'a SparseMatrix<T>,
    bias: Option<&'a [T]>,
    x: &'a [T],
    scratch: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Real, const R: usize> Kernel for Rows<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Rows { matrix, bias, x, scratch, out } = self;
        let (inputs, outputs) = (matrix.inputs, matrix.outputs());
        if inputs == 0 || outputs == 0 {
            return;
        }
        for (x, out) in x.chunks_exact(R * inputs).zip(out.chunks_exact_mut(R * outputs)) {
            let transposed = &mut scratch[..R * inputs];
            for (from, columns) in (0..inputs).step_by(TILE).zip(transposed.chunks_mut(TILE * R)) {
                for r in 0..R {
                    let row = &x[r * inputs..][..inputs];
                    columns.chunks_exact_mut(R).zip(&row[from..]).for_each(|(column, &x)| column[r] = x);
                }
            }
            for from in (0..outputs).step_by(TILE) {
                let count = TILE.min(outputs - from);
                let mut tile = [[T::ZERO; R]; TILE];
                for (output, sums) in (from..from + count).zip(&mut tile) {
                    let mut own = [bias.map_or(T::ZERO, |bias| bias[output]); R];
                    for (column, w) in matrix.of_output(output) {
                        let factors = &transposed[column * R..][..R];
                        for r in 0..R {
                            own[r] += w * factors[r];
                        }
                    }
                    *sums = own;
                }
                for r in 0..R {
                    let row = &mut out[r * outputs + from..][..count];
                    row.iter_mut().zip(&tile).for_each(|(y, sums)| *y = sums[r]);
                }
            }
        }
    }
}

/// The sparse matrices among a model's weights.
#[derive(Clone, Debug)]
pub(crate) struct SparseMaps<T> {
    /// By the index of the weight.
    matrices: Vec<Option<SparseMatrix<T>>>,
}

impl<T: Real> SparseMaps<T> {
    /// The matrices among these with at most this share of elements that are not 0.
    pub(crate) fn of<'a>(tensors: impl Iterator<Item = &'a Tensor<T>>, most: f64) -> Self {
        SparseMaps { matrices: tensors.map(|tensor| SparseMatrix::of(tensor, most)).collect() }
    }

    /// The matrix of the weight with this index, if it is sparse.
    pub(crate) fn get(&self, index: usize) -> Option<&SparseMatrix<T>> {
        self.matrices.get(index).and_then(Option::as_ref)
    }

    /// Whether any matrix is sparse.
    pub(crate) fn is_any(&self) -> bool {
        self.matrices.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Gradients, Tape};

    /// A matrix of which two elements in three are 0.
    fn matrix(outputs: usize, inputs: usize) -> Tensor<f64> {
        let element = |i: usize| if i % 3 == 1 { (i as f64 * 0.37).sin() } else { 0.0 };
        Tensor::from_fn([outputs, inputs], element)
    }

    #[test]
    fn products_are_those_of_the_dense_matrix_with_their_gradients() {
        for (rows, inputs, outputs) in [(1, 5, 4), (33, 7, 3), (70, 40, 9), (32, 1, 1)] {
            let w = matrix(outputs, inputs);
            let sparse = SparseMatrix::of(&w, 0.5).unwrap();
            let both = (
                Tensor::<f64>::from_fn([rows, inputs], |i| (i as f64 * 0.71).cos()),
                Tensor::<f64>::from_fn([outputs], |i| i as f64 - 1.5),
            );
            let near = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            let (tape, [mut of_sparse, mut of_dense]) = (Tape::new(), [(); 2].map(|()| Gradients::of(&both)));
            let (x, bias) = (tape.param(&both.0), tape.param(&both.1));
            let (by_sparse, by_dense) = (sparse.affine(x, Some(bias)), x.affine(tape.input(&w), bias));
            assert!(near(by_sparse.value(), by_dense.value()));
            assert!(near(sparse.affine(x, None).value(), x.linear(tape.input(&w)).value()));
            by_sparse.square().sum().backward(&mut of_sparse);
            by_dense.square().sum().backward(&mut of_dense);
            for part in ["0", "1"] {
                assert!(near(of_sparse.get(part).unwrap(), of_dense.get(part).unwrap()), "{part}");
            }
        }
    }

    #[test]
    fn dense_matrices_and_other_shapes_stay_as_they_are() {
        assert!(SparseMatrix::of(&matrix(4, 6), 0.3).is_none());
        assert!(SparseMatrix::of(&Tensor::<f32>::zeros([4]), 1.0).is_none());
    }
}
