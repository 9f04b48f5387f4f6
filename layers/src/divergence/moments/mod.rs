//! Families beside the mean-field normal under priors that ask for few moments.
//!
//! KL(q ‖ p) = −H(q) − Σ E ln pᵢ(wᵢ) where elements are independent under p, whatever they are under q. Under a normal
//! pᵢ the expectation needs mean and standard deviation of the element alone; under a Laplace pᵢ that, and that the
//! element is normal by itself.

mod families;
mod forms;

use crate::distribution::elementwise::{ElementwiseTerm, sum, total};
use crate::divergence::Divergence;
use crate::engine::Key;
use crate::engine::{Real, Tape, Var};
use crate::posterior::check;
use crate::posterior::{FullCovariance, LowRank};
use crate::posterior::{MatrixNormal, MeanFieldLaplace, Posterior, Radial};
use crate::prior::{Given, HierarchicalNormal, Laplace, LearnedNormal};
use crate::prior::{Normals, Prior};
use crate::properties::{No, Yes};
use crate::sampling::Cx;
use crate::sampling::Mode;
use forms::{FromLaplace, FromNormals, FromScaled};

/// What is known of a weight.
struct Moments<'t, T: Real> {
    mean: Var<'t, T>,
    /// The standard deviation of every element, of any shape.
    sd: Var<'t, T>,
    /// The entropy less that of as many independent standard normals: ½ ln det Σ of a normal.
    ln_volume: Var<'t, T>,
}

/// A family of which these are known.
trait KnownMoments: Posterior {
    /// The family in double precision.
    type Double: KnownMoments<Scalar = f64>;

    fn double(&self) -> Self::Double;

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

/// The same in double precision.
fn kl(q: &impl KnownMoments, f: impl ElementwiseTerm<2>, shared: f64) -> f64 {
    check(q);
    let (q, tape) = (q.double(), Tape::inference());
    let cx = Cx::new(&tape, Key::new(0), Mode::Mean);
    let Moments { mean, sd, ln_volume } = q.moments(cx);
    total(f, [mean.value(), sd.value()], shared) - ln_volume.item()
}

macro_rules! under_normals {
    ($($family:ident)*) => {$(
        /// ln s + ((Var w) + (E w − m)²)/2s² for every element, less the entropy.
        impl<T: Real> Divergence<Normals> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &Normals) -> f64 {
                prior.check(self.shape());
                kl(self, FromNormals(prior), 0.0)
            }

            fn kl_on<'t>(
                &'t self,
                prior: Given<'t, Normals, T>,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                prior.check(self.shape());
                kl_on(self, FromNormals(prior.prior()), None, cx)
            }
        }

        /// The same about zero, differentiable with respect to s as well.
        impl<T: Real> Divergence<LearnedNormal<T>> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &LearnedNormal<T>) -> f64 {
                kl(self, FromScaled, prior.ln_sd())
            }

            fn kl_on<'t>(
                &'t self,
                prior: Given<'t, LearnedNormal<T>, T>,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                kl_on(self, FromScaled, Some(prior.own().expect("it has a parameter of its own")), cx)
            }
        }

        /// The same given the s drawn.
        impl<T: Real, Q: Divergence<P, Scalar = T> + Send + Sync, P: Prior> Divergence<HierarchicalNormal<Q, P>>
            for $family<T>
        {
            type Exact = No<($family<T>, HierarchicalNormal<Q, P>)>;

            fn kl(&self, _: &HierarchicalNormal<Q, P>) -> f64 {
                f64::NAN
            }

            fn kl_on<'t>(
                &'t self,
                prior: Given<'t, HierarchicalNormal<Q, P>, T>,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                kl_on(self, FromScaled, Some(prior.own().expect("it has a parameter of its own").ln()), cx)
            }
        }
    )*};
}

under_normals!(FullCovariance LowRank MatrixNormal MeanFieldLaplace Radial);

macro_rules! under_laplace {
    ($($family:ident)*) => {$(
        /// ln 2b + E|w − m|/b for every element, which is normal by itself, less the entropy.
        impl<T: Real> Divergence<Laplace> for $family<T> {
            type Exact = Yes;

            fn kl(&self, prior: &Laplace) -> f64 {
                kl(self, FromLaplace(*prior), 0.0)
            }

            fn kl_on<'t>(
                &'t self,
                prior: Given<'t, Laplace, T>,
                cx: Cx<'t, T>,
                _: &dyn Fn() -> Var<'t, T>,
            ) -> Var<'t, T> {
                kl_on(self, FromLaplace(*prior), None, cx)
            }
        }
    )*};
}

under_laplace!(FullCovariance LowRank MatrixNormal);
