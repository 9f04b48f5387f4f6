//! The Cholesky factor of symmetric positive-definite matrices.

use crate::kernels::Write;
use crate::kernels::cholesky::{cholesky, scratch};
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::triangular_solve::Triangular;
use crate::ops::batch::{square, squares, transpose};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The lower triangular L with L · Lᵀ = A of a symmetric positive-definite matrix A, or of each in a batch
    /// (.., n, n).
    ///
    /// Only the symmetric part (A + Aᵀ)/2 of A is used, so the gradient is symmetric. If that part is not positive
    /// definite to working precision, L is NaN on and below the diagonal. This does not panic, because it depends on
    /// values and a training step may recover from it; [`Tape::first_non_finite`](crate::Tape::first_non_finite) finds
    /// the line.
    ///
    /// The adjoint is that of I. Murray, "Differentiation of the Cholesky decomposition", 2016, equation 10.
    ///
    /// # Panics
    /// If the last two axes differ in length.
    #[track_caller]
    pub fn cholesky(self) -> Var<'t, T> {
        square("cholesky", self.shape());
        self.tape().record(Cholesky, &[self], [self.shape()])[0]
    }
}

#[derive(Clone, Copy)]
struct Cholesky;

impl<T: Real> Operation<T> for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let a = io.input(0);
        let n = square("cholesky", a.shape);
        let working = io.scratch(scratch(n));
        let out = io.output(0);
        for matrix in squares(a.shape) {
            cholesky(&a.data[matrix.clone()], n, &mut out[matrix], working);
        }
    }

    /// Half the symmetric part of L⁻ᵀ Φ(Lᵀ G) L⁻¹, where Φ takes the lower triangle with half the diagonal.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (l, g) = (io.output(0), io.upstream(0).expect("the only output"));
        let n = square("cholesky", l.shape);
        let [product, transposed] = [(); 2].map(|()| io.scratch(n * n));
        let working = io.scratch(Triangular::<T>::scratch(n));
        let half = T::from_f64(0.5);
        io.accumulate(0, |target, write| {
            for matrix in squares(l.shape) {
                let (l, g, target) = (&l.data[matrix.clone()], &g[matrix.clone()], &mut target[matrix]);
                gemm(Matrix::new(l, n, n).t(), Matrix::new(g, n, n), product, Write::Store);
                for i in 0..n {
                    product[i * n + i] *= half;
                    product[i * n + i + 1..(i + 1) * n].fill(T::ZERO);
                }
                let upper = Triangular { data: l, stride: n, n, upper: false, transposed: true, unit_diagonal: false };
                upper.solve(n, product, working);
                transpose(product, n, transposed);
                upper.solve(n, transposed, working);
                for i in 0..n {
                    for j in 0..n {
                        let part = half * (transposed[i * n + j] + transposed[j * n + i]);
                        let target = &mut target[i * n + j];
                        write.put(part, target);
                    }
                }
            }
        });
    }
}
