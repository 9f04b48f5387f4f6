//! Matrix products, behind one function. The `gemm` crate does the work; `docs/decisions/` says why.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Real;
use crate::kernels::Write;
use crate::threads;

/// Multiply-adds below which a product stays on one thread.
const PARALLEL: usize = 1 << 20;

/// A matrix somewhere in memory, by strides: a transposition moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Row-major, without gaps.
    ///
    /// # Panics
    /// If the size is not `rows · columns`.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(data.len() == rows * columns, "{} elements are no {rows}×{columns} matrix", data.len());
        Matrix { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Matrix {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// `out = a · b` or `out += a · b`, with `out` row-major.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn gemm<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, out: &mut [T], write: Write) {
    assert!(
        a.columns == b.rows && out.len() == a.rows * b.columns,
        "gemm: {}×{} times {}×{} into {} elements",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        out.len()
    );
    if out.is_empty() {
        return;
    }
    if a.columns == 0 {
        // An empty sum.
        if write == Write::Store {
            out.fill(T::ZERO);
        }
        return;
    }
    let work = a.rows.saturating_mul(b.columns).saturating_mul(a.columns);
    let threads = if work < PARALLEL { 1 } else { threads::available() };
    let _inside = Inside::enter();
    T::product(a, b, out, write, threads);
}

/// A number type that the library multiplies matrices of.
pub trait Gemm: Sized {
    #[doc(hidden)]
    fn product(a: Matrix<'_, Self>, b: Matrix<'_, Self>, out: &mut [Self], write: Write, threads: usize);
}

macro_rules! product {
    ($type:ty) => {
        impl Gemm for $type {
            fn product(a: Matrix<'_, Self>, b: Matrix<'_, Self>, out: &mut [Self], write: Write, threads: usize) {
                let parallelism = match threads {
                    1 => ::gemm::Parallelism::None,
                    n => ::gemm::Parallelism::Rayon(n),
                };
                let n = b.columns;
                // SAFETY: `gemm` above checked that the shapes agree; a `Matrix` covers its slice by
                // construction, and `out` holds rows · columns elements, row-major.
                unsafe {
                    ::gemm::gemm(
                        a.rows,
                        n,
                        a.columns,
                        out.as_mut_ptr(),
                        1,
                        n as isize,
                        write == Write::Add,
                        a.data.as_ptr(),
                        a.column_stride as isize,
                        a.row_stride as isize,
                        b.data.as_ptr(),
                        b.column_stride as isize,
                        b.row_stride as isize,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    );
                }
            }
        }
    };
}

product!(f32);
product!(f64);

static INSIDE: AtomicUsize = AtomicUsize::new(0);

struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.fetch_add(1, Ordering::Relaxed);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether some thread is inside the library's product just now, so that an allocator that counts
/// can tell its scratch memory from ours.
pub fn is_inside() -> bool {
    INSIDE.load(Ordering::Relaxed) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(a: Matrix<'_, f64>, b: Matrix<'_, f64>) -> Vec<f64> {
        let at = |m: Matrix<'_, f64>, i: usize, j: usize| m.data[i * m.row_stride + j * m.column_stride];
        let row = |i: usize| (0..b.columns).map(move |j| (0..a.columns).map(|k| at(a, i, k) * at(b, k, j)).sum());
        (0..a.rows).flat_map(row).collect()
    }

    #[test]
    fn products_agree_with_the_definition() {
        let numbers: Vec<f64> = (0..600).map(|i| (f64::from(i) * 0.37).sin()).collect();
        for (m, k, n) in [(1, 1, 1), (3, 4, 5), (17, 20, 13), (1, 30, 7), (7, 30, 1), (2, 0, 3), (0, 2, 3)] {
            let (a, b) = (&numbers[..m * k], &numbers[..k * n]);
            let forms = [
                (Matrix::new(a, m, k), Matrix::new(b, k, n)),
                (Matrix::new(a, k, m).t(), Matrix::new(b, k, n)),
                (Matrix::new(a, m, k), Matrix::new(b, n, k).t()),
                (Matrix::new(a, k, m).t(), Matrix::new(b, n, k).t()),
            ];
            for (a, b) in forms {
                let mut out = vec![1.0; m * n];
                gemm(a, b, &mut out, Write::Add);
                let mut stored = vec![f64::NAN; m * n];
                gemm(a, b, &mut stored, Write::Store);
                for (i, expected) in definition(a, b).into_iter().enumerate() {
                    assert!((out[i] - expected - 1.0).abs() < 1e-12);
                    assert!((stored[i] - expected).abs() < 1e-12);
                }
            }
        }
    }

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn a_product_has_the_same_bits_for_any_thread_count() {
        let lengths = [1, 2, 3, 10, 31, 128, 400, 1001];
        let triples = lengths.iter().flat_map(|&m| lengths.iter().flat_map(move |&k| lengths.map(|n| (m, k, n))));
        let (a, b) = (numbers(1001 * 1001), numbers(1001 * 1001));
        // Large enough to be shared among threads; those of the smallest side are thin.
        for (m, k, n) in triples.filter(|(m, k, n)| (100_000..20_000_000).contains(&(m * k * n))) {
            let (a, b) = (&a[..m * k], &b[..k * n]);
            let forms = [
                (Matrix::new(a, m, k), Matrix::new(b, k, n)),
                (Matrix::new(a, k, m).t(), Matrix::new(b, k, n)),
                (Matrix::new(a, m, k), Matrix::new(b, n, k).t()),
            ];
            for (form, (a, b)) in forms.into_iter().enumerate() {
                let product = |threads| {
                    let mut out = vec![1.0; m * n];
                    Gemm::product(a, b, &mut out, Write::Add, threads);
                    out
                };
                let alone = product(1);
                for threads in [2, 3] {
                    assert!(product(threads) == alone, "{m}×{k} times {k}×{n}, form {form}, on {threads} threads");
                }
            }
        }
    }
}
