//! `logdet`, `slogdet` and `logdet_positive_definite`: logarithms of determinants.

use crate::kernels::chain::chain;
use crate::kernels::lu;
use crate::ops::batch::{square, squares, transpose};
use crate::ops::cholesky::factor_of;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// ln det A of a square matrix, or of each in a batch: (.., n, n) to (..), by LU decomposition with partial
    /// pivoting. NaN if the determinant is negative (see [`slogdet`](Var::slogdet)), −∞ if it is zero; an empty matrix has
    /// determinant 1.
    ///
    /// # Panics
    /// If the last two axes differ in length.
    #[track_caller]
    pub fn logdet(self) -> Var<'t, T> {
        logdet("logdet", self)[1]
    }

    /// Sign and ln |det A| of a square matrix, or of each in a batch. The sign is 1, −1 or 0, and has no gradient.
    ///
    /// # Panics
    /// If the last two axes differ in length.
    #[track_caller]
    pub fn slogdet(self) -> [Var<'t, T>; 2] {
        logdet("slogdet", self)
    }

    /// ln det A of a symmetric positive-definite matrix, or of each in a batch, through its [Cholesky
    /// factor](Var::cholesky): half the work of [`logdet`](Var::logdet). If the factor L is already known, or is computed
    /// [with a jitter](Var::cholesky_with_jitter), use `l.diagonal().ln().sum_axes(&[-1], false) * 2.0`.
    ///
    /// # Panics
    /// As [`cholesky`](Var::cholesky).
    #[track_caller]
    pub fn logdet_positive_definite(self) -> Var<'t, T> {
        factor_of("logdet_positive_definite", self, 0.0).diagonal().ln().sum_axes(&[-1], false) * 2.0
    }
}

#[track_caller]
fn logdet<'t, T: Real>(name: &'static str, a: Var<'t, T>) -> [Var<'t, T>; 2] {
    square(name, a.shape());
    let batch = &a.shape()[..a.shape().len() - 2];
    a.tape().record(LogDet { name }, &[a], [batch, batch])
}

/// Sign and logarithm; `logdet`, which does not return the sign, makes the latter NaN for a negative one.
#[derive(Clone, Copy)]
struct LogDet {
    name: &'static str,
}

impl<T: Real> Operation<T> for LogDet {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let a = io.input(0);
        let n = square(self.name, a.shape);
        let (factors, working) = (io.scratch(n * n), io.scratch(lu::scratch(n)));
        let [signs, logarithms] = io.outputs();
        for (i, matrix) in squares(a.shape).enumerate() {
            factors.copy_from_slice(&a.data[matrix]);
            let lu::Determinant { sign, ln_abs } = lu::eliminate(factors, n, 0, &mut [], working);
            signs[i] = T::from_f64(sign);
            let undefined = sign < 0.0 && self.name == "logdet";
            logarithms[i] = T::from_f64(if undefined { f64::NAN } else { ln_abs });
        }
    }

    /// g A⁻ᵀ.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let a = io.input(0);
        let n = square(self.name, a.shape);
        let Some(g) = io.upstream(1) else {
            // Only the sign was used.
            io.give(0, |_| T::ZERO);
            return;
        };
        let [factors, inverse] = [(); 2].map(|()| io.scratch(n * n));
        let working = io.scratch(lu::scratch(n));
        io.accumulate(0, |target, write| {
            for (&g, matrix) in g.iter().zip(squares(a.shape)) {
                transpose(&a.data[matrix.clone()], n, factors);
                inverse.fill(T::ZERO);
                inverse.iter_mut().step_by(n + 1).for_each(|x| *x = T::ONE);
                lu::eliminate(factors, n, n, inverse, working);
                for (target, &x) in target[matrix].iter_mut().zip(&*inverse) {
                    write.put(chain(g, x), target);
                }
            }
        });
    }
}
