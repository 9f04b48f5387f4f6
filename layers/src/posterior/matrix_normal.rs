//! `MatrixNormal`: the normal posterior with separate covariances between rows and between columns.

use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::posterior::{
    CholeskyFactor, Density, INITIAL_SD, OnTape, Posterior, constructed_means, log_density_of_noise,
};
use crate::properties::No;
use crate::sampling::Cx;

/// MN(M, A Aᵀ, B Bᵀ): a normal whose covariance is the Kronecker product of one between rows, A Aᵀ, and one between columns,
/// B Bᵀ (Louizos and Welling 2016, "Structured and efficient variational deep learning with matrix Gaussian posteriors").
/// Rows are a weight's outputs, its first axis; columns its inputs, all axes after it.
///
/// A sample is M + A E Bᵀ, with noise E of the weight's name and shape; A and B are lower-triangular with positive
/// diagonals. Only the product of their scales is identified. Elements are not independent, so neither local
/// reparameterisation nor Flipout applies.
#[derive(Clone, Debug)]
pub struct MatrixNormal<T: Real = f32> {
    /// M.
    pub mean: Tensor<T>,
    /// A, with as many rows as the weight.
    pub rows: CholeskyFactor<T>,
    /// B, with as many rows as the weight has columns.
    pub columns: CholeskyFactor<T>,
}

impl<T: Real> MatrixNormal<T> {
    /// A weight of this shape, initialised as by [`MeanField::new`](crate::MeanField::new): independent elements with
    /// the standard deviation [`INITIAL_SD`], whose square root is the diagonal of A and of B. A vector is a matrix with one
    /// column.
    ///
    /// # Panics
    /// If the weight has more than 16,384 rows or columns.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let [rows, columns] =
            matrix(&shape).map(|side| CholeskyFactor::diagonal(side, INITIAL_SD.sqrt(), "MatrixNormal", &shape));
        MatrixNormal { mean: constructed_means(shape), rows, columns }
    }

    /// With these means and factors: A, of shape (rows, rows), and B, of shape (columns, columns), each
    /// lower-triangular with a positive diagonal.
    ///
    /// # Panics
    /// If A or B does not satisfy this.
    #[track_caller]
    pub fn with_factors(mean: Tensor<T>, rows: &Tensor<T>, columns: &Tensor<T>) -> Self {
        let (rows, columns) = (CholeskyFactor::of(rows), CholeskyFactor::of(columns));
        assert!(
            matrix(mean.shape()) == [rows.rows(), columns.rows()],
            "MatrixNormal: a weight of shape {:?} needs factors of {:?} rows, got {:?}",
            mean.shape(),
            matrix(mean.shape()),
            [rows.rows(), columns.rows()]
        );
        MatrixNormal { mean, rows, columns }
    }

    /// ln det of the factor A ⊗ B of the weight's covariance.
    fn log_det<'t>([rows, columns]: [OnTape<'t, T>; 2], shape: [usize; 2]) -> Var<'t, T> {
        rows.log_det() * shape[1] as f64 + columns.log_det() * shape[0] as f64
    }
}

/// The rows and columns of a weight.
fn matrix(shape: &[usize]) -> [usize; 2] {
    match shape {
        [] => [1, 1],
        [rows, columns @ ..] => [*rows, columns.iter().product()],
    }
}

impl<T: Real> Parameters for MatrixNormal<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("mean"), Role::Mean, &self.mean);
        self.rows.visit(&path.at("rows"), f);
        self.columns.visit(&path.at("columns"), f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("mean"), Role::Mean, &mut self.mean);
        self.rows.visit_mut(&path.at("rows"), f);
        self.columns.visit_mut(&path.at("columns"), f);
    }
}

impl<T: Real> Posterior for MatrixNormal<T> {
    type Local = No<Self>;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.mean.shape()
    }

    fn check(&self) -> Result<(), String> {
        let [rows, columns] = matrix(self.shape());
        self.rows.check_as("MatrixNormal", "rows", rows, self.shape())?;
        self.columns.check_as("MatrixNormal", "columns", columns, self.shape())
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        let noise = cx.noise(self.shape()).reshape(matrix(self.shape()));
        let [rows, columns] = [&self.rows, &self.columns].map(|factor| factor.param(cx).dense());
        let away = rows.matmul(noise).linear(columns);
        cx.tape().param(&self.mean) + away.reshape(self.shape())
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.mean)
    }

    fn is_normal(&self) -> bool {
        true
    }

    /// (A Aᵀ)ₒₒ ‖Bᵀ x‖² for each output o.
    fn output_variance<'t>(&'t self, x: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        let [rows, columns] = [&self.rows, &self.columns].map(|factor| factor.param(cx).dense());
        let (columns, rows) = match self.shape() {
            [_] | [] => (rows, columns),
            _ => (columns, rows),
        };
        Some(x.matmul(columns).square().sum_axes(&[-1], true) * rows.square().sum_axes(&[-1], false))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for MatrixNormal<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let shape = matrix(self.shape());
        let [rows, columns] = [&self.rows, &self.columns].map(|factor| factor.density_param(cx));
        let away = (w - cx.density_param(&self.mean)).reshape(shape);
        let z = columns.solve(rows.solve(away).transpose());
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * w.len() as f64;
        z.square().sum() * -0.5 - (Self::log_det([rows, columns], shape) + half_log_tau)
    }

    fn log_density_of_sample<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let factors = [&self.rows, &self.columns].map(|factor| factor.param(cx));
        log_density_of_noise(cx, self.shape()) - Self::log_det(factors, matrix(self.shape()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_after_the_first_are_columns() {
        let q = MatrixNormal::<f32>::new([4, 3, 5, 5]);
        assert_eq!((q.rows.rows(), q.columns.rows()), (4, 75));
        let bias = MatrixNormal::<f32>::new([7]);
        assert_eq!((bias.rows.rows(), bias.columns.rows()), (7, 1));
        let scalar = MatrixNormal::<f32>::new([0; 0]);
        assert_eq!((scalar.rows.rows(), scalar.columns.rows()), (1, 1));
    }

    #[test]
    #[should_panic(expected = "MatrixNormal: a weight of shape [10, 20000] needs a covariance of 20000 rows")]
    fn too_many_columns_are_refused() {
        MatrixNormal::<f32>::new([10, 20_000]);
    }

    #[test]
    #[should_panic(expected = "a weight of shape [2, 3] needs factors of [2, 3] rows, got [3, 3]")]
    fn factors_of_another_size_are_refused() {
        let identity = Tensor::from_fn([3, 3], |i| f64::from(u8::from(i % 4 == 0)));
        MatrixNormal::<f32>::with_factors(Tensor::zeros([2, 3]), &identity, &identity);
    }
}
