//! The term −ln p(w) of a deterministic weight with a prior: maximum a posteriori.

use crate::divergence::{Divergence, in_double};
use crate::engine::{Real, Var};
use crate::posterior::Point;
use crate::prior::{
    Cauchy, HalfCauchy, HalfNormal, Horseshoe, InverseGammaVariance, LaplacePrior, LogNormalPrior, LogUniform,
    MonteCarlo, Normal, Normals, PriorFor, ScaleMixture, StudentT, log_density,
};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

macro_rules! under {
    ($($prior:ty $(, const $n:ident: $size:ty)?;)*) => {$(
        /// −ln p(w). (The entropy of a point mass is −∞ wherever the point is, and is left out.)
        impl<T: Real $(, const $n: $size)?> Divergence<$prior> for Point<T> {
            type Exact = Yes;

            fn kl(&self, prior: &$prior) -> f64 {
                in_double(self, prior)
            }

            fn kl_on<'t>(&'t self, prior: &'t $prior, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
                -log_density(prior, cx.tape().param(&self.0))
            }
        }
    )*};
}

under! {
    Cauchy;
    HalfCauchy;
    HalfNormal;
    Horseshoe;
    InverseGammaVariance;
    LaplacePrior;
    LogNormalPrior;
    LogUniform;
    Normal;
    Normals;
    ScaleMixture<N>, const N: usize;
    StudentT;
}

/// −ln p(w) under any prior, also one that does not implement `Divergence` for [`Point`].
impl<T: Real, P: PriorFor<T>> Divergence<MonteCarlo<P>> for Point<T> {
    type Exact = No<(Point<T>, MonteCarlo<P>)>;

    fn kl_on<'t>(&'t self, prior: MonteCarlo<P::Drawn<'t>>, cx: Cx<'t, T>, _: &dyn Fn() -> Var<'t, T>) -> Var<'t, T> {
        -log_density(prior.0, cx.tape().param(&self.0))
    }
}
