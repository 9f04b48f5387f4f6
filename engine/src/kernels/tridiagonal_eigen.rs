//! Eigenvalues and eigenvectors of a large symmetric matrix, by reduction to a tridiagonal one.

use crate::Real;

/// The most iterations for one eigenvalue; two or three are usual.
const MAX_ITERATIONS: usize = 60;

/// Sets `values` to the eigenvalues of (A + Aᵀ)/2, in ascending order, and the rows of the n×n matrix `vectors` to eigenvectors
/// of length 1; `scratch` is as large. Both are NaN if A is not finite. The error of an eigenvalue is some rounding units of the
/// largest one.
///
/// Householder reflections reduce the matrix to a tridiagonal one, whose eigenvalues come from QL iterations with implicit
/// shifts (G. H. Golub and C. F. Van Loan, "Matrix Computations", 2013, sections 8.3.1 and 8.3.3; H. Bowdler et al., "The QR
/// and QL algorithms for symmetric matrices", 1968). Rows are combined, so that all loops are over contiguous memory.
///
/// # Panics
/// If a size does not match.
pub fn tridiagonal_eigen<T: Real>(a: &[T], values: &mut [T], vectors: &mut [T], scratch: &mut [T]) {
    let n = values.len();
    assert!(
        a.len() == n * n && vectors.len() == n * n && scratch.len() == n * n,
        "tridiagonal_eigen: {} elements do not make an {n}×{n} matrix",
        a.len()
    );
    let half = T::from_f64(0.5);
    for i in 0..n {
        for j in 0..n {
            scratch[i * n + j] = half * a[i * n + j] + half * a[j * n + i];
            vectors[i * n + j] = if i == j { T::ONE } else { T::ZERO };
        }
    }
    // Written so that NaN is kept.
    let scale = scratch.iter().fold(T::ZERO, |max, x| if x.abs() <= max { max } else { x.abs() });
    if !scale.is_finite() {
        values.fill(T::from_f64(f64::NAN));
        vectors.fill(T::from_f64(f64::NAN));
        return;
    }
    if scale == T::ZERO {
        return values.fill(T::ZERO);
    }
    scratch.iter_mut().for_each(|x| *x /= scale);
    let mut off = reduce(scratch, vectors, n);
    values.iter_mut().enumerate().for_each(|(i, value)| *value = scratch[i * n + i]);
    iterate(values, &mut off, vectors);
    values.iter_mut().for_each(|value| *value *= scale);
    for i in 0..n {
        let least = (i..n).fold(i, |least, k| if values[k] < values[least] { k } else { least });
        if least != i {
            values.swap(i, least);
            let (upper, lower) = vectors.split_at_mut(least * n);
            upper[i * n..][..n].swap_with_slice(&mut lower[..n]);
        }
    }
}

/// Replaces the symmetric `a` by a tridiagonal matrix Q · A · Qᵀ, multiplies `q` from the left by Q, and returns the elements
/// beside the diagonal, with one more.
fn reduce<T: Real>(a: &mut [T], q: &mut [T], n: usize) -> Vec<T> {
    let two = T::from_f64(2.0);
    let (mut v, mut w, mut off) = (vec![T::ZERO; n], vec![T::ZERO; n], vec![T::ZERO; n]);
    for k in 0..n.saturating_sub(1) {
        let rest = k + 1..n;
        // Row k is column k, as the matrix is symmetric.
        v[rest.clone()].copy_from_slice(&a[k * n..][rest.clone()]);
        let tail: T = v[k + 2..].iter().map(|&x| x * x).sum();
        if tail == T::ZERO {
            off[k] = v[k + 1];
            continue;
        }
        let norm = (tail + v[k + 1] * v[k + 1]).sqrt();
        off[k] = if v[k + 1] > T::ZERO { -norm } else { norm };
        v[k + 1] -= off[k];
        let beta = two / (tail + v[k + 1] * v[k + 1]);
        let v = &v[rest.clone()];
        let w = &mut w[rest.clone()];
        for (i, w) in rest.clone().zip(&mut *w) {
            *w = beta * dot(&a[i * n..][rest.clone()], v);
        }
        let share = beta / two * dot(w, v);
        w.iter_mut().zip(v).for_each(|(w, &v)| *w -= share * v);
        for (i, (&v_i, &w_i)) in rest.clone().zip(v.iter().zip(&*w)) {
            let row = &mut a[i * n..][rest.clone()];
            row.iter_mut().zip(v.iter().zip(&*w)).for_each(|(x, (&v, &w))| *x -= v_i * w + w_i * v);
        }
        reflect(q, v, beta, n, k + 1);
    }
    off
}

/// Multiplies `q` from the left by 1 − β v vᵀ, where v begins at row `first`.
fn reflect<T: Real>(q: &mut [T], v: &[T], beta: T, n: usize, first: usize) {
    let mut sums = vec![T::ZERO; n];
    for (row, &v) in q[first * n..].chunks_exact(n).zip(v) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += v * x);
    }
    for (row, &v) in q[first * n..].chunks_exact_mut(n).zip(v) {
        let factor = beta * v;
        row.iter_mut().zip(&sums).for_each(|(x, &sum)| *x -= factor * sum);
    }
}

/// Turns the tridiagonal matrix into a diagonal one by rotations of neighbours, which it also applies to the rows of
/// `vectors`.
fn iterate<T: Real>(diagonal: &mut [T], off: &mut [T], vectors: &mut [T]) {
    let (n, two) = (diagonal.len(), T::from_f64(2.0));
    for first in 0..n {
        for _ in 0..MAX_ITERATIONS {
            // The end of the block that begins at `first`: the element beside it changes no eigenvalue.
            let is_zero = |i: usize| {
                let size = diagonal[i].abs() + diagonal[i + 1].abs();
                size + off[i].abs() == size
            };
            let last = (first..n - 1).find(|&i| is_zero(i)).unwrap_or(n - 1);
            if last == first {
                break;
            }
            // Wilkinson's shift: the eigenvalue of the first two rows that is nearer to the first.
            let ratio = (diagonal[first + 1] - diagonal[first]) / (two * off[first]);
            let root = (ratio * ratio + T::ONE).sqrt();
            let shift = off[first] / (ratio + if ratio < T::ZERO { -root } else { root });
            let mut g = diagonal[last] - diagonal[first] + shift;
            let (mut sin, mut cos, mut moved) = (T::ONE, T::ONE, T::ZERO);
            let mut ended = false;
            for i in (first..last).rev() {
                let (f, b) = (sin * off[i], cos * off[i]);
                let r = (f * f + g * g).sqrt();
                off[i + 1] = r;
                if r == T::ZERO {
                    // The block splits here.
                    diagonal[i + 1] -= moved;
                    off[last] = T::ZERO;
                    ended = true;
                    break;
                }
                (sin, cos) = (f / r, g / r);
                g = diagonal[i + 1] - moved;
                let r = (diagonal[i] - g) * sin + two * cos * b;
                moved = sin * r;
                diagonal[i + 1] = g + moved;
                g = cos * r - b;
                rotate(vectors, n, i, [sin, cos]);
            }
            if !ended {
                diagonal[first] -= moved;
                off[first] = g;
                off[last] = T::ZERO;
            }
        }
    }
}

/// Rotates rows i and i + 1.
fn rotate<T: Real>(vectors: &mut [T], n: usize, i: usize, [sin, cos]: [T; 2]) {
    let (upper, lower) = vectors[i * n..][..2 * n].split_at_mut(n);
    for (x, y) in upper.iter_mut().zip(lower) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

/// Σ x y in eight partial sums.
fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let mut sums = [T::ZERO; 8];
    let (x, y) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: T = x.remainder().iter().zip(y.remainder()).map(|(&x, &y)| x * y).sum();
    for (x, y) in x.zip(y) {
        sums.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (&x, &y))| *sum += x * y);
    }
    sums.into_iter().sum::<T>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut values, mut vectors) = (vec![0.0; n], vec![0.0; n * n]);
        tridiagonal_eigen(a, &mut values, &mut vectors, &mut vec![0.0; n * n]);
        (values, vectors)
    }

    /// Asserts that the rows of `vectors` are orthonormal eigenvectors of a.
    #[track_caller]
    fn assert_eigen(a: &[f64], n: usize) {
        let (values, vectors) = eigen(a, n);
        let scale = a.iter().fold(f64::MIN_POSITIVE, |max, x| max.max(x.abs())) * n as f64;
        assert!(values.is_sorted(), "{values:?}");
        for (i, (x, value)) in vectors.chunks_exact(n.max(1)).zip(&values).enumerate() {
            for (row, x_row) in a.chunks_exact(n).zip(x) {
                let product: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
                assert!((product - value * x_row).abs() < 1e-14 * scale, "{n}: value {i}");
            }
            for (j, y) in vectors.chunks_exact(n).enumerate() {
                let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13, "{n}: vectors {i} and {j}");
            }
        }
    }

    #[test]
    fn eigenvectors_of_any_symmetric_matrix_are_orthonormal() {
        for n in [0usize, 1, 2, 3, 10, 47] {
            let m: Vec<f64> = (0..n * n).map(|i| (i as f64 * 0.7).sin()).collect();
            let symmetric: Vec<f64> = (0..n * n).map(|i| m[i] + m[i % n * n + i / n]).collect();
            assert_eigen(&symmetric, n);
            // Of rank 2, with many zero eigenvalues, and scaled far from 1.
            let low: Vec<f64> = (0..n * n).map(|i| 1e-150 * (m[i / n] * m[i % n] + 1.0)).collect();
            assert_eigen(&low, n);
            // Diagonal, with repeated eigenvalues.
            let diagonal: Vec<f64> =
                (0..n * n).map(|i| if i / n == i % n { (i / n % 3) as f64 } else { 0.0 }).collect();
            assert_eigen(&diagonal, n);
            assert_eigen(&vec![0.0; n * n], n);
        }
    }

    #[test]
    fn eigenvalues_of_a_path_are_its_cosines() {
        let n = 33_usize;
        let a: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from((i / n).abs_diff(i % n) == 1))).collect();
        for (k, value) in eigen(&a, n).0.iter().enumerate() {
            let exact = 2.0 * ((n - k) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
            assert!((value - exact).abs() < 1e-14 * n as f64, "{k}: {value}, {exact}");
        }
    }

    #[test]
    fn eigenvalues_of_a_non_finite_matrix_are_nan() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (values, vectors) = eigen(&[1.0, bad, 0.0, 1.0], 2);
            assert!(values.iter().chain(&vectors).all(|x| x.is_nan()));
        }
    }
}
