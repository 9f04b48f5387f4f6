//! KL divergences of other families from normal and Laplace priors, computed from moments of the posterior.
//!
//! KL(q ‖ p) = −H(q) − Σ E ln pᵢ(wᵢ) if elements are independent under p; they may be dependent under q. For a normal
//! pᵢ the expectation needs only the mean and the standard deviation of the element; for a Laplace pᵢ the marginal of the
//! element must also be normal.

mod families;
mod forms;

use crate::distribution::elementwise::{ElementwiseTerm, sum};
use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::check;
use crate::posterior::{FullCovariance, LowRank};
use crate::posterior::{MatrixNormal, MeanFieldLaplace, Posterior, Radial};
use crate::prior::{LaplacePrior, LearnedNormal, LearnedNormalDraw, Normals};
use crate::properties::Yes;
use crate::sampling::Cx;
use forms::{FromLaplace, FromNormals, FromScaled};

/// The moments of a weight.
struct Moments<'t, T: Real> {
    mean: Var<'t, T>,
    /// The standard deviation of every element, of any shape.
    sd: Var<'t, T>,
    /// The entropy minus that of as many independent standard normals: ½ ln det Σ of a normal.
    ln_volume: Var<'t, T>,
}

/// A family with known moments.
trait KnownMoments: Posterior {
    fn moments<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Moments<'t, Self::Scalar>;
}

/// Σ f(mean, sd) − ln volume, on the tape.
fn kl_on<'t, Q: KnownMoments>(
    q: &'t Q,
    f: impl ElementwiseTerm<2> + 't,
    shared: Option<Var<'t, Q::Scalar>>,
    cx: Cx<'t, Q::Scalar>,
) -> Var<'t, Q::Scalar> {
    check(q);
    let Moments { mean, sd, ln_volume } = q.moments(cx);
    sum(f, [mean, sd], shared) - ln_volume
}

macro_rules! under_normals {
    ($($family:ident)*) => {$(
        /// ln s + ((Var w) + (E w − m)²)/2s² for every element, minus the entropy.
        impl<T: Real> Divergence<Normals> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &Normals) -> f64 {
                in_double(self, prior)
            }

            fn kl_on<'t>(
                &'t self,
                prior: &'t Normals,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                prior.check(self.shape());
                kl_on(self, FromNormals(prior), None, cx)
            }
        }

        /// ln s + ((Var w) + (E w)²)/2s² for every element, minus the entropy; differentiable with respect to s as well.
        impl<T: Real> Divergence<LearnedNormal<T>> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
                in_double(self, &prior.double())
            }

            fn kl_on<'t>(
                &'t self,
                prior: LearnedNormalDraw<'t, T>,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                kl_on(self, FromScaled, Some(prior.ln_sd), cx)
            }
        }
    )*};
}

under_normals!(FullCovariance LowRank MatrixNormal MeanFieldLaplace Radial);

macro_rules! under_laplace {
    ($($family:ident)*) => {$(
        /// ln 2b + E|w − m|/b for every element, whose marginal is normal, minus the entropy.
        impl<T: Real> Divergence<LaplacePrior> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &LaplacePrior) -> f64 {
                in_double(self, prior)
            }

            fn kl_on<'t>(
                &'t self,
                prior: &'t LaplacePrior,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                kl_on(self, FromLaplace(*prior), None, cx)
            }
        }
    )*};
}

under_laplace!(FullCovariance LowRank MatrixNormal);
