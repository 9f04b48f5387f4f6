//! Monte Carlo estimates of the KL divergence of any posterior with a density from any prior.

use crate::distribution::elementwise::{ElementwiseTerm, WithDensity};
use crate::divergence::Divergence;
use crate::engine::Var;
use crate::posterior::Density;
use crate::prior::{self, DrawnPrior, MonteCarlo, PriorFor};
use crate::properties::No;
use crate::sampling::Cx;
use crate::sampling::Sampled;

/// ln q(w) − ln p(w) at the drawn weight: unbiased, with the gradient through the weight and through
/// q's own parameters (or through the weight alone: [`Drawing::path_derivative`](crate::Drawing::path_derivative)).
impl<Q: Density, P: PriorFor<Q::Scalar>> Divergence<MonteCarlo<P>> for Q {
    type Exact = No<(Q, MonteCarlo<P>)>;

    fn kl_on<'t>(
        &'t self,
        prior: MonteCarlo<P::Drawn<'t>>,
        cx: Cx<'t, Q::Scalar>,
        weight: &dyn Fn() -> Var<'t, Q::Scalar>,
    ) -> Var<'t, Q::Scalar> {
        let w = weight();
        let log_density = if cx.samples() { self.log_density_of_sample(w, cx) } else { self.log_density(w, cx) };
        assert!(
            log_density.len() == 1,
            "`Density::log_density` of `{}` returned the shape {:?}; it must return one element, the sum over the elements of the weight",
            std::any::type_name::<Q>(),
            log_density.shape()
        );
        log_density - prior::log_density(prior.0, w)
    }

    fn sample_with_kl<'t>(
        &'t self,
        prior: MonteCarlo<P::Drawn<'t>>,
        cx: Cx<'t, Q::Scalar>,
    ) -> Option<Sampled<'t, Q::Scalar>> {
        // A path derivative holds q's parameters constant, which the fused passes do not support.
        if cx.is_path_derivative() {
            return None;
        }
        prior.0.elementwise(self.shape(), SampleWithLogRatio { posterior: self, cx }).flatten()
    }
}

struct SampleWithLogRatio<'t, Q: Density> {
    posterior: &'t Q,
    cx: Cx<'t, Q::Scalar>,
}

impl<'t, Q: Density> WithDensity<'t> for SampleWithLogRatio<'t, Q> {
    type Output = Option<Sampled<'t, Q::Scalar>>;

    fn with<F: ElementwiseTerm<1> + 't>(self, log_prior: F) -> Self::Output {
        self.posterior.sample_with_log_ratio(log_prior, self.cx)
    }
}
