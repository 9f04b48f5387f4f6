//! `FullCovariance`: the normal posterior with a full covariance matrix.

use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::posterior::{CholeskyFactor, Density, INITIAL_SD, Posterior, constructed_means, log_density_of_noise};
use crate::properties::No;
use crate::sampling::Cx;

/// N(μ, L Lᵀ) over the elements of the weight, row by row, with any covariance: n (n + 1)/2 parameters of the covariance for n
/// elements, and as many multiplications per draw. For output layers and small layers.
///
/// A sample is μ + L ε, with noise ε of the weight's name and shape. Elements are not independent, so
/// neither local reparameterisation nor Flipout applies.
#[derive(Clone, Debug)]
pub struct FullCovariance<T: Real = f32> {
    /// μ.
    pub mean: Tensor<T>,
    /// L.
    pub factor: CholeskyFactor<T>,
}

impl<T: Real> FullCovariance<T> {
    /// A weight of this shape, initialised as by [`MeanField::new`](crate::MeanField::new): independent elements with
    /// the standard deviation [`INITIAL_SD`].
    ///
    /// # Panics
    /// If the weight has more than 16,384 elements; use [`LowRank`](crate::LowRank) for those.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        // Checks the size before anything is allocated.
        let factor = CholeskyFactor::diagonal(shape.elements(), INITIAL_SD, "FullCovariance", &shape);
        FullCovariance { mean: constructed_means(shape), factor }
    }

    /// With these means and the covariance L Lᵀ: L, the `factor`, of shape (elements, elements) and lower-triangular
    /// with a positive diagonal.
    ///
    /// # Panics
    /// If L does not satisfy this.
    #[track_caller]
    pub fn with_factor(mean: Tensor<T>, factor: &Tensor<T>) -> Self {
        let factor = CholeskyFactor::of(factor);
        assert!(
            factor.rows() == mean.len(),
            "FullCovariance: a weight of shape {:?} has {} elements, and the factor {} rows",
            mean.shape(),
            mean.len(),
            factor.rows()
        );
        FullCovariance { mean, factor }
    }
}

impl<T: Real> Parameters for FullCovariance<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("mean"), Role::Mean, &self.mean);
        self.factor.visit(&path.at("factor"), f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("mean"), Role::Mean, &mut self.mean);
        self.factor.visit_mut(&path.at("factor"), f);
    }
}

impl<T: Real> Posterior for FullCovariance<T> {
    type Local = No<Self>;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.mean.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.factor.check_as("FullCovariance", "factor", self.mean.len(), self.shape())
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        let noise = cx.noise(self.shape()).reshape([self.mean.len()]);
        cx.tape().param(&self.mean) + self.factor.param(cx).times(noise).reshape(self.shape())
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.mean)
    }

    fn is_normal(&self) -> bool {
        true
    }

    /// ‖Lₒᵀ x‖² for each output o, with Lₒ the rows of L that belong to its weights.
    fn output_variance<'t>(&'t self, x: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        let factor = self.factor.param(cx).dense();
        let inputs = self.shape().last().copied().unwrap_or(1).max(1);
        let outputs: Vec<Var<'t, T>> = (0..self.mean.len() / inputs)
            .map(|output| {
                let [from, to] = [output, output + 1].map(|output| (output * inputs) as isize);
                let rows = factor.slice(0, from..to, 1);
                x.matmul(rows).square().sum_axes(&[-1], true)
            })
            .collect();
        Some(Var::concat(&outputs, -1))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for FullCovariance<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let (mean, factor) = (cx.density_param(&self.mean), self.factor.density_param(cx));
        let z = factor.solve((w - mean).reshape([w.len()]));
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * w.len() as f64;
        z.square().sum() * -0.5 - (factor.log_det() + half_log_tau)
    }

    fn log_density_of_sample<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        log_density_of_noise(cx, self.shape()) - self.factor.param(cx).log_det()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(
        expected = "FullCovariance: a weight of shape [4000, 4000] needs a covariance of 16000000 rows, with a factor \
                               of 128000008000000 elements; at most 16384 rows are allowed"
    )]
    fn a_covariance_too_large_for_memory_is_refused() {
        FullCovariance::<f32>::new([4000, 4000]);
    }

    #[test]
    #[should_panic(expected = "a weight of shape [2, 2] has 4 elements, and the factor 3 rows")]
    fn a_factor_of_another_size_is_refused() {
        let identity = Tensor::from_fn([3, 3], |i| f64::from(u8::from(i % 4 == 0)));
        FullCovariance::<f32>::with_factor(Tensor::zeros([2, 2]), &identity);
    }
}
