//! The eigenvalues of symmetric matrices.

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::eigen::symmetric_eigen;
use crate::kernels::gemm::{Matrix, gemm};
use crate::ops::batch::{square, squares};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The eigenvalues of a symmetric matrix, or of each in a batch (.., n, n), in ascending order: (.., n).
    ///
    /// Only the symmetric part (A + Aᵀ)/2 of A is used, so the gradient is symmetric: Σ g v vᵀ over the eigenvectors v.
    /// For repeated eigenvalues it depends on the computed basis of their eigenspace, unless they have the same
    /// adjoint. The eigenvalues of a matrix that is not finite are NaN.
    ///
    /// # Panics
    /// If the last two axes differ in length.
    #[track_caller]
    pub fn eigenvalues(self) -> Var<'t, T> {
        let shape = self.shape();
        square("eigenvalues", shape);
        self.tape().record(Eigenvalues, &[self], [&shape[..shape.len() - 1], shape])[0]
    }
}

/// The second output, the eigenvectors, is kept for the adjoint.
#[derive(Clone, Copy)]
struct Eigenvalues;

impl<T: Real> Operation<T> for Eigenvalues {
    fn name(&self) -> &'static str {
        "eigenvalues"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let a = io.input(0);
        let n = square("eigenvalues", a.shape);
        let working = io.scratch(n * n);
        let [values, vectors] = io.outputs();
        for (i, matrix) in squares(a.shape).enumerate() {
            let values = &mut values[i * n..][..n];
            symmetric_eigen(&a.data[matrix.clone()], values, &mut vectors[matrix], working);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (vectors, Some(g)) = (io.output(1), io.upstream(0)) else { return };
        let n = square("eigenvalues", vectors.shape);
        let (scaled, part) = (io.scratch(n * n), io.scratch(n * n));
        let half = T::from_f64(0.5);
        io.accumulate(0, |target, write| {
            for (k, matrix) in squares(vectors.shape).enumerate() {
                let (vectors, target) = (&vectors.data[matrix.clone()], &mut target[matrix]);
                if all_zero(&g[k * n..][..n]) {
                    write.clear(target);
                    continue;
                }
                for (i, x) in scaled.iter_mut().enumerate() {
                    *x = g[k * n + i / n] * vectors[i];
                }
                gemm(Matrix::new(vectors, n, n).t(), Matrix::new(scaled, n, n), part, Write::Store);
                // Exactly symmetric, to the last bit.
                for (i, target) in target.iter_mut().enumerate() {
                    let part = half * (part[i] + part[i % n * n + i / n]);
                    write.put(part, target);
                }
            }
        });
    }
}
