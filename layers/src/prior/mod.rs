//! Priors: the distributions, and the traits `Prior` (without hyperparameters) and `PriorFor` (with or without).

mod cauchy;
mod description;
mod exponential_integral;
mod half_cauchy;
mod half_normal;
mod horseshoe;
mod inverse_gamma_variance;
mod laplace;
mod learned_normal;
mod log_normal;
mod log_uniform;
mod monte_carlo;
mod normal;
mod normals;
mod normals_by_name;
mod same_scalar;
mod sample;
mod scale_mixture;
mod spike_and_slab;
mod student_t;

pub use cauchy::Cauchy;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use horseshoe::Horseshoe;
pub use inverse_gamma_variance::InverseGammaVariance;
pub use laplace::LaplacePrior;
pub use learned_normal::{LearnedNormal, LearnedNormalDraw};
pub use log_normal::LogNormalPrior;
pub use log_uniform::LogUniform;
pub use monte_carlo::MonteCarlo;
pub use normal::Normal;
pub use normals::{Normals, PerElement};
pub use normals_by_name::{NormalsByName, NormalsByNameDraw};
pub(crate) use same_scalar::SameScalar;
pub use scale_mixture::ScaleMixture;
pub use spike_and_slab::SpikeAndSlabPrior;
pub use student_t::StudentT;

use crate::distribution::elementwise::WithDensity;
use crate::engine::{Key, Path, Real, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::sampling::Cx;
use description::{LogDensities, type_name};

/// A distribution over the elements of a weight, without learned hyperparameters: `Normal(0.0, 1.0)`, or a type of your
/// own. A prior is a value: an expression in `#[prior(..)]`, or a field.
///
/// Every `Prior` is a [`PriorFor`] weights in any scalar type. Code that accepts priors with hyperparameters as well, such
/// as [`LearnedNormal`](struct@crate::LearnedNormal), and [`MonteCarlo`](struct@crate::MonteCarlo), asks for `PriorFor<T>`.
// rustc reports a missing `PriorFor` sometimes by this text and sometimes by that of `PriorFor`. The two are equal, so
// that it reports one error at one place.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prior for these weights",
    label = "expected a distribution, such as `Normal(0.0, 1.0)`",
    note = "for a distribution of your own, implement `Prior`; with hyperparameters, implement `PriorFor<T>` for weights in `T`",
    note = "hyperparameters have the scalar type of the weights: `LearnedNormal<f64>` for weights in `f64`",
    note = "a bound `P: Prior` excludes `MonteCarlo(..)` and priors with hyperparameters; write `P: PriorFor<T>` instead"
)]
pub trait Prior: Send + Sync + 'static {
    /// ln p(w), summed over the elements of `w`: nats.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T>;

    /// A draw of a weight of this shape, row by row, with the noise of `key`: for
    /// [`Bayesian::draw_from_prior`](crate::Bayesian::draw_from_prior). Provided: `None`, as for an improper prior.
    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        let _ = (shape, key);
        None
    }

    /// The prior in a few words, for [`Bayesian::summary`](crate::Bayesian::summary). Provided: the name of the type.
    fn description(&self) -> String {
        type_name::<Self>()
    }

    /// Calls `visitor` with ln p as a function of each element of a weight of this shape, in a model of the scalar type `T`;
    /// `None` if ln p is not a sum of such a function.
    #[doc(hidden)]
    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, shape: &[usize], visitor: V) -> Option<V::Output> {
        let _ = (shape, visitor);
        None
    }
}

/// A prior for weights in the scalar type `T`, with hyperparameters or without.
///
/// Implement [`Prior`] for a distribution without hyperparameters, which is then a `PriorFor<T>` for every `T`. Implement
/// this for one with hyperparameters: visit a deterministic one as a tensor with [`Role::Point`](crate::engine::Role)
/// (empirical Bayes); a random one is a [`Weight`] with its own posterior.
///
/// In a model the prior is a field without `#[skip]`, which weights name as `#[prior(self.field)]`. Its hyperparameters are
/// drawn before the weights, once per draw.
///
/// ```
/// use elbo::engine::{Role, Visitor, VisitorMut};
/// use elbo::prelude::*;
/// use elbo::{Cx, DrawnPrior, Path, PriorFor};
///
/// /// A Laplace prior about zero whose scale is learned, as its logarithm.
/// struct LearnedLaplace<T: Real = f32> {
///     ln_scale: Tensor<T>,
/// }
///
/// /// The prior in a draw.
/// #[derive(Clone, Copy)]
/// struct LearnedLaplaceDraw<'t, T: Real> {
///     ln_scale: Var<'t, T>,
/// }
///
/// impl<T: Real> PriorFor<T> for LearnedLaplace<T> {
///     type Drawn<'t> = LearnedLaplaceDraw<'t, T>;
///
///     fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> LearnedLaplaceDraw<'t, T> {
///         LearnedLaplaceDraw { ln_scale: cx.hyperparameter(&self.ln_scale) }
///     }
///
///     fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
///         f(&path.at("ln_scale"), Role::Point, &self.ln_scale);
///     }
///
///     fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
///         f(&path.at("ln_scale"), Role::Point, &mut self.ln_scale);
///     }
/// }
///
/// impl<'t, T: Real> DrawnPrior<'t, T> for LearnedLaplaceDraw<'t, T> {
///     fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
///         let distance = w.abs().sum() * (-self.ln_scale).exp();
///         -(distance + (self.ln_scale + 2f64.ln()) * w.len() as f64)
///     }
/// }
///
/// let prior = MonteCarlo(LearnedLaplace { ln_scale: Tensor::zeros([]) });
/// let layer = Dense::new(3, 2).prior(prior);
/// let mut names = Vec::new();
/// layer.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
/// assert_eq!(names[0], "prior.ln_scale");
/// assert!(layer.kl_estimate(Key::new(1), 8).mean > 0.0);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prior for these weights",
    label = "expected a distribution, such as `Normal(0.0, 1.0)`",
    note = "for a distribution of your own, implement `Prior`; with hyperparameters, implement `PriorFor<T>` for weights in `T`",
    note = "hyperparameters have the scalar type of the weights: `LearnedNormal<f64>` for weights in `f64`",
    note = "a bound `P: Prior` excludes `MonteCarlo(..)` and priors with hyperparameters; write `P: PriorFor<T>` instead"
)]
pub trait PriorFor<T: Real>: Send + Sync + 'static {
    /// The prior in a draw, with its hyperparameters on the tape; `&'t Self` for a [`Prior`].
    type Drawn<'t>: DrawnPrior<'t, T>;

    /// Draws the hyperparameters.
    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> Self::Drawn<'t>;

    /// Calls `f` with every tensor below `path`.
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        let _ = (path, f);
    }

    /// Calls `f` with every tensor below `path`, to be changed in place.
    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        let _ = (path, f);
    }

    /// Calls `f` with the KL divergence of each random hyperparameter below `path` that has a closed form, in nats.
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        let _ = (path, f);
    }
}

/// A prior in a draw.
pub trait DrawnPrior<'t, T: Real>: Copy {
    /// ln p(w) given the hyperparameters, summed over the elements of `w`: nats. Differentiable with respect to `w` and to
    /// the hyperparameters.
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T>;

    /// A draw of a weight of this shape given the hyperparameters, row by row, with the noise of `key`. Provided: `None`, as
    /// for an improper prior.
    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        let _ = (shape, key);
        None
    }

    /// The prior of the weight at `path` of this shape: itself, unless weights that share the prior have different ones, as
    /// under [`NormalsByName`]. It is called once for each weight of a draw, before all other methods.
    ///
    /// # Panics
    /// If there is none for this weight.
    #[must_use]
    fn for_weight(self, path: &Path<'_>, shape: &[usize]) -> Self {
        let _ = (path, shape);
        self
    }

    /// Calls `f` with every random hyperparameter below `path`.
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        let _ = (path, f);
    }

    /// The prior in a few words, for [`Bayesian::summary`](crate::Bayesian::summary). Provided: the name of the type.
    fn description(self) -> String {
        type_name::<Self>()
    }

    /// ln p of one element (from 0) of a weight of this shape at each of these values, in nats, given the hyperparameters; `None` if ln
    /// p is not a sum over elements.
    #[doc(hidden)]
    fn log_densities(self, shape: &[usize], element: usize, values: &[f64]) -> Option<Vec<f64>> {
        self.elementwise(shape, LogDensities { element, values })
    }

    /// Calls `visitor` with ln p as a function of each element of a weight of this shape; `None` if ln p is not a sum of such
    /// a function.
    #[doc(hidden)]
    fn elementwise<V: WithDensity<'t>>(self, shape: &[usize], visitor: V) -> Option<V::Output> {
        let _ = (shape, visitor);
        None
    }
}

/// A prior without hyperparameters, whose draw is a reference to it.
#[diagnostic::do_not_recommend]
impl<T: Real, P: Prior> PriorFor<T> for P {
    type Drawn<'t> = &'t P;

    fn draw_in<'t>(&'t self, _: Cx<'t, T>) -> &'t P {
        self
    }
}

impl<'t, T: Real, P: Prior> DrawnPrior<'t, T> for &'t P {
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
        Prior::log_density(self, w)
    }

    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        Prior::sample(self, shape, key)
    }

    fn description(self) -> String {
        Prior::description(self)
    }

    fn elementwise<V: WithDensity<'t>>(self, shape: &[usize], visitor: V) -> Option<V::Output> {
        Prior::elementwise::<T, V>(self, shape, visitor)
    }
}

/// A prior without hyperparameters: every [`Prior`], and [`MonteCarlo`](struct@crate::MonteCarlo) of one. Only such a
/// prior may be an expression in `#[prior(..)]` or in a field with `#[skip]`, where hyperparameters would not be learned.
#[diagnostic::on_unimplemented(
    message = "the hyperparameters of the prior `{Self}` would not be learned here",
    label = "expected a prior without hyperparameters",
    note = "keep it in a field, without `#[skip]`, and write `#[prior(self.field)]`"
)]
pub trait FixedPrior {}

#[diagnostic::do_not_recommend]
impl<P: Prior> FixedPrior for P {}

impl<P: FixedPrior> FixedPrior for MonteCarlo<P> {}

/// A prior that an expression in `#[prior(..)]` may make: one without hyperparameters, kept in the tape's arena.
#[diagnostic::on_unimplemented(
    message = "`#[prior(..)]` cannot construct the prior `{Self}`",
    label = "this prior has hyperparameters, which would not be learned, or it is not `Copy`",
    note = "keep it in a field and write `#[prior(self.field)]`; without `#[skip]` if it has hyperparameters"
)]
pub trait ExpressionPrior: FixedPrior + Copy {}

#[diagnostic::do_not_recommend]
impl<P: Prior + Copy> ExpressionPrior for P {}

#[diagnostic::do_not_recommend]
impl<P: ExpressionPrior> ExpressionPrior for MonteCarlo<P> {}

/// A prior from which divergences are estimated: [`MonteCarlo`] of another.
pub trait Estimate<T: Real>: PriorFor<T> {
    /// The wrapped prior.
    type Prior: PriorFor<T>;

    /// Wraps the draw of the wrapped prior.
    fn estimate<'t>(prior: <Self::Prior as PriorFor<T>>::Drawn<'t>) -> Self::Drawn<'t>;
}

impl<T: Real, P: PriorFor<T>> Estimate<T> for MonteCarlo<P> {
    type Prior = P;

    fn estimate<'t>(prior: P::Drawn<'t>) -> MonteCarlo<P::Drawn<'t>> {
        MonteCarlo(prior)
    }
}

/// ln p(w) of the drawn prior.
///
/// # Panics
/// If the prior's method returns more than one element.
#[track_caller]
pub(crate) fn log_density<'t, T: Real, D: DrawnPrior<'t, T>>(prior: D, w: Var<'t, T>) -> Var<'t, T> {
    let log_density = prior.log_density_of(w);
    assert!(log_density.len() == 1, "{}", several::<D>(log_density.shape()));
    log_density
}

#[cold]
fn several<D>(shape: &[usize]) -> String {
    let drawn = std::any::type_name::<D>();
    let (method, prior) = match drawn.strip_prefix('&') {
        Some(prior) => ("Prior::log_density", prior),
        None => ("DrawnPrior::log_density_of", drawn),
    };
    format!(
        "`{method}` of `{prior}` returned the shape {shape:?}; it must return one element, the sum over the elements of the weight"
    )
}
