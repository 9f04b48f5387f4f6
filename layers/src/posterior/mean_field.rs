//! `MeanField`: the mean-field normal posterior.

use crate::distribution::elementwise::ElementwiseTerm;
use crate::distribution::log_scale::{divisor, inverse_softplus, log_scales, softplus};
use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::fused;
use crate::posterior::{Density, Posterior, constructed_means, log_density_of_noise, same_shape};
use crate::properties::Yes;
use crate::sampling::Cx;
use crate::sampling::Sampled;
use crate::scalar::to_scalar;

/// The standard deviation of every weight before training: softplus(−5).
pub const INITIAL_SD: f64 = 0.006_715_348_489_118_068;

/// Independent normals N(μ, σ²) with σ = softplus(ρ) = ln(1 + e^ρ), one for every element of the
/// weight (Blundell et al. 2015, section 3.2).
#[derive(Clone, Debug)]
pub struct MeanField<T: Real = f32> {
    /// μ.
    pub mean: Tensor<T>,
    /// ρ = softplus⁻¹(σ).
    pub rho: Tensor<T>,
}

impl<T: Real> MeanField<T> {
    /// Creates the posterior of a weight of this shape, (outputs, inputs..). Initial means are drawn from N(0, 2/inputs) (He
    /// et al. 2015), and are zero for a vector; every standard deviation is [`INITIAL_SD`].
    ///
    /// The means depend on the shape only, so weights of the same shape have the same means, on any thread.
    /// [`Elbo::fit`](crate::Elbo::fit) redraws unchanged means before its first step, by its seed and the weight's name.
    /// Before a training loop of your own, call [`Bayesian::initialise`](crate::Bayesian::initialise); otherwise layers of the
    /// same shape start with equal weights.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let mean = constructed_means(shape);
        let rho = Tensor::full(mean.shape(), -5.0);
        MeanField { mean, rho }
    }

    /// Sets the standard deviation of every element before training. A larger one gives a smaller initial divergence and more
    /// noise.
    ///
    /// # Panics
    /// If `sd` is not positive and finite, or becomes 0 or infinite in `T`.
    #[track_caller]
    #[must_use]
    pub fn initial_sd(self, sd: f64) -> Self {
        MeanField::with_sd(self.mean, sd)
    }

    /// Creates a posterior from means and one standard deviation for all elements.
    ///
    /// # Panics
    /// If `sd` is not positive and finite, or becomes 0 or infinite in `T`.
    #[track_caller]
    pub fn with_sd(mean: Tensor<T>, sd: f64) -> Self {
        assert!(sd > 0.0 && sd.is_finite(), "MeanField: a standard deviation must be positive and finite, got {sd}");
        to_scalar::<T>("MeanField: a standard deviation", sd);
        let rho = Tensor::full(mean.shape(), inverse_softplus(sd));
        MeanField { mean, rho }
    }

    /// Creates a posterior from means and standard deviations.
    ///
    /// # Panics
    /// If the shapes differ, or a standard deviation is not positive and finite.
    #[track_caller]
    pub fn with_sds(mean: Tensor<T>, sd: &Tensor<T>) -> Self {
        MeanField::of_family("MeanField", ["mean", "standard deviation"], mean, sd)
    }

    /// The parameters of a family whose location and scale have these names in error messages.
    #[track_caller]
    pub(super) fn of_family(family: &str, names: [&str; 2], location: Tensor<T>, scale: &Tensor<T>) -> Self {
        let ([of_location, of_scale], [locations, scales]) = (names, [location.shape(), scale.shape()]);
        assert!(
            locations == scales,
            "{family}: {of_location}s of shape {locations:?} and {of_scale}s of shape {scales:?}"
        );
        let mut rho = Tensor::zeros(scales);
        for (rho, scale) in rho.data_mut().iter_mut().zip(scale.data()) {
            let scale = scale.to_f64();
            assert!(
                scale > 0.0 && scale.is_finite(),
                "{family}: a {of_scale} must be positive and finite, got {scale}"
            );
            *rho = T::from_f64(inverse_softplus(scale));
        }
        MeanField { mean: location, rho }
    }

    /// μ and ρ, as the fused kernels take them.
    pub(crate) fn parameters(&self) -> [&Tensor<T>; 2] {
        [&self.mean, &self.rho]
    }

    /// [`Posterior::check`] for a family with these parameters.
    pub(super) fn check_as(&self, family: &str) -> Result<(), String> {
        same_shape(family, ["mean", "rho"], [self.mean.shape(), self.rho.shape()])
    }

    /// The standard deviations σ = softplus(ρ).
    pub fn sd(&self) -> Tensor<T> {
        Tensor::from_fn(self.rho.shape(), |i| softplus(self.rho.data()[i].to_f64()))
    }
}

impl<T: Real> Parameters for MeanField<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("mean"), Role::Mean, &self.mean);
        f(&path.at("rho"), Role::Scale, &self.rho);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("mean"), Role::Mean, &mut self.mean);
        f(&path.at("rho"), Role::Scale, &mut self.rho);
    }
}

impl<T: Real> Posterior for MeanField<T> {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.mean.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.check_as("MeanField")
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        super::check(self);
        fused::sample(self.parameters(), cx)
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.mean)
    }

    fn is_normal(&self) -> bool {
        true
    }

    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        Variance::Independent(tape.param(&self.rho).softplus().square())
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(fused::perturbation(&self.rho, cx))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for MeanField<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [mean, rho] = [&self.mean, &self.rho].map(|parameter| cx.density_param(parameter));
        let z = (w - mean) / divisor(rho);
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * w.len() as f64;
        -((z.square() * 0.5).sum() + log_scales(rho) + half_log_tau)
    }

    fn sample_with_log_ratio<'t, F: ElementwiseTerm<1> + 't>(
        &'t self,
        log_prior: F,
        cx: Cx<'t, T>,
    ) -> Option<Sampled<'t, T>> {
        Some(fused::estimated(self.parameters(), log_prior, cx))
    }

    fn log_density_of_sample<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        log_density_of_noise(cx, self.shape()) - log_scales(cx.tape().param(&self.rho))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_sd_sets_the_standard_deviation() {
        for sd in [1e-30, INITIAL_SD, 0.05, 1.0, 30.0, 1e4] {
            let q = MeanField::<f64>::with_sd(Tensor::zeros([3]), sd);
            assert!((q.sd().data()[1] / sd - 1.0).abs() < 1e-12, "{sd}");
        }
        let started = MeanField::<f64>::new([2, 2]);
        assert!((started.sd().data()[0] / INITIAL_SD - 1.0).abs() < 1e-15);
    }

    #[test]
    fn initial_means_depend_only_on_the_shape() {
        let make = || MeanField::<f32>::new([4, 4]).mean;
        let elsewhere = std::thread::spawn(move || [MeanField::<f32>::new([2, 8]).mean, make()]).join().unwrap();
        assert_eq!(elsewhere[1], make());
        assert_ne!(elsewhere[0].data(), make().data());
    }

    #[test]
    fn every_element_may_have_its_own_standard_deviation() {
        let sd = Tensor::<f64>::new([4], [1e-6, 0.3, 1.0, 1e3]);
        let q = MeanField::with_sds(Tensor::zeros([4]), &sd);
        for (found, asked) in q.sd().data().iter().zip(sd.data()) {
            assert!((found / asked - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    #[should_panic(expected = "means of shape [2] and standard deviations of shape [3]")]
    fn standard_deviations_of_another_shape_are_refused() {
        MeanField::<f32>::with_sds(Tensor::zeros([2]), &Tensor::full([3], 1.0));
    }

    #[test]
    #[should_panic(expected = "must be positive and finite, got -1")]
    fn a_negative_standard_deviation_is_refused() {
        MeanField::<f32>::with_sd(Tensor::zeros([1]), -1.0);
    }
}
