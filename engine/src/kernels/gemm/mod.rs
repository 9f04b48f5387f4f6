//! Matrix products: our own kernels in `f32` on AVX-512, the `gemm` crate otherwise. `docs/decisions/004-gemm.md`
//! explains why.

#[cfg(target_arch = "x86_64")]
mod few_rows;
mod matrix;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::atomic::{AtomicUsize, Ordering};

pub use matrix::{Matrix, MatrixMut};

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Level, level};
use crate::threads::{self};

/// Multiply-adds below which a product stays on one thread.
const PARALLEL: usize = 1 << 21;

/// The initial value of a product's output.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum To<'a, T> {
    /// Zero.
    Zero,
    /// The current contents of the output.
    Before,
    /// One row, repeated for every row of the output.
    Row(&'a [T]),
}

impl<T> From<Write> for To<'_, T> {
    fn from(write: Write) -> Self {
        match write {
            Write::Store => To::Zero,
            Write::Add => To::Before,
        }
    }
}

/// `out = a · b` or `out += a · b`, with `out` row-major.
///
/// # Panics
/// If the shapes do not match.
#[track_caller]
pub fn gemm<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, out: &mut [T], write: Write) {
    product(a, b, MatrixMut::new(out, a.rows, b.columns), write.into(), threads(a, b));
}

/// `out = a · b`, with `row` added to every row.
///
/// # Panics
/// If the shapes do not match.
#[track_caller]
pub(crate) fn gemm_plus_row<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, row: &[T], out: &mut [T]) {
    assert!(row.len() == b.columns, "gemm: a row of {} elements cannot be added to {} columns", row.len(), b.columns);
    product(a, b, MatrixMut::new(out, a.rows, b.columns), To::Row(row), threads(a, b));
}

/// [`gemm()`] on the current thread, for work that is already split, into a matrix with any row stride.
///
/// # Panics
/// If the shapes do not match.
#[track_caller]
pub fn gemm_alone<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, out: MatrixMut<'_, T>, write: Write) {
    product(a, b, out, write.into(), 1);
}

fn threads<T>(a: Matrix<'_, T>, b: Matrix<'_, T>) -> usize {
    let work = a.rows.saturating_mul(b.columns).saturating_mul(a.columns);
    if work < PARALLEL { 1 } else { threads::available() }
}

#[track_caller]
fn product<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, mut out: MatrixMut<'_, T>, to: To<'_, T>, threads: usize) {
    assert!(
        a.columns == b.rows && out.rows == a.rows && out.columns == b.columns,
        "gemm: the shapes {}×{} times {}×{} into {}×{} do not match",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        out.rows,
        out.columns
    );
    if out.rows == 0 || out.columns == 0 {
        return;
    }
    if a.columns == 0 {
        // Empty sums.
        return (0..out.rows).for_each(|i| match to {
            To::Zero => out.row(i).fill(T::ZERO),
            To::Before => {}
            To::Row(row) => out.row(i).copy_from_slice(row),
        });
    }
    if let Some(own) = own::<T>() {
        // SAFETY: the level is that of AVX-512, and the shapes agree.
        return unsafe { own(a, b, out, to, threads) };
    }
    let write = match to {
        To::Zero => Write::Store,
        To::Before => Write::Add,
        To::Row(row) => {
            (0..out.rows).for_each(|i| out.row(i).copy_from_slice(row));
            Write::Add
        }
    };
    let _inside = Inside::enter();
    // SAFETY: the shapes agree.
    let product = || unsafe { T::library(a, b, out, write, threads) };
    if threads > 1 { threads::waiting(product) } else { product() }
}

/// A product on a given number of threads. Unsafe: the shapes must match, no side may be empty, a row must have as many
/// elements as `out` has columns, and the SIMD level must be AVX-512.
#[doc(hidden)]
pub type Product<T> = unsafe fn(Matrix<'_, T>, Matrix<'_, T>, MatrixMut<'_, T>, To<'_, T>, usize);

/// A scalar type with matrix products.
pub trait Gemm: Sized {
    /// Our own product, for AVX-512.
    #[doc(hidden)]
    const OWN: Option<Product<Self>>;

    /// The product of the `gemm` crate.
    ///
    /// # Safety
    /// The shapes match.
    #[doc(hidden)]
    unsafe fn library(a: Matrix<'_, Self>, b: Matrix<'_, Self>, out: MatrixMut<'_, Self>, write: Write, threads: usize);
}

/// Our own product, if it supports the current SIMD level.
fn own<T: Gemm>() -> Option<Product<T>> {
    T::OWN.filter(|_| level() == Level::Avx512)
}

/// Whether products in this scalar type are our own at the current SIMD level.
pub(crate) fn has_own_kernel<T: Gemm>() -> bool {
    own::<T>().is_some()
}

#[cfg(target_arch = "x86_64")]
const SINGLE: Option<Product<f32>> = Some(x86::product);

#[cfg(not(target_arch = "x86_64"))]
const SINGLE: Option<Product<f32>> = None;

macro_rules! product {
    ($type:ty, $own:expr) => {
        impl Gemm for $type {
            const OWN: Option<Product<Self>> = $own;

            unsafe fn library(
                a: Matrix<'_, Self>,
                b: Matrix<'_, Self>,
                out: MatrixMut<'_, Self>,
                write: Write,
                threads: usize,
            ) {
                let parallelism = match threads {
                    1 => ::gemm::Parallelism::None,
                    n => ::gemm::Parallelism::Rayon(n),
                };
                // SAFETY: the caller ensures that the shapes agree; a `Matrix` is within its slice by construction, and
                // `out` has its rows for itself.
                unsafe {
                    ::gemm::gemm(
                        a.rows,
                        b.columns,
                        a.columns,
                        out.data,
                        1,
                        out.row_stride as isize,
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

product!(f32, SINGLE);
product!(f64, None);

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

/// Whether any thread is currently inside the library's product, so that an allocator that counts can tell its scratch
/// memory from ours.
pub fn is_inside() -> bool {
    INSIDE.load(Ordering::Relaxed) > 0
}

#[cfg(test)]
mod tests {
    use super::matrix::span;
    use super::*;
    use crate::kernels::dispatch::with_level;

    fn definition<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>) -> Vec<f64> {
        let at = |m: Matrix<'_, T>, i: usize, j: usize| m.data[i * m.row_stride + j * m.column_stride].to_f64();
        let row = |i: usize| (0..b.columns).map(move |j| (0..a.columns).map(|k| at(a, i, k) * at(b, k, j)).sum());
        (0..a.rows).flat_map(row).collect()
    }

    /// Sizes around those of a tile and of a panel.
    const SIDES: [usize; 14] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 47, 48, 50, 97];

    fn check<T: Real>(tolerance: f64) {
        let numbers: Vec<T> = (0..100_000).map(|i| T::from_f64((f64::from(i) * 0.37).sin())).collect();
        let depths = [0, 1, 2, 15, 16, 30, 399, 400, 401, 900];
        let sizes = SIDES.iter().flat_map(|&m| SIDES.iter().flat_map(move |&n| depths.map(|k| (m, k, n))));
        for (m, k, n) in sizes.chain([(0, 2, 3), (3, 2, 0)]) {
            let (a, b, row) = (&numbers[..m * k], &numbers[7..7 + k * n], &numbers[3..3 + n]);
            let forms = [
                (Matrix::new(a, m, k), Matrix::new(b, k, n)),
                (Matrix::new(a, k, m).t(), Matrix::new(b, k, n)),
                (Matrix::new(a, m, k), Matrix::new(b, n, k).t()),
                (Matrix::new(a, k, m).t(), Matrix::new(b, n, k).t()),
            ];
            for (a, b) in forms {
                let mut added = vec![T::ONE; m * n];
                gemm(a, b, &mut added, Write::Add);
                let [mut stored, mut onto_row] = [(); 2].map(|()| vec![T::from_f64(f64::NAN); m * n]);
                gemm(a, b, &mut stored, Write::Store);
                gemm_plus_row(a, b, row, &mut onto_row);
                for (i, expected) in definition(a, b).into_iter().enumerate() {
                    let row = row[i % n].to_f64();
                    for (found, expected) in
                        [(added[i], expected + 1.0), (stored[i], expected), (onto_row[i], expected + row)]
                    {
                        let error = (found.to_f64() - expected).abs();
                        assert!(error < tolerance * (1.0 + k as f64), "{m}×{k} times {k}×{n}: {found:?} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn products_agree_with_the_definition() {
        check::<f64>(4e-15);
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            with_level(level, || check::<f32>(2e-6));
        }
    }

    #[test]
    fn a_row_has_the_same_bits_for_any_number_of_rows() {
        let numbers: Vec<f32> = (0..260_000).map(|i| (f64::from(i) * 0.37).sin() as f32).collect();
        let terms = [1, 15, 16, 30, 400, 401, 900, 1201, 2500];
        for (k, n) in terms.into_iter().flat_map(|k| [1, 15, 16, 48, 97].map(|n| (k, n))) {
            let (b, row) = (&numbers[7..7 + k * n], &numbers[3..3 + n]);
            for b in [Matrix::new(b, n, k).t(), Matrix::new(b, k, n)] {
                let product = |rows: usize| {
                    let mut out = vec![0.0; rows * n];
                    gemm_plus_row(Matrix::new(&numbers[..rows * k], rows, k), b, row, &mut out);
                    out
                };
                let many = product(9);
                // The library's algorithm depends on the number of rows.
                for rows in if has_own_kernel::<f32>() { 1..9 } else { 9..10 } {
                    assert_eq!(product(rows), many[..rows * n], "{rows}×{k} times {k}×{n}");
                }
            }
        }
    }

    #[test]
    fn skipping_zero_terms_does_not_change_the_product() {
        for (m, k, n) in [1, 5, 8, 31, 64, 128, 136].into_iter().flat_map(|m| [(m, 15, 10), (m, 400, 97), (m, 901, 48)])
        {
            // One of every three columns is zero, and one more in every third row; both signs of zero occur.
            let mut a = numbers(m * k);
            for (i, x) in a.iter_mut().enumerate() {
                if i % k % 3 == 0 || (i / k % 3 == 0 && i % k % 3 == 1) {
                    *x *= 0.0;
                }
            }
            for special in [None, Some(f32::INFINITY), Some(f32::NAN)] {
                let mut b = numbers(n * k);
                // A special value where all rows of the left-hand operand are zero.
                b[k / 2 / 3 * 3] = special.unwrap_or(1.0);
                let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, n, k).t());
                let product = |a, threads| {
                    let mut out = vec![1.0; m * n];
                    super::product(a, b, MatrixMut::new(&mut out, m, n), To::Before, threads);
                    out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let expected = product(a, 1);
                for threads in [1, 2, 3] {
                    assert!(product(a.with_zeros(), threads) == expected, "{m}×{k} times {k}×{n}, {special:?}");
                }
            }
        }
    }

    /// Operands and result with gaps between rows, in memory that ends with them.
    fn check_apart<T: Real>(tolerance: f64) {
        let numbers = |len| (0..len).map(|i| T::from_f64((f64::from(i as u32) * 0.37).sin())).collect::<Vec<T>>();
        let rows = [1, 2, 7, 8, 9, 17];
        let sizes = rows.iter().flat_map(|&m| [1, 2, 15, 17, 48, 50, 97].into_iter().map(move |n| (m, n)));
        for ((m, n), k) in sizes.flat_map(|size| [1, 17, 450].map(|k| (size, k))) {
            let [x, xt, y, yt] = [(m, k), (k, m), (k, n), (n, k)].map(|(r, c)| (numbers(span(r, c, c + 3)), r, c));
            fn matrix<T>((data, r, c): &(Vec<T>, usize, usize)) -> Matrix<'_, T> {
                Matrix::strided(data, *r, *c, c + 3)
            }
            for (a, b) in [
                (matrix(&x), matrix(&y)),
                (matrix(&xt).t(), matrix(&y)),
                (matrix(&x), matrix(&yt).t()),
                (matrix(&xt).t(), matrix(&yt).t()),
            ] {
                for write in [Write::Store, Write::Add] {
                    let mut out = vec![T::ONE; 2 + span(m, n, n + 5) + 2];
                    let end = out.len() - 2;
                    gemm_alone(a, b, MatrixMut::strided(&mut out[2..end], m, n, n + 5), write);
                    let before = if write == Write::Add { 1.0 } else { 0.0 };
                    let expected = definition(a, b);
                    for (i, &found) in out.iter().enumerate() {
                        let (row, column) = (i.wrapping_sub(2) / (n + 5), i.wrapping_sub(2) % (n + 5));
                        let is_inside = (2..end).contains(&i) && column < n;
                        let expected = if is_inside { expected[row * n + column] + before } else { 1.0 };
                        let error = (found.to_f64() - expected).abs();
                        assert!(error <= tolerance * k as f64, "{m}×{k} times {k}×{n}, {i}: {found:?} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn gaps_between_rows_are_not_written() {
        check_apart::<f64>(4e-15);
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            with_level(level, || check_apart::<f32>(2e-6));
        }
    }

    #[test]
    #[should_panic(expected = "3×2 matrix with row stride 9223372036854775808")]
    fn a_stride_that_overflows_is_rejected() {
        Matrix::strided(&[0.0; 10], 3, 2, 1 << 63);
    }

    #[test]
    #[should_panic(expected = "3×4 matrix with row stride 9")]
    fn rows_beyond_the_end_are_rejected() {
        Matrix::strided(&[0.0; 21], 3, 4, 9);
    }

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn a_product_has_the_same_bits_for_any_thread_count() {
        let lengths = [1, 2, 3, 10, 31, 128, 400, 1001];
        let triples = lengths.iter().flat_map(|&m| lengths.iter().flat_map(move |&k| lengths.map(|n| (m, k, n))));
        let (a, b) = (numbers(1001 * 1001), numbers(1001 * 1001));
        // Large enough to be split over threads; the smallest side is thin.
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
                    super::product(a, b, MatrixMut::new(&mut out, m, n), To::Before, threads);
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
