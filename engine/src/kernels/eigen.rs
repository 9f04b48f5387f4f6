//! Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi rotations.

use crate::Real;

/// The maximum number of passes over all pairs of rows; convergence is quadratic, and ten suffice for thousands of
/// rows.
const MAX_PASSES: usize = 40;

/// Sets `values` to the eigenvalues of (A + Aᵀ)/2, in ascending order, and the rows of the n×n matrix `vectors` to
/// eigenvectors of length 1; `scratch` is as large. Both are NaN if A is not finite.
///
/// This is C. G. J. Jacobi's method of 1846 in its cyclic form, with the rotations of G. H. Golub and C. F. Van Loan,
/// "Matrix Computations", 2013, section 8.5: it costs O(n³) with a larger constant than other methods, and is accurate
/// and simple.
///
/// # Panics
/// If a size does not match.
pub(crate) fn symmetric_eigen<T: Real>(a: &[T], values: &mut [T], vectors: &mut [T], scratch: &mut [T]) {
    let n = values.len();
    assert!(
        a.len() == n * n && vectors.len() == n * n && scratch.len() == n * n,
        "symmetric_eigen: {} elements do not make an {n}×{n} matrix",
        a.len()
    );
    let half = T::from_f64(0.5);
    for i in 0..n {
        for j in 0..n {
            scratch[i * n + j] = half * a[i * n + j] + half * a[j * n + i];
            vectors[i * n + j] = if i == j { T::ONE } else { T::ZERO };
        }
    }
    let scale = scratch.iter().fold(T::ZERO, |max, x| if x.abs() <= max { max } else { x.abs() });
    if !scale.is_finite() {
        values.fill(T::from_f64(f64::NAN));
        vectors.fill(T::from_f64(f64::NAN));
        return;
    }
    for _ in 0..MAX_PASSES {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                // An element below this changes no eigenvalue.
                if scale + scratch[p * n + q].abs() != scale {
                    rotate(scratch, vectors, n, [p, q]);
                    turned = true;
                }
            }
        }
        if !turned {
            break;
        }
    }
    for (i, value) in values.iter_mut().enumerate() {
        *value = scratch[i * n + i];
    }
    for i in 0..n {
        let least = (i..n).fold(i, |least, k| if values[k] < values[least] { k } else { least });
        values.swap(i, least);
        (0..n).for_each(|j| vectors.swap(i * n + j, least * n + j));
    }
}

/// Rotates the rows and columns p and q of a symmetric matrix so that their common element becomes zero.
fn rotate<T: Real>(a: &mut [T], vectors: &mut [T], n: usize, [p, q]: [usize; 2]) {
    let cotangent = (a[q * n + q] - a[p * n + p]) / (a[p * n + q] + a[p * n + q]);
    let size = T::ONE / (cotangent.abs() + (cotangent * cotangent + T::ONE).sqrt());
    let tangent = if cotangent < T::ZERO { -size } else { size };
    let cos = T::ONE / (tangent * tangent + T::ONE).sqrt();
    let sin = tangent * cos;
    let turn = |x: T, y: T| (cos * x - sin * y, sin * x + cos * y);
    for row in a.chunks_exact_mut(n) {
        (row[p], row[q]) = turn(row[p], row[q]);
    }
    for matrix in [&mut *a, vectors] {
        let (upper, lower) = matrix.split_at_mut(q * n);
        for (x, y) in upper[p * n..][..n].iter_mut().zip(&mut lower[..n]) {
            (*x, *y) = turn(*x, *y);
        }
    }
    a[p * n + q] = T::ZERO;
    a[q * n + p] = T::ZERO;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_a_path_are_its_cosines() {
        // Ones on the first off-diagonals: 2 cos(kπ/(n + 1)).
        for n in [0usize, 1, 2, 3, 10, 33] {
            let a: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from((i / n).abs_diff(i % n) == 1))).collect();
            let (mut values, mut vectors, mut scratch) = (vec![0.0; n], vec![0.0; n * n], vec![0.0; n * n]);
            symmetric_eigen(&a, &mut values, &mut vectors, &mut scratch);
            for (k, value) in values.iter().enumerate() {
                let exact = 2.0 * ((n - k) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
                assert!((value - exact).abs() < 1e-14 * n as f64, "{k} of {n}: {value}, {exact}");
            }
            for (vector, value) in vectors.chunks_exact(n.max(1)).zip(&values) {
                assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-14);
                for (row, x) in a.chunks_exact(n).zip(vector) {
                    let product: f64 = row.iter().zip(vector).map(|(a, x)| a * x).sum();
                    assert!((product - value * x).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn eigenvalues_of_a_non_finite_matrix_are_nan() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (mut values, mut vectors, mut scratch) = ([0.0; 2], [0.0; 4], [0.0; 4]);
            symmetric_eigen(&[1.0, bad, 0.0, 1.0], &mut values, &mut vectors, &mut scratch);
            assert!(values.iter().chain(&vectors).all(|x| x.is_nan()));
        }
    }
}
