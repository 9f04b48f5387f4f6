//! Blocked solver for triangular systems of equations; most of the work is matrix products.

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::gemm::{Matrix, gemm};

/// Rows that are solved one by one before a product updates the others.
pub(crate) const BLOCK: usize = 48;

/// A triangle of a square row-major matrix, or its transpose. The other triangle is not read.
#[derive(Clone, Copy, Debug)]
pub struct Triangular<'a, T> {
    /// The memory; row i begins at element i · `stride`.
    pub data: &'a [T],
    /// The row stride.
    pub stride: usize,
    /// The number of rows and columns.
    pub n: usize,
    /// Whether it is the upper triangle.
    pub upper: bool,
    /// Whether to use the transpose of that triangle.
    pub transposed: bool,
    /// Whether to treat the diagonal as ones, without reading it.
    pub unit_diagonal: bool,
}

impl<T: Real> Triangular<'_, T> {
    /// The length of the working memory that [`solve`](Triangular::solve) needs for `n` rows.
    pub fn scratch(n: usize) -> usize {
        BLOCK * n
    }

    /// Replaces b by the x that solves A · x = b, with this triangle A. Both are row-major and have `columns` columns.
    ///
    /// # Panics
    /// If a size does not match.
    pub fn solve(self, columns: usize, x: &mut [T], scratch: &mut [T]) {
        let n = self.n;
        assert!(x.len() == n * columns, "solve: {} elements do not make an {n}×{columns} matrix", x.len());
        if x.is_empty() {
            return;
        }
        let blocks = n.div_ceil(BLOCK);
        for block in 0..blocks {
            let forwards = self.is_lower();
            let start = BLOCK * if forwards { block } else { blocks - 1 - block };
            let end = n.min(start + BLOCK);
            // The unknowns that are already solved, and those of the block.
            let (known, done, rows) = if forwards {
                let (done, rest) = x.split_at_mut(start * columns);
                (0..start, done, &mut rest[..(end - start) * columns])
            } else {
                let (rest, done) = x.split_at_mut(end * columns);
                (end..n, done, &mut rest[start * columns..])
            };
            if !known.is_empty() {
                let coefficients = &mut scratch[..(end - start) * known.len()];
                for (i, row) in (start..end).zip(coefficients.chunks_exact_mut(known.len())) {
                    known.clone().zip(row).for_each(|(j, coefficient)| *coefficient = -self.element(i, j));
                }
                let coefficients = Matrix::new(coefficients, end - start, known.len());
                gemm(coefficients, Matrix::new(done, known.len(), columns), rows, Write::Add);
            }
            dispatch(Rows { a: self, start, columns, x: rows });
        }
    }

    /// Whether the system to solve is lower triangular.
    #[inline(always)]
    fn is_lower(self) -> bool {
        self.upper == self.transposed
    }

    #[inline(always)]
    fn element(self, i: usize, j: usize) -> T {
        if self.transposed { self.data[j * self.stride + i] } else { self.data[i * self.stride + j] }
    }
}

/// The system of the rows from `start` on.
struct Rows<'a, T> {
    a: Triangular<'a, T>,
    start: usize,
    columns: usize,
    x: &'a mut [T],
}

impl<T: Real> Kernel for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Rows { a, start, columns, x } = self;
        let rows = x.len() / columns;
        for step in 0..rows {
            let i = if a.is_lower() { step } else { rows - 1 - step };
            let (above, rest) = x.split_at_mut(i * columns);
            let (row, below) = rest.split_at_mut(columns);
            let (first, known) = if a.is_lower() { (start, above) } else { (start + i + 1, below) };
            for (j, known) in known.chunks_exact(columns).enumerate() {
                let coefficient = a.element(start + i, first + j);
                row.iter_mut().zip(known).for_each(|(x, &known)| *x -= coefficient * known);
            }
            if !a.unit_diagonal {
                let pivot = a.element(start + i, start + i);
                row.iter_mut().for_each(|x| *x /= pivot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-conditioned triangle, with arbitrary numbers in the other one.
    fn numbers(len: usize) -> Vec<f64> {
        (0..len).map(|i| (i as f64 * 0.7).sin()).collect()
    }

    #[test]
    fn the_solution_solves_the_system() {
        for n in [0, 1, 2, 47, 48, 49, 130] {
            for columns in [0, 1, 3, 20] {
                let stride = n + 3;
                let mut data: Vec<f64> = numbers(n * stride).iter().map(|x| x / n as f64).collect();
                (0..n).for_each(|i| data[i * stride + i] += 2.0);
                for case in 0..8 {
                    let [upper, transposed, unit_diagonal] = [1, 2, 4].map(|bit| case & bit != 0);
                    let a = Triangular { data: &data, stride, n, upper, transposed, unit_diagonal };
                    let b = numbers(n * columns);
                    let mut x = b.clone();
                    a.solve(columns, &mut x, &mut vec![f64::NAN; Triangular::<f64>::scratch(n)]);
                    for i in 0..n {
                        for c in 0..columns {
                            let product: f64 = (0..n)
                                .filter(|&j| if a.is_lower() { j <= i } else { j >= i })
                                .map(|j| {
                                    let one = unit_diagonal && i == j;
                                    (if one { 1.0 } else { a.element(i, j) }) * x[j * columns + c]
                                })
                                .sum();
                            assert!((product - b[i * columns + c]).abs() < 1e-12, "{n}×{columns}, case {case}");
                        }
                    }
                }
            }
        }
    }
}
