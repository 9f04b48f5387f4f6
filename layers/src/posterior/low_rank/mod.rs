//! `LowRank`: the normal posterior whose covariance is a diagonal plus a low-rank matrix.

mod capacitance;

use crate::distribution::log_scale::{divisor, log_scales};
use crate::engine::random::normals;
use crate::engine::{Key, Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::posterior::MeanField;
use crate::posterior::{Density, Posterior, constructed_loadings};
use crate::properties::No;
use crate::sampling::Cx;
use crate::scalar::to_scalar;

/// The standard deviation of every loading before training.
const INITIAL_LOADING: f64 = 0.1;

/// The name of the loadings as a parameter.
pub(super) const LOADINGS: &str = "loadings";

/// Sets the loadings to their random initial values.
pub(super) fn load<T: Real>(key: Key, loadings: &mut Tensor<T>) {
    normals(key, 0, loadings.data_mut());
    loadings.data_mut().iter_mut().for_each(|loading| *loading *= T::from_f64(INITIAL_LOADING));
}

/// N(μ, Σ) with Σ = diag(σ²) + B Bᵀ over the elements of the weight, row by row: a mean-field normal plus
/// `rank` directions along which all elements vary together (Ong, Nott and Smith 2018, "Gaussian variational
/// approximation with a factor covariance structure").
///
/// B is stored relative to the standard deviations, B = diag(σ) Vᵀ: the loadings V determine the correlations independently
/// of the scale, and the determinant does not divide by a σ that may underflow:
/// ln det Σ = 2 Σ ln σ + ln det(I + V Vᵀ), of shape (rank, rank) (the matrix determinant lemma).
///
/// A sample is μ + σ (ε + Vᵀη), with noise ε of the weight's name, and η of shape (rank), named `factor` below it.
/// Elements are not independent, so neither local reparameterisation nor Flipout applies.
#[derive(Clone, Debug)]
pub struct LowRank<T: Real = f32> {
    /// μ and σ.
    pub diagonal: MeanField<T>,
    /// V, of shape (rank, elements).
    pub loadings: Tensor<T>,
}

impl<T: Real> LowRank<T> {
    /// A weight of this shape: means and standard deviations initialised as by [`MeanField::new`], loadings from N(0, 0.1²).
    /// Loadings of zero would be a saddle point, where each direction is as good as its opposite.
    ///
    /// # Panics
    /// If `rank` is 0, or larger than the number of elements.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, rank: usize) -> Self {
        let diagonal = MeanField::new(shape);
        check_rank(rank, diagonal.mean.shape());
        let loadings = constructed_loadings([rank, diagonal.mean.len()]);
        LowRank { diagonal, loadings }
    }

    /// With these means and the covariance diag(`sd`²) + B Bᵀ: `sd` of the mean's shape, and B, the `factor`, of shape
    /// (elements, rank).
    ///
    /// # Panics
    /// If the shapes do not match, the rank is 0 or larger than the number of elements, or a standard deviation is not
    /// positive and finite.
    #[track_caller]
    pub fn with_covariance(mean: Tensor<T>, sd: &Tensor<T>, factor: &Tensor<T>) -> Self {
        let diagonal = MeanField::with_sds(mean, sd);
        let (elements, shape) = (sd.len(), diagonal.mean.shape());
        let rank = match *factor.shape() {
            [rows, rank] if rows == elements => rank,
            _ => panic!(
                "LowRank: a weight of shape {shape:?} needs a factor of shape [{elements}, rank], got {:?}",
                factor.shape()
            ),
        };
        check_rank(rank, shape);
        let loadings = Tensor::from_fn([rank, elements], |i| {
            let (direction, element) = (i / elements, i % elements);
            let loading = factor.data()[element * rank + direction].to_f64() / sd.data()[element].to_f64();
            to_scalar::<T>(
                format_args!("LowRank: the factor over the standard deviation of element {element}"),
                loading,
            );
            loading
        });
        LowRank { diagonal, loadings }
    }

    /// The number of directions.
    pub fn rank(&self) -> usize {
        self.loadings.shape()[0]
    }

    /// V Vᵀ.
    fn gram<'t>(loadings: Var<'t, T>) -> Var<'t, T> {
        loadings.linear(loadings)
    }

    /// ½ ln det(I + V Vᵀ), on the tape: the term of the directions in ½ ln det Σ.
    pub(crate) fn half_log_det<'t>(loadings: Var<'t, T>) -> Var<'t, T> {
        capacitance::half_log_det(Self::gram(loadings))
    }
}

#[track_caller]
fn check_rank(rank: usize, shape: &[usize]) {
    let elements: usize = shape.iter().product();
    assert!(rank > 0, "LowRank: a rank of 0 for a weight of shape {shape:?}; use `MeanField`");
    assert!(
        rank <= elements,
        "LowRank: a rank of {rank} for a weight of shape {shape:?}, which has {elements} elements; at most as many \
         directions as elements"
    );
}

impl<T: Real> Parameters for LowRank<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.diagonal.visit(path, f);
        f(&path.at(LOADINGS), Role::Scale, &self.loadings);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.diagonal.visit_mut(path, f);
        f(&path.at(LOADINGS), Role::Scale, &mut self.loadings);
    }
}

impl<T: Real> Posterior for LowRank<T> {
    type Local = No<Self>;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.diagonal.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.diagonal.check_as("LowRank")?;
        let elements = self.diagonal.mean.len();
        match *self.loadings.shape() {
            [rank, each] if rank > 0 && each == elements => Ok(()),
            _ => Err(format!(
                "LowRank: `loadings` has the shape {:?}, and a weight of shape {:?} needs [rank, {elements}], with a rank of \
                 at least 1",
                self.loadings.shape(),
                self.shape()
            )),
        }
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        let tape = cx.tape();
        let sd = tape.param(&self.diagonal.rho).softplus();
        self.diagonal.sample(cx) + sd * self.directions(cx).reshape(sd.shape())
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        self.diagonal.mean(tape)
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for LowRank<T> {
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [mean, rho] = [&self.diagonal.mean, &self.diagonal.rho].map(|parameter| cx.density_param(parameter));
        let loadings = cx.density_param(&self.loadings);
        let z = ((w - mean) / divisor(rho)).reshape([w.len()]);
        Self::log_density_at(z, loadings) - log_scales(rho)
    }

    fn log_density_of_sample<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let [rho, loadings] = [&self.diagonal.rho, &self.loadings].map(|parameter| cx.tape().param(parameter));
        let own = cx.noise(self.shape()).reshape([w.len()]);
        Self::log_density_at(own + self.directions(cx), loadings) - log_scales(rho)
    }
}

impl<T: Real> LowRank<T> {
    /// Vᵀη: the perturbation of a sample along the directions, in standard deviations of the elements.
    fn directions<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.at("factor").noise(&[self.rank()]).matmul(cx.tape().param(&self.loadings))
    }

    /// The log-density at `z` diagonal standard deviations from the mean, without the term of ln σ.
    fn log_density_at<'t>(z: Var<'t, T>, loadings: Var<'t, T>) -> Var<'t, T> {
        // zᵀ(I + VᵀV)⁻¹z is the least ‖z − Vᵀa‖² + ‖a‖² (Woodbury's identity, without its difference of large numbers).
        let a = capacitance::solve(Self::gram(loadings), loadings.matmul(z));
        let rest = z - a.matmul(loadings);
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * z.len() as f64;
        (rest.square().sum() + a.square().sum()) * -0.5 - (Self::half_log_det(loadings) + half_log_tau)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a rank of 0 for a weight of shape [2, 3]")]
    fn a_rank_of_zero_is_refused() {
        LowRank::<f32>::new([2, 3], 0);
    }

    #[test]
    #[should_panic(expected = "a rank of 7 for a weight of shape [2, 3], which has 6 elements")]
    fn a_rank_above_the_size_is_refused() {
        LowRank::<f32>::new([2, 3], 7);
    }

    #[test]
    #[should_panic(expected = "needs a factor of shape [6, rank], got [2, 6]")]
    fn a_factor_of_another_size_is_refused() {
        let sd = Tensor::full([2, 3], 1.0);
        LowRank::<f32>::with_covariance(Tensor::zeros([2, 3]), &sd, &Tensor::zeros([2, 6]));
    }

    #[test]
    #[should_panic(expected = "a standard deviation must be positive and finite, got 0")]
    fn a_standard_deviation_of_zero_is_refused() {
        LowRank::<f32>::with_covariance(Tensor::zeros([2]), &Tensor::zeros([2]), &Tensor::zeros([2, 1]));
    }

    #[test]
    fn with_covariance_sets_the_covariance() {
        let sd = Tensor::<f64>::new([3], [0.5, 2.0, 1e-3]);
        let factor = Tensor::new([3, 2], [1.0, -0.3, 0.0, 4.0, 0.2, 0.1]);
        let q = LowRank::with_covariance(Tensor::zeros([3]), &sd, &factor);
        for (i, &b) in factor.data().iter().enumerate() {
            let held = q.loadings.data()[i % 2 * 3 + i / 2] * q.diagonal.sd().data()[i / 2];
            assert!((held - b).abs() < 1e-12);
        }
    }
}
