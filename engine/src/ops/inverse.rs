//! `inverse`: inverses of square matrices.

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::gemm::{Matrix, gemm};
use crate::ops::batch::{square, squares};
use crate::ops::solve::{System, check_regular};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The inverse of a square matrix, or of each in a batch (.., n, n).
    ///
    /// To multiply a vector by an inverse, use [`solve`](Var::solve): it is cheaper and more accurate.
    ///
    /// # Panics
    /// If the last two axes differ in length, or a matrix is singular (a pivot is exactly 0).
    #[track_caller]
    pub fn inverse(self) -> Var<'t, T> {
        square("inverse", self.shape());
        let inverse = self.tape().record(Inverse, &[self], [self.shape()])[0];
        check_regular("inverse", System::General, self, inverse);
        inverse
    }
}

#[derive(Clone, Copy)]
struct Inverse;

impl<T: Real> Operation<T> for Inverse {
    fn name(&self) -> &'static str {
        "inverse"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let a = io.input(0);
        let n = square("inverse", a.shape);
        let working = io.scratch(System::General.scratch(n));
        let out = io.output(0);
        for matrix in squares(a.shape) {
            let x = &mut out[matrix.clone()];
            x.fill(T::ZERO);
            x.iter_mut().step_by(n + 1).for_each(|x| *x = T::ONE);
            System::General.apply(&a.data[matrix], n, false, n, x, working);
        }
    }

    /// −A⁻ᵀ g A⁻ᵀ.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (y, g) = (io.output(0), io.upstream(0).expect("the only output"));
        let n = square("inverse", y.shape);
        let left = io.scratch(n * n);
        io.accumulate(0, |target, write| {
            for matrix in squares(y.shape) {
                let (y, g, target) =
                    (Matrix::new(&y.data[matrix.clone()], n, n), &g[matrix.clone()], &mut target[matrix]);
                if all_zero(g) {
                    write.clear(target);
                    continue;
                }
                gemm(y.t(), Matrix::new(g, n, n), left, Write::Store);
                left.iter_mut().for_each(|x| *x = -*x);
                gemm(Matrix::new(left, n, n), y.t(), target, write);
            }
        });
    }
}
