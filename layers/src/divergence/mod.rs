//! Divergences: one for each pair of posterior and prior, chosen by the compiler.

mod laplace;
mod log_uniform;
pub(crate) mod mean_field;
mod monte_carlo;
pub(crate) mod normal;
mod normals;
mod point;
mod scaled_normal;

use crate::{Cx, Given, Posterior, Prior, Var, Verdict};

/// A weight drawn, and its divergence in nats.
pub type Sampled<'t, T> = (Var<'t, T>, Var<'t, T>);

/// The Kullback–Leibler divergence KL(q‖p) of a posterior family `Self` from a prior `P`, in nats,
/// summed over the elements of the weight.
#[diagnostic::on_unimplemented(
    message = "no closed-form KL divergence of the posterior `{Self}` from the prior `{P}`",
    label = "this pair is not declared",
    note = "write `#[kl(monte_carlo)]` on the field, or wrap the prior as `MonteCarlo(..)`, to estimate it from the weights drawn",
    note = "or implement `Divergence<{P}>` for `{Self}`"
)]
pub trait Divergence<P: Prior>: Posterior {
    /// Whether [`kl`](Divergence::kl) is exact: [`Yes`](crate::Yes), [`Approximate`](crate::Approximate) or
    /// [`No`](crate::No).
    type Exact: Verdict;

    /// The divergence, without a tape; NaN if it has no closed form.
    fn kl(&self, prior: &P) -> f64;

    /// The divergence on the tape of `cx`, differentiable. `weight` gives the weight drawn, should
    /// the divergence be estimated from it.
    fn kl_on<'t>(
        &'t self,
        prior: Given<'t, P, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
        weight: &dyn Fn() -> Var<'t, Self::Scalar>,
    ) -> Var<'t, Self::Scalar>;

    /// A sample and the divergence in one pass over memory, where the pair has one.
    fn sample_with_kl<'t>(
        &'t self,
        prior: Given<'t, P, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (prior, cx);
        None
    }
}
