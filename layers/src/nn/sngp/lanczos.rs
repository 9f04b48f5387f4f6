//! The largest singular value of a matrix, by Lanczos bidiagonalisation.

use crate::engine::Key;
use crate::engine::random::normals;

/// A singular value with its vectors, and how far they are from one.
pub(super) struct Singular {
    /// u, of length rows, of norm 1; 0 for a matrix of zeros.
    pub(super) left: Vec<f64>,
    /// v, of length columns, of norm 1; 0 for a matrix of zeros.
    pub(super) right: Vec<f64>,
    /// uᵀ A v.
    pub(super) value: f64,
    /// ‖A v − σu‖ or ‖Aᵀu − σv‖, the larger: the exact singular value is at most this far.
    pub(super) residual: f64,
}

/// The steps before the first look at convergence.
const FIRST_LOOK: usize = 8;

/// The steps between two looks.
const BETWEEN_LOOKS: usize = 4;

/// The largest singular value of a matrix of this shape, row by row, to a residual of `tolerance` times it: Golub and Kahan
/// (1965), with reorthogonalisation, from a fixed random start. A residual tells how near the value is to some singular value.
/// That it is the largest holds unless the start is orthogonal to its vector, which has probability 0 for a weight that does
/// not depend on the start.
pub(super) fn largest(matrix: &[f64], [rows, columns]: [usize; 2], tolerance: f64) -> Singular {
    let times = |x: &[f64]| -> Vec<f64> { matrix.chunks_exact(columns).map(|row| dot(row, x)).collect() };
    let times_transposed = |x: &[f64]| {
        let mut y = vec![0.0; columns];
        matrix.chunks_exact(columns).zip(x).for_each(|(row, &x)| add(&mut y, x, row));
        y
    };
    if rows == 0 || columns == 0 {
        return Singular { left: vec![0.0; rows], right: vec![0.0; columns], value: 0.0, residual: 0.0 };
    }
    // The first vector is one of the shorter side, so that the vectors of that side span all of it in the end.
    if columns <= rows {
        bidiagonalise(&times, &times_transposed, columns, tolerance)
    } else {
        let Singular { left, right, value, residual } = bidiagonalise(&times_transposed, &times, rows, tolerance);
        Singular { left: right, right: left, value, residual }
    }
}

/// [`largest`] of the matrix A by its products A x and Aᵀ x, for x of `short` elements.
fn bidiagonalise(
    times: &dyn Fn(&[f64]) -> Vec<f64>,
    times_transposed: &dyn Fn(&[f64]) -> Vec<f64>,
    short: usize,
    tolerance: f64,
) -> Singular {
    let mut v = vec![0.0; short];
    normals(Key::new(0).at("Lanczos"), 0, &mut v);
    normalise(&mut v);
    let (mut rights, mut lefts): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    let (mut alphas, mut betas): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut scale: f64 = 0.0;
    loop {
        let mut u = times(&v);
        let whole = norm(&u);
        scale = scale.max(whole);
        orthogonalise(&mut u, &lefts);
        let alpha = normalise(&mut u);
        rights.push(v);
        // A v lies in the span of the vectors before, which A and its transpose then keep.
        let is_new = alpha > scale * SPANNED;
        if !is_new {
            break;
        }
        alphas.push(alpha);
        let mut next = times_transposed(&u);
        lefts.push(u);
        orthogonalise(&mut next, &rights);
        let beta = normalise(&mut next);
        betas.push(beta);
        let steps = alphas.len();
        let goes_on = beta > scale * SPANNED;
        if steps == short || !goes_on {
            break;
        }
        if steps >= FIRST_LOOK && steps.is_multiple_of(BETWEEN_LOOKS) {
            let (value, p) = top(&alphas, &betas, false);
            if beta * p[steps - 1].abs() <= 0.5 * tolerance * value {
                break;
            }
        }
        v = next;
    }
    if alphas.is_empty() {
        // 0, or not a number.
        let mut left = times(&rights[0]);
        let value = norm(&left);
        left.fill(value);
        return Singular { left, right: vec![value; short], value, residual: value };
    }
    let is_spanned = rights.len() > alphas.len();
    let (_, p) = top(&alphas, &betas, is_spanned);
    let mut left = vec![0.0; lefts[0].len()];
    lefts.iter().zip(&p).for_each(|(u, &p)| add(&mut left, p, u));
    normalise(&mut left);
    let mut right = times_transposed(&left);
    let value = normalise(&mut right);
    let mut away = times(&right);
    add(&mut away, -value, &left);
    Singular { left, right, value, residual: norm(&away) }
}

/// A vector shorter than this, relative to the largest product, is rounding.
const SPANNED: f64 = 1e-14;

/// The largest singular value of the upper bidiagonal matrix B of this diagonal and these elements above it, and its left vector:
/// from B Bᵀ, which is tridiagonal. `with_last`: B has one column more than rows, by the last of `betas`.
fn top(alphas: &[f64], betas: &[f64], with_last: bool) -> (f64, Vec<f64>) {
    let n = alphas.len();
    let beta = |i: usize| if i + 1 < n || with_last { betas[i] } else { 0.0 };
    let diagonal: Vec<f64> = (0..n).map(|i| alphas[i] * alphas[i] + beta(i) * beta(i)).collect();
    let beside: Vec<f64> = (1..n).map(|i| alphas[i] * betas[i - 1]).collect();
    // Between the largest element of the diagonal and Gershgorin's bound.
    let mut low = diagonal.iter().copied().fold(0.0, f64::max);
    let around = |i: usize| i.checked_sub(1).map_or(0.0, |i| beside[i]) + beside.get(i).unwrap_or(&0.0);
    let mut high = (0..n).map(|i| diagonal[i] + around(i)).fold(0.0, f64::max) * (1.0 + 1e-15);
    let mut factor = vec![0.0; n];
    while high - low > 1e-15 * high {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if is_above(middle, &diagonal, &beside, &mut factor) { high = middle } else { low = middle }
    }
    // Inverse iteration just above the eigenvalue, where the shifted matrix is positive definite.
    let mut shift = high;
    while !is_above(shift, &diagonal, &beside, &mut factor) {
        if !shift.is_finite() {
            return (f64::NAN, vec![f64::NAN; n]);
        }
        shift = shift * (1.0 + 1e-15) + f64::MIN_POSITIVE;
    }
    let mut p = vec![1.0; n];
    for _ in 0..3 {
        for i in 1..n {
            p[i] += beside[i - 1] / factor[i - 1] * p[i - 1];
        }
        p[n - 1] /= factor[n - 1];
        for i in (0..n - 1).rev() {
            p[i] = (p[i] + beside[i] * p[i + 1]) / factor[i];
        }
        normalise(&mut p);
    }
    (high.sqrt(), p)
}

/// Whether `shift` is above every eigenvalue: whether the pivots of shift − T, written to `factor`, are positive.
fn is_above(shift: f64, diagonal: &[f64], beside: &[f64], factor: &mut [f64]) -> bool {
    for i in 0..diagonal.len() {
        let before = if i == 0 { 0.0 } else { beside[i - 1] * beside[i - 1] / factor[i - 1] };
        factor[i] = shift - diagonal[i] - before;
        let is_positive = factor[i] > 0.0;
        if !is_positive {
            return false;
        }
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums, which vectorise.
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// y += c x.
fn add(y: &mut [f64], c: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += c * x);
}

/// The Euclidean norm, without overflow.
fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0, |max: f64, x| if x.is_nan() { *x } else { max.max(x.abs()) });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * x.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}

/// Divides by the norm, unless that is 0, and returns it.
fn normalise(x: &mut [f64]) -> f64 {
    let norm = norm(x);
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x /= norm);
    }
    norm
}

/// Removes the parts along the vectors of an orthonormal basis, twice.
fn orthogonalise(x: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for vector in basis {
            add(x, -dot(vector, x), vector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(matrix: &[f64], shape: [usize; 2], expected: f64) {
        let found = largest(matrix, shape, 1e-12);
        assert!((found.value / expected - 1.0).abs() < 1e-10, "{shape:?}: {} {expected}", found.value);
        assert!(found.residual <= 1e-10 * expected, "{shape:?}: {}", found.residual);
        assert!((norm(&found.left) - 1.0).abs() < 1e-12 && (norm(&found.right) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn diagonal_and_rank_one_matrices_are_exact() {
        for n in [1, 2, 7, 8, 9, 40, 100] {
            let diagonal: Vec<f64> =
                (0..n * n).map(|i| if i % n == i / n { 1.0 + (i % n) as f64 / 7.0 } else { 0.0 }).collect();
            check(&diagonal, [n, n], 1.0 + (n - 1) as f64 / 7.0);
            // Equal singular values, and sides of different lengths.
            let ones: Vec<f64> = (0..n * (n + 3)).map(|i| f64::from(u8::from(i % (n + 3) == i / (n + 3)))).collect();
            check(&ones, [n, n + 3], 1.0);
            check(&vec![0.5; n * 5], [n, 5], 0.5 * ((n * 5) as f64).sqrt());
            check(&vec![1e-200; n * 5], [5, n], 1e-200 * ((n * 5) as f64).sqrt());
        }
    }

    #[test]
    fn zeros_and_empty_matrices_have_the_value_0() {
        assert_eq!(largest(&[0.0; 6], [2, 3], 1e-8).value, 0.0);
        assert_eq!(largest(&[], [0, 3], 1e-8).value, 0.0);
        assert!(largest(&[1.0, f64::NAN], [1, 2], 1e-8).value.is_nan());
    }
}
