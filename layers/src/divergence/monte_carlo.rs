//! The divergence of any posterior with a density from any prior, estimated.

use crate::posterior::Density;
use crate::{Cx, Divergence, MonteCarlo, No, Prior, Var};

/// ln q(w) − ln p(w) at the weight drawn: unbiased, with the gradient through the weight and through
/// q's own parameters.
impl<Q: Density, P: Prior> Divergence<MonteCarlo<P>> for Q {
    type Exact = No<(Q, MonteCarlo<P>)>;

    fn kl(&self, _: &MonteCarlo<P>) -> f64 {
        f64::NAN
    }

    fn kl_on<'t>(
        &'t self,
        prior: &MonteCarlo<P>,
        _: Cx<'t, Q::Scalar>,
        weight: &dyn Fn() -> Var<'t, Q::Scalar>,
    ) -> Var<'t, Q::Scalar> {
        let w = weight();
        self.log_density(w) - prior.log_density(w)
    }
}
