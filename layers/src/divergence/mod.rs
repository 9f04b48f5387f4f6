//! The trait `Divergence`: the KL divergence of a posterior from a prior, implemented for each pair of types.

mod closed_form;
mod full_covariance;
mod laplace;
mod learned_normal;
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
mod normals_by_name;
pub(crate) mod pair;
mod point;
mod radial;
mod spike_and_slab;
mod squared_distance;

use crate::engine::{Key, Path, Tape, Var};
use crate::estimator::Weight;
use crate::posterior::{Double, Posterior, check};
use crate::prior::{Estimate, ExpressionPrior, FixedPrior, PriorFor, SameScalar};
use crate::properties::{ClosedForm, Property};
use crate::sampling::{Cx, Mode, Sampled};
use closed_form::KlOf;
pub use closed_form::{KnownClosedForm, Nats};

/// The Kullback–Leibler divergence KL(q‖p) of a posterior family `Self` from a prior `P`, in nats,
/// summed over the elements of the weight.
#[diagnostic::on_unimplemented(
    message = "the KL divergence of the posterior `{Self}` from the prior `{P}` is not implemented",
    label = "no closed form for this pair",
    note = "write `#[kl(monte_carlo)]` on the field, or wrap the prior as `MonteCarlo(..)`, to estimate it from the drawn weights",
    note = "or implement `Divergence<{P}>` for `{Self}`; `#[prior(..)]` is only for fields whose type is a posterior family",
    note = "a prior is a distribution such as `Normal`, or a type of your own that implements `Prior`"
)]
pub trait Divergence<P: PriorFor<Self::Scalar>>: Posterior {
    /// Whether the divergence has a closed form: [`Yes`](crate::Yes), [`Approximate`](crate::Approximate) or
    /// [`No`](crate::No).
    type Exact: Property;

    /// The divergence in nats, without a tape. By default it calls [`kl_on`](Divergence::kl_on) with a temporary tape, in the
    /// scalar type of the weights; the pairs in this crate compute it in double precision.
    fn kl(&self, prior: &P) -> f64
    where
        Self::Exact: ClosedForm,
    {
        on_a_tape(self, prior)
    }

    /// The divergence on the tape of `cx`, differentiable: one element. `prior` is `&'t P` for a prior without
    /// hyperparameters. `weight` returns the drawn weight, to estimate a divergence without a closed form.
    fn kl_on<'t>(
        &'t self,
        prior: <P as PriorFor<Self::Scalar>>::Drawn<'t>,
        cx: Cx<'t, Self::Scalar>,
        weight: &dyn Fn() -> Var<'t, Self::Scalar>,
    ) -> Var<'t, Self::Scalar>;

    /// A sample and the divergence in one pass over memory; `None` if the pair does not implement this.
    fn sample_with_kl<'t>(
        &'t self,
        prior: <P as PriorFor<Self::Scalar>>::Drawn<'t>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (prior, cx);
        None
    }

    /// The variance of every element and the divergence in one pass over memory, for outputs that are sampled in place of
    /// the weight; `None` if the pair does not implement this.
    fn variance_with_kl<'t>(
        &'t self,
        prior: <P as PriorFor<Self::Scalar>>::Drawn<'t>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (prior, cx);
        None
    }

    /// Draws a weight whose prior is a skipped field, for generated code.
    #[doc(hidden)]
    fn weight<'t, T: SameScalar<Self::Scalar>>(&'t self, prior: &'t P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
        P: FixedPrior,
    {
        let cx = T::cx(cx);
        T::weight(pair::weight(self, prior.draw_in(cx), cx))
    }

    /// Draws a weight whose prior is a skipped field, with an estimated divergence, for generated code.
    #[doc(hidden)]
    fn estimated_weight<'t, T: SameScalar<Self::Scalar>>(&'t self, prior: &'t P::Prior, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
        P: Estimate<Self::Scalar, Prior: FixedPrior>,
    {
        let cx = T::cx(cx);
        T::weight(pair::weight::<Self, P>(self, P::estimate(prior.draw_in(cx)), cx))
    }

    /// Draws a weight whose prior is a field of the model and was drawn, for generated code.
    #[doc(hidden)]
    fn weight_with_drawn_prior<'t, T: SameScalar<Self::Scalar>>(
        &'t self,
        prior: <P as PriorFor<Self::Scalar>>::Drawn<'t>,
        cx: Cx<'t, T>,
    ) -> Weight<'t, T>
    where
        Self: Sized,
    {
        T::weight(pair::weight::<Self, P>(self, prior, T::cx(cx)))
    }

    /// Draws a weight whose prior is the value of an expression, for generated code.
    #[doc(hidden)]
    fn weight_with_owned_prior<'t, T: SameScalar<Self::Scalar>>(&'t self, prior: P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        Self: Sized,
        P: ExpressionPrior,
    {
        self.weight(cx.tape().alloc(prior), cx)
    }

    /// Calls `f` with the divergence of a weight if it has a closed form, for generated code.
    #[doc(hidden)]
    fn term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>) {
        pair::check_at(self, path);
        if let Some(nats) = Self::Exact::if_closed(KlOf { posterior: self, prior }) {
            f(path, nats);
        }
    }

    /// [`term`](Divergence::term) of a weight whose prior has a type that the macro could not read.
    #[doc(hidden)]
    fn closed_term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>)
    where
        Self::Exact: KnownClosedForm,
    {
        self.term(prior, path, f);
    }
}

/// The closed form, computed on a temporary tape.
fn on_a_tape<Q: Divergence<P> + ?Sized, P: PriorFor<Q::Scalar>>(q: &Q, prior: &P) -> f64 {
    let tape = Tape::inference();
    let cx = Cx::new(&tape, Key::new(0), Mode::Mean);
    let weight = || {
        panic!(
            "`Divergence::kl_on` of `{}` estimates the divergence from the drawn weight; declare `type Exact = No<..>`",
            std::any::type_name::<Q>()
        )
    };
    q.kl_on(prior.draw_in(cx), cx, &weight).item()
}

/// The closed form in double precision, for any scalar type of the parameters.
fn in_double<Q: Double, P: PriorFor<f64>>(q: &Q, prior: &P) -> f64
where
    Q::Double: Divergence<P>,
{
    check(q);
    on_a_tape(&q.double(), prior)
}
