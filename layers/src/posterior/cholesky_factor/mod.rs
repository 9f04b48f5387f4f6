//! `CholeskyFactor`: the learned lower-triangular factor of a covariance matrix.

mod dense;
mod solve;
mod strictly_lower_product;

use crate::distribution::log_scale::{divisor, inverse_softplus, log_scales};
use crate::engine::{Parameters, Path, Real, Role, Tensor, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::sampling::Cx;

/// The maximum number of rows. A factor of this size takes half a gigabyte in `f32`, and training stores four copies.
const MOST_ROWS: usize = 1 << 14;

/// L, a lower-triangular matrix with a positive diagonal: the Cholesky factor of the covariance L Lᵀ.
///
/// The diagonal is softplus(ρ), so any ρ gives a valid covariance, whose determinant does not need a factorisation.
#[derive(Clone, Debug)]
pub struct CholeskyFactor<T: Real = f32> {
    /// ρ = softplus⁻¹ of the diagonal, of shape (rows).
    pub rho: Tensor<T>,
    /// The elements below the diagonal, row by row: of shape (rows · (rows − 1) / 2).
    pub lower: Tensor<T>,
}

impl<T: Real> CholeskyFactor<T> {
    /// The diagonal matrix with `sd` on the diagonal. Errors mention `family` and the weight's `shape`.
    #[track_caller]
    pub(crate) fn diagonal(rows: usize, sd: f64, family: &str, shape: &[usize]) -> Self {
        assert!(
            rows <= MOST_ROWS,
            "{family}: a weight of shape {shape:?} needs a covariance of {rows} rows, with a factor of {} elements; at most \
             {MOST_ROWS} rows are allowed",
            rows as u128 * (rows as u128 + 1) / 2,
        );
        let lower = Tensor::zeros([rows * rows.saturating_sub(1) / 2]);
        CholeskyFactor { rho: Tensor::full([rows], inverse_softplus(sd)), lower }
    }

    /// The factor with the values of this square matrix.
    ///
    /// # Panics
    /// If it is not square, if it is not zero above the diagonal, if an element below it is not finite, or if the diagonal is
    /// not positive and finite.
    #[track_caller]
    pub fn of(factor: &Tensor<T>) -> Self {
        let rows = match *factor.shape() {
            [rows, columns] if rows == columns && rows <= MOST_ROWS => rows,
            _ => panic!(
                "CholeskyFactor: a square matrix of at most {MOST_ROWS} rows is needed, got {:?}",
                factor.shape()
            ),
        };
        let at = |i: usize, j: usize| factor.data()[i * rows + j].to_f64();
        for i in 0..rows {
            let sd = at(i, i);
            assert!(
                sd > 0.0 && sd.is_finite(),
                "CholeskyFactor: the diagonal must be positive and finite, got {sd} in row {i}"
            );
            for j in i + 1..rows {
                assert!(
                    at(i, j) == 0.0,
                    "CholeskyFactor: expected a lower-triangular matrix, but element ({i}, {j}) is {}; pass the Cholesky factor L of the \
                     covariance L Lᵀ",
                    at(i, j)
                );
            }
        }
        let rho = Tensor::from_fn([rows], |i| inverse_softplus(at(i, i)));
        for (i, j) in (0..rows).flat_map(|i| (0..i).map(move |j| (i, j))) {
            let l = at(i, j);
            assert!(
                l.is_finite(),
                "CholeskyFactor: the elements below the diagonal must be finite, got {l} at ({i}, {j})"
            );
        }
        let mut below = (0..rows).flat_map(|i| (0..i).map(move |j| (i, j)));
        let lower = Tensor::from_fn([rows * rows.saturating_sub(1) / 2], |_| {
            let (i, j) = below.next().expect("one pair of indices per element of `lower`");
            at(i, j)
        });
        CholeskyFactor { rho, lower }
    }

    /// Checks that the shapes match `rows`, for a weight of shape `weight`; `family` and the field `name` are for the error.
    pub(super) fn check_as(&self, family: &str, name: &str, rows: usize, weight: &[usize]) -> Result<(), String> {
        let (rho, lower) = (self.rho.shape(), self.lower.shape());
        if *rho != [rows] {
            return Err(format!(
                "{family}: `rho` of `{name}` has the shape {rho:?}, and a weight of shape {weight:?} needs [{rows}]"
            ));
        }
        let below = rows * rows.saturating_sub(1) / 2;
        if *lower != [below] {
            return Err(format!(
                "{family}: `rho` of `{name}` has the shape {rho:?} and `lower` {lower:?}; a factor of {rows} rows \
                 has {below} elements below its diagonal"
            ));
        }
        Ok(())
    }

    /// The number of rows, and of columns.
    pub fn rows(&self) -> usize {
        self.rho.len()
    }

    /// The factor on the tape.
    pub(crate) fn param<'t>(&'t self, cx: Cx<'t, T>) -> OnTape<'t, T> {
        let [rho, lower] = [&self.rho, &self.lower].map(|parameter| cx.tape().param(parameter));
        OnTape { rho, diagonal: rho.softplus(), lower }
    }

    /// The factor on the tape, for a density.
    pub(crate) fn density_param<'t>(&'t self, cx: Cx<'t, T>) -> OnTape<'t, T> {
        let [rho, lower] = [&self.rho, &self.lower].map(|parameter| cx.density_param(parameter));
        OnTape { rho, diagonal: divisor(rho), lower }
    }
}

impl<T: Real> Parameters for CholeskyFactor<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("rho"), Role::Scale, &self.rho);
        f(&path.at("lower"), Role::Scale, &self.lower);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("rho"), Role::Scale, &mut self.rho);
        f(&path.at("lower"), Role::Scale, &mut self.lower);
    }
}

/// A [`CholeskyFactor`] on the tape.
#[derive(Clone, Copy)]
pub(crate) struct OnTape<'t, T: Real> {
    rho: Var<'t, T>,
    diagonal: Var<'t, T>,
    lower: Var<'t, T>,
}

impl<'t, T: Real> OnTape<'t, T> {
    /// L x, for a vector x.
    pub(crate) fn times(self, x: Var<'t, T>) -> Var<'t, T> {
        self.diagonal * x + strictly_lower_product::strictly_lower_product(self.lower, x)
    }

    /// L as a dense matrix.
    pub(crate) fn dense(self) -> Var<'t, T> {
        dense::dense(self.diagonal, self.lower)
    }

    /// L⁻¹ y, for a vector y or each column of a matrix.
    pub(crate) fn solve(self, y: Var<'t, T>) -> Var<'t, T> {
        solve::solve(self.diagonal, self.lower, y)
    }

    /// Σ (c Lᵢⱼ)². It multiplies by c before squaring, because c² may overflow.
    pub(crate) fn squares(self, c: f64) -> Var<'t, T> {
        (self.diagonal * c).square().sum() + (self.lower * c).square().sum()
    }

    /// ln det L.
    pub(crate) fn log_det(self) -> Var<'t, T> {
        log_scales(self.rho)
    }
}

/// The elements of row `i` below the diagonal.
#[inline(always)]
fn row<T>(lower: &[T], i: usize) -> &[T] {
    &lower[row_start(i)..][..i]
}

/// The index of the first element of row `i` below the diagonal.
fn row_start(i: usize) -> usize {
    i * i.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gradcheck;
    use crate::{Drawing, Key, Tape};

    const ROWS: [usize; 4] = [1, 2, 5, 40];

    fn factor<T: Real>(rows: usize) -> CholeskyFactor<T> {
        CholeskyFactor {
            rho: Tensor::from_fn([rows], |i| (i as f64 * 1.3).sin()),
            lower: Tensor::from_fn([rows * (rows - 1) / 2], |i| (i as f64 * 0.7).cos() / (rows as f64).sqrt()),
        }
    }

    fn cx<T: Real>(tape: &Tape<T>) -> Cx<'_, T> {
        let (key, mode) = Drawing::new(Key::new(0)).mode();
        Cx::new(tape, key, mode)
    }

    /// L as rows of a dense matrix.
    fn written_out(l: &CholeskyFactor<f64>) -> Vec<Vec<f64>> {
        let n = l.rows();
        let at = |i: usize, j: usize| match j {
            _ if j < i => l.lower.data()[i * (i - 1) / 2 + j],
            _ if j == i => l.rho.data()[i].exp().ln_1p(),
            _ => 0.0,
        };
        (0..n).map(|i| (0..n).map(|j| at(i, j)).collect()).collect()
    }

    #[test]
    fn every_operation_agrees_with_the_dense_matrix() {
        for n in ROWS {
            let l = factor::<f64>(n);
            let (x, written) = (Tensor::from_fn([n], |i| (i as f64 + 0.5).sin()), written_out(&l));
            let tape = Tape::new();
            let (on_tape, x) = (l.param(cx(&tape)), tape.input(&x));
            let (dense, written_out) = (on_tape.dense().value(), written.concat());
            assert_eq!(dense.len(), written_out.len());
            assert!(dense.iter().zip(written_out).all(|(a, b)| (a - b).abs() < 1e-15));
            let product = on_tape.times(x);
            for (row, y) in written.iter().zip(product.value()) {
                let exact: f64 = row.iter().zip(x.value()).map(|(l, x)| l * x).sum();
                assert!((y - exact).abs() < 1e-14, "{n}");
            }
            let again = on_tape.solve(product).value();
            assert!(again.iter().zip(x.value()).all(|(a, b)| (a - b).abs() < 1e-10), "{n}");
            let squares: f64 = written.concat().iter().map(|l| l * l).sum();
            assert!((on_tape.squares(3.0).item() / (9.0 * squares) - 1.0).abs() < 1e-14);
            let log_det: f64 = (0..n).map(|i| written[i][i].ln()).sum();
            assert!((on_tape.log_det().item() - log_det).abs() < 1e-13);
            let held = CholeskyFactor::of(&Tensor::new([n, n], written.concat()));
            let close = |a: &Tensor<f64>, b: &Tensor<f64>| {
                a.len() == b.len() && a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() < 1e-14)
            };
            assert!(close(&held.rho, &l.rho) && close(&held.lower, &l.lower));
        }
    }

    #[test]
    fn columns_are_solved_one_by_one() {
        let (n, columns) = (7, 3);
        let l = factor::<f64>(n);
        let y = Tensor::from_fn([n, columns], |i| (i as f64 * 0.9).sin());
        let tape = Tape::new();
        let on_tape = l.param(cx(&tape));
        let together = on_tape.solve(tape.input(&y)).value();
        for column in 0..columns {
            let alone = on_tape.solve(tape.constant([n], |i| y.data()[i * columns + column])).value();
            for i in 0..n {
                assert!((together[i * columns + column] - alone[i]).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        for n in [1, 2, 6] {
            let vector = Tensor::from_fn([n], |i| (i as f64 + 0.5).sin());
            let matrix = Tensor::from_fn([n, 3], |i| (i as f64 + 0.5).cos());
            let CholeskyFactor { rho, lower } = factor::<f64>(n);
            let mut model = [rho, lower, vector, matrix];
            fn on_tape<'t>(tape: &'t Tape<f64>, model: &'t [Tensor<f64>; 4]) -> OnTape<'t, f64> {
                let [rho, lower] = [0, 1].map(|i| tape.param(&model[i]));
                OnTape { rho, diagonal: rho.softplus(), lower }
            }
            gradcheck(&mut model, |tape, m| on_tape(tape, m).times(tape.param(&m[2]))).assert_within(1e-8);
            gradcheck(&mut model, |tape, m| on_tape(tape, m).solve(tape.param(&m[2]))).assert_within(1e-8);
            gradcheck(&mut model, |tape, m| on_tape(tape, m).solve(tape.param(&m[3]))).assert_within(1e-8);
            gradcheck(&mut model, |tape, m| on_tape(tape, m).dense().square()).assert_within(1e-8);
            gradcheck(&mut model, |tape, m| on_tape(tape, m).squares(1.5) + on_tape(tape, m).log_det())
                .assert_within(1e-8);
        }
    }

    #[test]
    #[should_panic(expected = "expected a lower-triangular matrix, but element (0, 1) is 0.5")]
    fn a_covariance_in_place_of_its_factor_is_refused() {
        CholeskyFactor::<f64>::of(&Tensor::new([2, 2], [1.0, 0.5, 0.5, 1.0]));
    }

    #[test]
    #[should_panic(expected = "the diagonal must be positive and finite, got -1 in row 1")]
    fn a_negative_diagonal_is_refused() {
        CholeskyFactor::<f64>::of(&Tensor::new([2, 2], [1.0, 0.0, 0.5, -1.0]));
    }

    #[test]
    #[should_panic(expected = "a square matrix of at most 16384 rows is needed, got [2, 3]")]
    fn a_matrix_that_is_not_square_is_refused() {
        CholeskyFactor::<f64>::of(&Tensor::zeros([2, 3]));
    }
}
