//! The Cholesky factor of symmetric positive-definite matrices.

use std::fmt;

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::cholesky::{BadPivot, cholesky, scratch};
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::triangular_solve::Triangular;
use crate::ops::batch::{square, squares, transpose, which};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

/// A matrix that has no Cholesky factor: see [`Var::try_cholesky`].
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct NotPositiveDefinite {
    /// The shape of the batch; empty for a single matrix.
    pub batch: Vec<usize>,
    /// The matrix's index in the batch, counted row by row.
    pub matrix: usize,
    /// The draw that the matrix belongs to; 0 unless the value has several draws.
    pub draw: usize,
    /// The index of the row and column at which the factorisation stopped.
    pub pivot: usize,
    /// The pivot, which must be positive; NaN if the matrix has an element that is not finite.
    pub value: f64,
    /// The jitter that was added to the diagonal.
    pub jitter: f64,
    /// The mean of the diagonal, without the jitter: the scale of a jitter that would help.
    pub mean_of_diagonal: f64,
}

impl fmt::Display for NotPositiveDefinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotPositiveDefinite { batch, matrix, draw, pivot, value, jitter, mean_of_diagonal } = self;
        f.write_str(&which(batch, *matrix))?;
        if *draw > 0 {
            write!(f, " in draw {draw}")?;
        }
        write!(f, " is not positive definite: pivot {pivot} is {value:e}")?;
        if *jitter != 0.0 {
            write!(f, " with the jitter {jitter:e}")?;
        }
        match value.is_nan() || !mean_of_diagonal.is_finite() {
            true => f.write_str(
                "; the matrix has an element that is not finite, or so large that it overflows: `Tape::first_non_finite` \
                 names the operation that computed the first one",
            ),
            false => write!(
                f,
                "; if the matrix should be positive definite, rounding made it indefinite: add a small number to its \
                 diagonal with `cholesky_with_jitter`, {:e} for example, or compute it in f64",
                (1e-6 * mean_of_diagonal.abs()).max(10.0 * jitter)
            ),
        }
    }
}

/// As [`Display`](fmt::Display), for a `main` that returns it.
impl fmt::Debug for NotPositiveDefinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotPositiveDefinite {}

impl<'t, T: Real> Var<'t, T> {
    /// The lower triangular L with L · Lᵀ = A of a symmetric positive-definite matrix A, or of each in a batch
    /// (.., n, n).
    ///
    /// Only the symmetric part (A + Aᵀ)/2 of A is used, so the gradient is symmetric.
    ///
    /// The adjoint is that of I. Murray, "Differentiation of the Cholesky decomposition", 2016, equation 10.
    ///
    /// # Panics
    /// If the last two axes differ in length, or a matrix is not positive definite to working precision: the message
    /// names the matrix of the batch, and the pivot and its value. Rounding can do that to a covariance matrix: use
    /// [`cholesky_with_jitter`](Var::cholesky_with_jitter). A training step that can recover uses
    /// [`try_cholesky`](Var::try_cholesky).
    #[track_caller]
    pub fn cholesky(self) -> Var<'t, T> {
        factor_of("cholesky", self, 0.0)
    }

    /// The [Cholesky factor](Var::cholesky) of A + `jitter` · 1: a small number on the diagonal keeps a matrix positive
    /// definite that is so only up to rounding. 1e-6 times the mean of the diagonal is usual in single precision.
    ///
    /// ```
    /// use elbo_engine::{Tape, Tensor};
    ///
    /// let singular: Tensor<f64> = Tensor::new([2, 2], [1.0, 1.0, 1.0, 1.0]);
    /// let tape = Tape::new();
    /// let l = tape.input(&singular).cholesky_with_jitter(1e-6);
    /// assert!((l.value()[3] - 2e-6f64.sqrt()).abs() < 1e-9);
    /// ```
    ///
    /// # Panics
    /// As [`cholesky`](Var::cholesky), and if the jitter is negative or not finite.
    #[track_caller]
    pub fn cholesky_with_jitter(self, jitter: f64) -> Var<'t, T> {
        factor_of("cholesky_with_jitter", self, jitter)
    }

    /// [`cholesky_with_jitter`](Var::cholesky_with_jitter) for matrices that may not be positive definite, such as one
    /// computed from data: the step can be skipped, or repeated with a larger jitter.
    ///
    /// # Errors
    /// If a matrix is not positive definite: the first one, with its pivot.
    ///
    /// # Panics
    /// If the last two axes differ in length, or the jitter is negative or not finite.
    #[track_caller]
    pub fn try_cholesky(self, jitter: f64) -> Result<Var<'t, T>, NotPositiveDefinite> {
        try_factor("try_cholesky", self, jitter)
    }
}

/// The factors; `name` appears in messages.
///
/// # Panics
/// As [`Var::cholesky_with_jitter`].
#[track_caller]
pub(crate) fn factor_of<'t, T: Real>(name: &str, a: Var<'t, T>, jitter: f64) -> Var<'t, T> {
    match try_factor(name, a, jitter) {
        Ok(l) => l,
        Err(error) => panic!("{name}: {error}"),
    }
}

#[track_caller]
fn try_factor<'t, T: Real>(name: &str, a: Var<'t, T>, jitter: f64) -> Result<Var<'t, T>, NotPositiveDefinite> {
    let n = square(name, a.shape());
    assert!(
        jitter >= 0.0 && jitter.is_finite(),
        "{name}: the jitter is {jitter}; expected a finite number that is not negative"
    );
    let l = a.tape().record(Cholesky { jitter }, &[a], [a.shape()])[0];
    // The kernel fills the whole factor of a matrix that has none.
    match l.value().chunks_exact((n * n).max(1)).position(|l| l.first().is_some_and(|x| x.is_nan())) {
        None => Ok(l),
        Some(matrix) => Err(describe(a, matrix, jitter)),
    }
}

/// Factors matrix `index` again, which failed, to find its pivot.
#[cold]
fn describe<T: Real>(a: Var<'_, T>, index: usize, jitter: f64) -> NotPositiveDefinite {
    let n = square("cholesky", a.shape());
    let matrix = &a.value()[index * n * n..][..n * n];
    let (mut l, mut working) = (vec![T::ZERO; n * n], vec![T::ZERO; scratch(n)]);
    let outcome = cholesky(matrix, n, T::from_f64(jitter), &mut l, &mut working);
    let BadPivot { index: pivot, value } = outcome.expect_err("the matrix failed before");
    let per_draw = a.len() / (n * n);
    let diagonal = matrix.iter().step_by(n + 1).map(|x| x.to_f64());
    NotPositiveDefinite {
        batch: a.shape()[..a.shape().len() - 2].to_vec(),
        matrix: index % per_draw,
        draw: index / per_draw,
        pivot,
        value,
        jitter,
        mean_of_diagonal: diagonal.sum::<f64>() / n as f64,
    }
}

#[derive(Clone, Copy)]
struct Cholesky {
    jitter: f64,
}

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
            // A failure shows in the factor, where `try_factor` looks for it.
            let _ = cholesky(&a.data[matrix.clone()], n, T::from_f64(self.jitter), &mut out[matrix], working);
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
                if all_zero(g) {
                    write.clear(target);
                    continue;
                }
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
