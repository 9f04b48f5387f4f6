//! Divergences: one for each pair of posterior and prior, chosen by the compiler.

mod away;
mod full_covariance;
mod laplace;
mod log_normal;
mod log_uniform;
mod low_rank;
mod mean_field;
mod mean_field_cauchy;
mod mean_field_laplace;
mod moments;
mod monte_carlo;
mod normal;
mod normals;
mod point;
mod radial;
mod scaled_normal;
mod spike_and_slab;

use crate::engine::{Path, Var};
use crate::estimator::Weight;
use crate::hidden::{Known, Nats};
use crate::model::SameAs;
use crate::posterior::Posterior;
use crate::prior::{Given, Prior};
use crate::properties::Verdict;
use crate::sampling::{Cx, Sampled};

/// The Kullback–Leibler divergence KL(q‖p) of a posterior family `Self` from a prior `P`, in nats,
/// summed over the elements of the weight.
#[diagnostic::on_unimplemented(
    message = "no closed-form KL divergence of the posterior `{Self}` from the prior `{P}`",
    label = "this pair is not declared",
    note = "write `#[kl(monte_carlo)]` on the field, or wrap the prior as `MonteCarlo(..)`, to estimate it from the weights drawn",
    note = "or implement `Divergence<{P}>` for `{Self}`; a field that is no posterior family takes no `#[prior(..)]`"
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

    /// The variance of every element and the divergence in one pass over memory, where the pair has one: for outputs that
    /// are sampled instead of the weight.
    fn variance_with_kl<'t>(
        &'t self,
        prior: Given<'t, P, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (prior, cx);
        None
    }

    /// Draws a field under a prior that is a field too, for generated code.
    #[doc(hidden)]
    fn weight<'t, T: SameAs<Self::Scalar>>(&'t self, prior: &'t P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
    {
        T::weight(crate::model::pair::weight(self, Given::fixed(prior), T::cx(cx)))
    }

    /// Draws a field under a prior that is part of the model and drawn, for generated code.
    #[doc(hidden)]
    fn weight_given<'t, T: SameAs<Self::Scalar>>(&'t self, prior: Given<'t, P, T>, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
    {
        T::weight(crate::model::pair::weight(self, T::given(prior), T::cx(cx)))
    }

    /// Draws a field under a prior that an expression made, for generated code.
    #[doc(hidden)]
    fn weight_of<'t, T: SameAs<Self::Scalar>>(&'t self, prior: P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
        P: Copy,
    {
        self.weight(cx.tape().alloc(prior), cx)
    }

    /// The divergence of a field, for generated code.
    #[doc(hidden)]
    fn term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>) {
        crate::model::pair::check_at(self, path);
        f(path, self.kl(prior));
    }

    /// The divergence of a field whose verdict the macro could not read off the prior's expression.
    #[doc(hidden)]
    fn closed_term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>)
    where
        Self::Exact: Known,
    {
        self.term(prior, path, f);
    }
}
