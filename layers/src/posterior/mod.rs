//! Posterior families: the traits `Posterior` and `Density`, and the families that implement them.

mod cholesky_factor;
mod double;
mod dropout_noise;
mod flow;
mod full_covariance;
mod log_normal;
mod low_rank;
mod matrix_normal;
mod mean_field;
mod mean_field_cauchy;
mod mean_field_laplace;
mod point;
pub(crate) mod radial;
mod spike_and_slab;
mod spread;
mod start;

pub use cholesky_factor::CholeskyFactor;
pub(crate) use cholesky_factor::OnTape;
pub(crate) use double::Double;
pub use dropout_noise::DropoutNoise;
pub use flow::{Coupling, Flow};
pub use full_covariance::FullCovariance;
pub use log_normal::LogNormal;
pub use low_rank::LowRank;
pub use matrix_normal::MatrixNormal;
pub use mean_field::{INITIAL_SD, MeanField};
pub use mean_field_cauchy::MeanFieldCauchy;
pub use mean_field_laplace::MeanFieldLaplace;
pub use point::Point;
pub use radial::Radial;
pub use spike_and_slab::SpikeAndSlab;
pub(crate) use spread::{spread_unchanged, undo_spread};
use start::{constructed_loadings, constructed_means};
pub(crate) use start::{redraw_unchanged, start, undo_redraw};

use crate::distribution::elementwise::ElementwiseTerm;
use crate::engine::{Parameters, Real, Tape, Var};
use crate::estimator::Variance;
use crate::properties::Property;
use crate::sampling::Cx;
use crate::sampling::Sampled;
use crate::weights::Space;

/// A distribution over one weight, with learned parameters.
pub trait Posterior: Parameters + 'static {
    /// Whether it allows [`Local`](crate::Local): [`Yes`](crate::Yes) if [`variance`](Posterior::variance) does not return
    /// [`Variance::Joint`], else [`No<Self>`](crate::No).
    type Local: Property;

    /// Whether it allows [`Flipout`](crate::Flipout): [`Yes`](crate::Yes) if it has a
    /// [`perturbation`](Posterior::perturbation) or is deterministic, else [`No<Self>`](crate::No).
    type Flipout: Property;

    /// The shape of the weight.
    fn shape(&self) -> &[usize];

    /// The support of the weight's elements: by default all real numbers.
    fn space() -> Space
    where
        Self: Sized,
    {
        Space::Reals
    }

    /// Checks that the shapes of the parameters match each other. It is called at every draw, so it should allocate only for
    /// an error.
    ///
    /// # Errors
    /// The names and shapes of the parameters that do not match.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// A sample, by reparameterisation: differentiable with respect to the parameters.
    fn sample<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// The mean.
    fn mean<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// Whether the elements are normally distributed. With independent elements, sampling outputs in place of the weight
    /// ([`Estimator::Local`](crate::Estimator::Local)) is then exact, and [`Elbo::fit`](crate::Elbo::fit) may choose it.
    fn is_normal(&self) -> bool {
        false
    }

    /// The variance of every element, if the elements are independent, as
    /// [`Estimator::Local`](crate::Estimator::Local) requires.
    fn variance<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Variance<'t, Self::Scalar> {
        let _ = tape;
        Variance::Joint
    }

    /// The variances of the outputs x · wᵀ of a linear map by this weight, (rows, outputs), for inputs x of shape (rows,
    /// inputs), if the elements depend on each other; a vector has one output. [`Weight::output_moments`] uses it; for independent
    /// elements it computes them from their [`variance`](Posterior::variance). Provided: `None`, unknown.
    ///
    /// [`Weight::output_moments`]: crate::Weight::output_moments
    fn output_variance<'t>(
        &'t self,
        x: Var<'t, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Var<'t, Self::Scalar>> {
        let _ = (x, cx);
        None
    }

    /// ln q(w) of the weight `w` that [`sample`](Posterior::sample) draws with this `cx`, in nats: for importance weights of the
    /// posterior's draws. A [`Density`] returns `Some(self.log_density_of_sample(w, cx))`. Provided: `None`, unknown.
    fn log_density_of_draw<'t>(
        &'t self,
        w: Var<'t, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Var<'t, Self::Scalar>> {
        let _ = (w, cx);
        None
    }

    /// The sample minus its mean, if all signs of its elements are equally likely, as
    /// [`Estimator::Flipout`](crate::Estimator::Flipout) requires. It uses the same noise as [`sample`](Posterior::sample).
    fn perturbation<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Option<Var<'t, Self::Scalar>> {
        let _ = cx;
        None
    }
}

/// A posterior whose density can be evaluated at its samples.
#[diagnostic::on_unimplemented(
    message = "the density of `{Self}` is unknown",
    label = "its divergence cannot be estimated from the drawn weights"
)]
pub trait Density: Posterior {
    /// ln q(w), summed over the elements of `w`: nats. Differentiable with respect to `w` and, by
    /// [`Cx::density_param`], to the parameters.
    fn log_density<'t>(&'t self, w: Var<'t, Self::Scalar>, cx: Cx<'t, Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// A sample w and ln q(w) − ln p(w) in one pass over memory, for a prior whose log-density is a sum of one function of
    /// each element; `None` if the family does not implement this.
    #[doc(hidden)]
    fn sample_with_log_ratio<'t, F: ElementwiseTerm<1> + 't>(
        &'t self,
        log_prior: F,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (log_prior, cx);
        None
    }

    /// [`log_density`](Density::log_density) of the weight `w` that [`sample`](Posterior::sample) draws with this `cx`, for a family that
    /// computes it more precisely from its noise: (w − μ)/σ loses digits if σ is small compared with μ, and the noise does
    /// not. Its gradients include those through the sample.
    fn log_density_of_sample<'t>(
        &'t self,
        w: Var<'t, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Var<'t, Self::Scalar> {
        self.log_density(w, cx)
    }
}

/// # Panics
/// If the shapes of the parameters do not match each other.
#[track_caller]
#[inline]
pub(crate) fn check<Q: Posterior>(posterior: &Q) {
    if let Err(mistake) = posterior.check() {
        panic!("{mistake}");
    }
}

/// # Errors
/// If the two parameters with these names, which have one element for each element of the weight, differ in shape.
#[inline]
fn same_shape(family: &str, names: [&str; 2], shapes: [&[usize]; 2]) -> Result<(), String> {
    // Not `==`, which would call a function to compare two numbers.
    if shapes[0].iter().eq(shapes[1]) { Ok(()) } else { Err(other_shape(family, names, shapes)) }
}

#[cold]
fn other_shape(family: &str, [first, second]: [&str; 2], [of_first, of_second]: [&[usize]; 2]) -> String {
    format!(
        "{family}: `{first}` has the shape {of_first:?} and `{second}` {of_second:?}; both must have the shape of the weight"
    )
}

/// ln N(ε; 0, 1), summed over the noise of a weight of this shape at the path of `cx`: a normal's log-density without the
/// term of its scales.
fn log_density_of_noise<'t, T: Real>(cx: Cx<'t, T>, shape: &[usize]) -> Var<'t, T> {
    let noise = cx.noise(shape);
    noise.square().sum() * -0.5 - 0.5 * std::f64::consts::TAU.ln() * noise.len() as f64
}
