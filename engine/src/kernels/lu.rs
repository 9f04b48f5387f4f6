//! Blocked LU decomposition with partial pivoting, to solve general systems; most of the work is matrix products.

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::triangular_solve::{BLOCK, Triangular};

/// A determinant: its sign and the logarithm of its magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Determinant {
    /// 1, −1, or 0 if the matrix is singular; NaN if the matrix contains NaN.
    pub(crate) sign: f64,
    /// ln |det|; −∞ if the matrix is singular.
    pub(crate) ln_abs: f64,
}

/// The length of the working memory that [`eliminate`] needs for `n` rows.
pub(crate) fn scratch(n: usize) -> usize {
    // First a panel, then the scratch memory of its triangular system, then the factor of its solution: at most n²/4.
    BLOCK * n + Triangular::<f64>::scratch(n).max(n * n / 4)
}

/// Replaces b by the x that solves A · x = b, and A by its factors; returns A's determinant. All are row-major; x has
/// `columns` columns, possibly 0. If A is singular, x is infinite or NaN.
///
/// The pivot of a column is its largest element (partial pivoting).
///
/// # Panics
/// If a size does not match.
pub(crate) fn eliminate<T: Real>(a: &mut [T], n: usize, columns: usize, x: &mut [T], scratch: &mut [T]) -> Determinant {
    assert!(
        a.len() == n * n && x.len() == n * columns,
        "eliminate: {} and {} elements do not make {n}×{n} and {n}×{columns} matrices",
        a.len(),
        x.len()
    );
    let mut determinant = Determinant { sign: 1.0, ln_abs: 0.0 };
    let (panel, rest) = scratch.split_at_mut(BLOCK * n);
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        // All rows of some columns of A, with the row exchanges so far applied.
        let panel = &mut panel[..n * width];
        for (row, a) in panel.chunks_exact_mut(width).zip(a.chunks_exact(n)) {
            row.copy_from_slice(&a[start..start + width]);
        }
        let (above, below) = panel.split_at_mut(start * width);
        if start > 0 {
            factor(a, n, start, false).solve(width, above, rest);
            let coefficients = &mut rest[..(n - start) * start];
            for (row, a) in coefficients.chunks_exact_mut(start).zip(a.chunks_exact(n).skip(start)) {
                row.iter_mut().zip(a).for_each(|(coefficient, &a)| *coefficient = -a);
            }
            let coefficients = Matrix::new(coefficients, n - start, start);
            gemm(coefficients, Matrix::new(above, start, width), below, Write::Add);
        }
        dispatch(Panel {
            width,
            panel: below,
            a: &mut a[start * n..],
            n,
            x: &mut x[start * columns..],
            columns,
            determinant: &mut determinant,
        });
        for (row, a) in panel.chunks_exact(width).zip(a.chunks_exact_mut(n)) {
            a[start..start + width].copy_from_slice(row);
        }
    }
    factor(a, n, n, false).solve(columns, x, rest);
    factor(a, n, n, true).solve(columns, x, rest);
    determinant
}

/// The first `n` rows and columns of a factor in a matrix with rows of `stride` elements.
fn factor<T>(data: &[T], stride: usize, n: usize, upper: bool) -> Triangular<'_, T> {
    Triangular { data, stride, n, upper, transposed: false, unit_diagonal: !upper }
}

/// Columns that are eliminated one by one, from their diagonal on; the row exchanges are applied to `a` and `x` too.
struct Panel<'a, T> {
    width: usize,
    panel: &'a mut [T],
    a: &'a mut [T],
    n: usize,
    x: &'a mut [T],
    columns: usize,
    determinant: &'a mut Determinant,
}

impl<T: Real> Kernel for Panel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Panel { width, panel, a, n, x, columns, determinant } = self;
        for j in 0..width {
            let mut largest = j;
            for i in j + 1..panel.len() / width {
                if panel[i * width + j].abs() > panel[largest * width + j].abs() {
                    largest = i;
                }
            }
            if largest != j {
                exchange(panel, width, j, largest);
                exchange(a, n, j, largest);
                exchange(x, columns, j, largest);
                determinant.sign = -determinant.sign;
            }
            let (done, below) = panel.split_at_mut((j + 1) * width);
            let row = &done[j * width + j..];
            let pivot = row[0];
            determinant.sign *= match pivot.to_f64() {
                0.0 => 0.0,
                pivot => pivot.signum(),
            };
            determinant.ln_abs += pivot.to_f64().abs().ln();
            if pivot == T::ZERO {
                // The whole column is zero: there is nothing to eliminate.
                continue;
            }
            for below in below.chunks_exact_mut(width) {
                let coefficient = below[j] / pivot;
                below[j] = coefficient;
                below[j + 1..].iter_mut().zip(&row[1..]).for_each(|(x, &row)| *x -= coefficient * row);
            }
        }
    }
}

/// Exchanges rows i < j of rows of `width` elements.
#[inline(always)]
fn exchange<T>(rows: &mut [T], width: usize, i: usize, j: usize) {
    let (first, second) = rows.split_at_mut(j * width);
    first[i * width..][..width].swap_with_slice(&mut second[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize) -> Vec<f64> {
        (0..len).map(|i| (i as f64 * i as f64 * 0.7 + 1.0).sin()).collect()
    }

    fn run(a: &[f64], n: usize, columns: usize) -> (Vec<f64>, Determinant) {
        let mut x = numbers(n * columns);
        let determinant = eliminate(&mut a.to_vec(), n, columns, &mut x, &mut vec![f64::NAN; scratch(n)]);
        (x, determinant)
    }

    #[test]
    fn the_solution_solves_the_system() {
        for n in [0, 1, 2, 5, 47, 48, 49, 97, 150] {
            for columns in [0, 1, 7] {
                let a = numbers(n * n);
                let (x, _) = run(&a, n, columns);
                for (i, b) in numbers(n * columns).into_iter().enumerate() {
                    let (i, c) = (i / columns, i % columns);
                    let product: f64 = (0..n).map(|j| a[i * n + j] * x[j * columns + c]).sum();
                    let size: f64 = (0..n).map(|j| (a[i * n + j] * x[j * columns + c]).abs()).sum();
                    assert!((product - b).abs() < 1e-13 * (1.0 + size) * n as f64, "{n}×{columns}");
                }
            }
        }
    }

    #[test]
    fn determinants_of_permutations_and_diagonals_are_right() {
        // Rotated rows: a cycle, which is even if its length is odd.
        for n in [1, 2, 3, 60, 61] {
            let mut a = vec![0.0; n * n];
            (0..n).for_each(|i| a[i * n + (i + 1) % n] = 2.0);
            let (_, determinant) = run(&a, n, 0);
            assert_eq!(determinant.sign, if n % 2 == 1 { 1.0 } else { -1.0 });
            assert!((determinant.ln_abs - n as f64 * 2f64.ln()).abs() < 1e-12);
        }
        assert_eq!(run(&[], 0, 0).1, Determinant { sign: 1.0, ln_abs: 0.0 });
    }

    #[test]
    fn a_singular_matrix_has_determinant_zero() {
        for n in [1, 3, 70] {
            let mut a = numbers(n * n);
            (0..n).for_each(|i| a[i * n + n / 2] = 0.0);
            let (x, determinant) = run(&a, n, 1);
            assert_eq!(determinant, Determinant { sign: 0.0, ln_abs: f64::NEG_INFINITY });
            assert!(x.iter().any(|x| !x.is_finite()));
        }
    }
}
