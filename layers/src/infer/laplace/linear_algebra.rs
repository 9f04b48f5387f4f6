//! Matrices in double precision: products, Cholesky factors, triangular systems, eigenvectors.

use crate::engine::kernels::Write;
use crate::engine::kernels::cholesky::{self, BadPivot};
use crate::engine::kernels::gemm::{Matrix, gemm};
use crate::engine::kernels::triangular_solve::Triangular;
use crate::engine::kernels::tridiagonal_eigen::tridiagonal_eigen;

/// a · b for a of (rows, inner) and b of (inner, columns).
pub(super) fn times(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3]) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    gemm(Matrix::new(a, rows, inner), Matrix::new(b, inner, columns), &mut out, Write::Store);
    out
}

/// a · bᵀ for a of (rows, inner) and b of (columns, inner).
pub(super) fn times_transposed(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3]) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    gemm(Matrix::new(a, rows, inner), Matrix::new(b, columns, inner).t(), &mut out, Write::Store);
    out
}

/// Adds aᵀ · b to `out`, for a of (inner, rows) and b of (inner, columns).
pub(super) fn add_transposed_times(a: &[f64], b: &[f64], [inner, rows, columns]: [usize; 3], out: &mut [f64]) {
    gemm(Matrix::new(a, inner, rows).t(), Matrix::new(b, inner, columns), out, Write::Add);
}

/// The transpose of a matrix of (rows, columns).
pub(super) fn transposed(a: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    (0..rows * columns).map(|i| a[i % rows * columns + i / rows]).collect()
}

/// The lower triangular L of A + diag(d) = L · Lᵀ.
///
/// # Errors
/// The first pivot that is not positive.
pub(super) fn cholesky_plus(a: &[f64], d: &[f64]) -> Result<Vec<f64>, BadPivot> {
    let n = d.len();
    let mut sum = a.to_vec();
    d.iter().enumerate().for_each(|(i, d)| sum[i * n + i] += d);
    let mut l = vec![0.0; n * n];
    cholesky::cholesky(&sum, n, 0.0, &mut l, &mut vec![0.0; cholesky::scratch(n)])?;
    Ok(l)
}

/// Replaces the columns of x, (n, columns), by L⁻¹ x, or by L⁻ᵀ x.
pub(super) fn solve_lower(l: &[f64], is_transposed: bool, columns: usize, x: &mut [f64]) {
    let n = x.len() / columns.max(1);
    let triangle = Triangular { data: l, stride: n, n, upper: false, transposed: is_transposed, unit_diagonal: false };
    triangle.solve(columns, x, &mut vec![0.0; Triangular::<f64>::scratch(n)]);
}

/// The eigenvalues of a symmetric matrix, and its eigenvectors as rows.
#[derive(Clone, Debug)]
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Vec<f64>,
}

impl Eigen {
    pub(super) fn of(a: &[f64], n: usize) -> Self {
        let (mut values, mut vectors) = (vec![0.0; n], vec![0.0; n * n]);
        tridiagonal_eigen(a, &mut values, &mut vectors, &mut vec![0.0; n * n]);
        Eigen { values, vectors }
    }
}
