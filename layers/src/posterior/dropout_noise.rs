//! `DropoutNoise`: multiplicative normal noise of mean 1, with learned variances.

use crate::distribution::log_scale::{divisor, inverse_softplus, log_scales, softplus};
use crate::engine::{Parameters, Path, Real, Role, Shape, Tape, Tensor, Var, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::posterior::{Density, Posterior, log_density_of_noise};
use crate::properties::Yes;
use crate::sampling::Cx;

/// Independent normals N(1, α) with √α = softplus(ρ): the multiplicative noise of variational dropout (Kingma, Salimans and
/// Welling 2015, section 3). α is one for every element, or one for all of them; the mean is not learned.
/// [`VariationalDropout`](crate::nn::VariationalDropout) is the layer.
#[derive(Clone, Debug)]
pub struct DropoutNoise<T: Real = f32> {
    /// ρ = softplus⁻¹(√α), of the shape of the noise, or of shape (1) for one α.
    pub rho: Tensor<T>,
    shape: Shape,
}

impl<T: Real> DropoutNoise<T> {
    /// Noise of this shape with an α for every element, at the start `rate`/(1 − `rate`), the variance of dropout with this rate.
    ///
    /// # Panics
    /// If `rate` is not in (0, 1).
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, rate: f64) -> Self {
        let shape = shape.into();
        DropoutNoise { rho: initial(shape.clone(), rate), shape }
    }

    /// Noise of this shape with one α for all elements.
    ///
    /// # Panics
    /// If `rate` is not in (0, 1).
    #[track_caller]
    pub fn shared(shape: impl Into<Shape>, rate: f64) -> Self {
        DropoutNoise { rho: initial([1].into(), rate), shape: shape.into() }
    }

    /// α, of the shape of ρ.
    pub fn variances(&self) -> Tensor<T> {
        Tensor::from_fn(self.rho.shape(), |i| softplus(self.rho.data()[i].to_f64()).powi(2))
    }

    /// How many elements share an α.
    pub(crate) fn each(&self) -> f64 {
        self.shape.elements() as f64 / self.rho.len().max(1) as f64
    }

    /// With parameters in double precision.
    pub(super) fn cast(&self) -> DropoutNoise<f64> {
        DropoutNoise { rho: self.rho.cast(), shape: self.shape.clone() }
    }
}

#[track_caller]
fn initial<T: Real>(shape: Shape, rate: f64) -> Tensor<T> {
    assert!(rate > 0.0 && rate < 1.0, "DropoutNoise: the rate must be in (0, 1), got {rate}");
    Tensor::full(shape, inverse_softplus((rate / (1.0 - rate)).sqrt()))
}

impl<T: Real> Parameters for DropoutNoise<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(&path.at("rho"), Role::Scale, &self.rho);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("rho"), Role::Scale, &mut self.rho);
    }
}

impl<T: Real> Posterior for DropoutNoise<T> {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn check(&self) -> Result<(), String> {
        let (found, shape) = (self.rho.shape(), &self.shape[..]);
        if found == shape || found == [1] {
            return Ok(());
        }
        Err(format!("DropoutNoise: `rho` has the shape {found:?}; expected the shape of the noise, {shape:?}, or [1]"))
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        super::check(self);
        away(self, cx) + 1.0
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.constant(&self.shape[..], |_| T::ONE)
    }

    fn is_normal(&self) -> bool {
        true
    }

    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        super::check(self);
        Variance::Independent(tape.param(&self.rho).softplus().square().broadcast_to(&self.shape[..]))
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(away(self, cx))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

/// √α ε.
fn away<'t, T: Real>(q: &'t DropoutNoise<T>, cx: Cx<'t, T>) -> Var<'t, T> {
    cx.noise(&q.shape) * cx.tape().param(&q.rho).softplus()
}

impl<T: Real> Density for DropoutNoise<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let rho = cx.density_param(&self.rho);
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * w.len() as f64;
        -((((w - 1.0) / divisor(rho)).square() * 0.5).sum() + log_scales(rho) * self.each() + half_log_tau)
    }

    fn log_density_of_sample<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        log_density_of_noise(cx, &self.shape) - log_scales(cx.tape().param(&self.rho)) * self.each()
    }
}
