//! Blocked Cholesky factorisation of a symmetric positive-definite matrix; most of the work is matrix products.

use std::cmp::Ordering;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::triangular_solve::BLOCK;

/// The length of the working memory that [`cholesky`] needs for `n` rows.
pub fn scratch(n: usize) -> usize {
    // A panel, its negated coefficients, and their product: at most n²/4.
    2 * BLOCK * n + n * n / 4
}

/// A pivot that is not positive: the square of the factor's diagonal element that it would have given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BadPivot {
    /// Its row and column.
    pub index: usize,
    /// Its value.
    pub value: f64,
}

/// Sets the n×n matrix `l` to the lower triangular L with L · Lᵀ = (A + Aᵀ)/2 + `jitter` · 1 and zeros above the diagonal.
/// If that is not positive definite to working precision, L is NaN on and below the diagonal.
///
/// # Errors
/// The first pivot that is not positive.
///
/// # Panics
/// If a size does not match.
pub fn cholesky<T: Real>(a: &[T], n: usize, jitter: T, l: &mut [T], scratch: &mut [T]) -> Result<(), BadPivot> {
    assert!(a.len() == n * n && l.len() == n * n, "cholesky: {} elements do not make an {n}×{n} matrix", a.len());
    l.fill(T::ZERO);
    let (panel, rest) = scratch.split_at_mut(BLOCK * n);
    let (coefficients, done) = rest.split_at_mut(BLOCK * n);
    let half = T::from_f64(0.5);
    for start in (0..n).step_by(BLOCK) {
        let (columns, rows) = (BLOCK.min(n - start), n - start);
        // Columns of L from the diagonal down, each stored as a row, so that the loops are contiguous.
        let panel = &mut panel[..columns * rows];
        for (j, column) in (start..).zip(panel.chunks_exact_mut(rows)) {
            (start..).zip(&mut *column).for_each(|(i, x)| *x = half * a[i * n + j] + half * a[j * n + i]);
            if jitter != T::ZERO {
                column[j - start] += jitter;
            }
        }
        if start > 0 {
            let done = &mut done[..rows * start];
            for (i, row) in (start..).zip(done.chunks_exact_mut(start)) {
                row.copy_from_slice(&l[i * n..i * n + start]);
            }
            let coefficients = &mut coefficients[..columns * start];
            coefficients.iter_mut().zip(&*done).for_each(|(coefficient, &x)| *coefficient = -x);
            let done = Matrix::new(done, rows, start);
            gemm(Matrix::new(coefficients, columns, start), done.t(), panel, Write::Add);
        }
        if let Some((column, value)) = dispatch(Panel { rows, panel }) {
            for (i, row) in l.chunks_exact_mut(n).enumerate() {
                row[..=i].fill(T::from_f64(f64::NAN));
            }
            return Err(BadPivot { index: start + column, value: value.to_f64() });
        }
        for (j, column) in panel.chunks_exact(rows).enumerate() {
            (start + j..n).for_each(|i| l[i * n + start + j] = column[i - start]);
        }
    }
    Ok(())
}

/// The columns of one panel, which depend only on each other; returns the first pivot that is not positive, with its
/// column.
struct Panel<'a, T> {
    rows: usize,
    panel: &'a mut [T],
}

impl<T: Real> Kernel for Panel<'_, T> {
    type Output = Option<(usize, T)>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Option<(usize, T)> {
        let Panel { rows, panel } = self;
        for j in 0..panel.len() / rows {
            let (done, rest) = panel.split_at_mut(j * rows);
            let column = &mut rest[j..rows];
            for done in done.chunks_exact(rows) {
                let coefficient = done[j];
                column.iter_mut().zip(&done[j..]).for_each(|(x, &done)| *x -= coefficient * done);
            }
            if column[0].partial_cmp(&T::ZERO) != Some(Ordering::Greater) {
                return Some((j, column[0]));
            }
            let pivot = column[0].sqrt();
            column.iter_mut().for_each(|x| *x /= pivot);
            column[0] = pivot;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(a: &[f64], n: usize, jitter: f64) -> (Vec<f64>, Result<(), BadPivot>) {
        let mut l = vec![7.0; n * n];
        let outcome = cholesky(a, n, jitter, &mut l, &mut vec![f64::NAN; scratch(n)]);
        (l, outcome)
    }

    /// M · Mᵀ/n + 1, symmetric only up to rounding.
    fn positive_definite(n: usize) -> Vec<f64> {
        let m: Vec<f64> = (0..n * n).map(|i| (i as f64 * 0.7).sin()).collect();
        let at = |i: usize, j: usize| (0..n).map(|k| m[i * n + k] * m[j * n + k]).sum::<f64>() / n as f64;
        (0..n * n).map(|i| at(i / n, i % n) + f64::from(i / n == i % n)).collect()
    }

    #[test]
    fn the_factor_times_its_transpose_is_the_matrix() {
        for (n, jitter) in [(0, 0.0), (1, 0.5), (2, 0.0), (47, 0.0), (48, 0.25), (49, 0.0), (97, 0.125), (150, 0.0)] {
            let mut a = positive_definite(n);
            let (l, outcome) = factor(&a, n, jitter);
            assert_eq!(outcome, Ok(()));
            (0..n).for_each(|i| a[i * n + i] += jitter);
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| l[i * n + k] * l[j * n + k]).sum();
                    assert!((product - a[i * n + j]).abs() < 1e-13, "{n}: {i}, {j}");
                    assert!(j <= i || l[i * n + j] == 0.0);
                }
                assert!(l[i * n + i] > 0.0);
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_gives_nan_and_the_pivot() {
        for n in [1, 5, 60, 100] {
            for bad in [0, n / 2, n - 1] {
                for value in [-1e-3, 0.0, f64::NAN] {
                    let mut a = positive_definite(n);
                    for i in 0..n {
                        (a[bad * n + i], a[i * n + bad]) = (0.0, 0.0);
                    }
                    a[bad * n + bad] = value;
                    let (l, outcome) = factor(&a, n, 0.0);
                    let BadPivot { index, value: pivot } = outcome.unwrap_err();
                    assert_eq!((index, pivot.to_bits()), (bad, value.to_bits()), "{n}");
                    assert!((0..n * n).all(|i| if i % n <= i / n { l[i].is_nan() } else { l[i] == 0.0 }));
                }
            }
        }
    }
}
