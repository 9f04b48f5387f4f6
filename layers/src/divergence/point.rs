//! A certain weight under a prior: maximum a posteriori.

use crate::divergence::Divergence;
use crate::engine::{Real, Tape, Var};
use crate::posterior::Point;
use crate::prior::{
    Cauchy, Given, HalfCauchy, HalfNormal, Horseshoe, Laplace, LogNormalPrior, LogUniform, MonteCarlo, Normal, Normals,
    Prior, ScaleMixture, StudentT,
};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

/// −ln p(w), without a tape.
pub(super) fn negative_log_density<T: Real>(point: &Point<T>, prior: &impl Prior) -> f64 {
    let tape = Tape::<f64>::inference();
    -prior.log_density(tape.input(&point.0.cast())).item()
}

macro_rules! under {
    ($($prior:ty $(, const $n:ident: $size:ty)?;)*) => {$(
        /// −ln p(w). (The entropy of a point is no number; it does not depend on where the point is, and is left out.)
        impl<T: Real $(, const $n: $size)?> Divergence<$prior> for Point<T> {
            type Exact = Yes;

            fn kl(&self, prior: &$prior) -> f64 {
                negative_log_density(self, prior)
            }

            fn kl_on<'t>(&'t self, prior: Given<'t, $prior, T>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
                -prior.log_density(cx.tape().param(&self.0))
            }
        }
    )*};
}

under! {
    Cauchy;
    HalfCauchy;
    HalfNormal;
    Horseshoe;
    Laplace;
    LogNormalPrior;
    LogUniform;
    Normal;
    Normals;
    ScaleMixture<N>, const N: usize;
    StudentT;
}

/// −ln p(w) under a prior of any type: what can be asked of a prior that declares nothing for a [`Point`].
impl<T: Real, P: Prior> Divergence<MonteCarlo<P>> for Point<T> {
    type Exact = No<(Point<T>, MonteCarlo<P>)>;

    fn kl(&self, _: &MonteCarlo<P>) -> f64 {
        f64::NAN
    }

    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, MonteCarlo<P>, T>,
        cx: Cx<'t, T>,
        _: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        -prior.log_density(cx.tape().param(&self.0))
    }
}
