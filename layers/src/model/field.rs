//! A weight with a prior as a field of a model: what generated code calls.

use crate::divergence::Divergence;
use crate::engine::Path;
use crate::estimator::Weight;
use crate::model::SameAs;
use crate::model::pair::{self, check_at};
use crate::prior::{FixedPrior, MonteCarlo, PriorFor};
use crate::properties::{ClosedCase, ClosedForm, Verdict, Yes};
use crate::sampling::Cx;

/// Sees the divergence of one weight after the other, as a number.
pub type Nats<'f> = dyn FnMut(&Path<'_>, f64) + 'f;

/// A posterior family as a field under the prior `P`.
pub trait Field<P: PriorFor<Self::Scalar>>: Divergence<P> + Sized {
    /// Draws the field under a prior that is a field too, and not part of the model.
    fn weight<'t, T: SameAs<Self::Scalar>>(&'t self, prior: &'t P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        P: FixedPrior,
    {
        let cx = T::cx(cx);
        T::weight(pair::weight(self, prior.draw_in(cx), cx))
    }

    /// Draws the field under a prior that is part of the model and drawn.
    fn weight_given<'t, T: SameAs<Self::Scalar>>(
        &'t self,
        prior: <P as PriorFor<T>>::Drawn<'t>,
        cx: Cx<'t, T>,
    ) -> Weight<'t, T>
    where
        P: PriorFor<T>,
    {
        T::weight(pair::weight(self, T::prior::<P>(prior), T::cx(cx)))
    }

    /// Draws the field under a prior that an expression made.
    fn weight_of<'t, T: SameAs<Self::Scalar>>(&'t self, prior: P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        P: FixedPrior + Copy,
    {
        self.weight(cx.tape().alloc(prior), cx)
    }

    /// The divergence of the field, where it has a closed form.
    fn term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>) {
        check_at(self, path);
        if let Some(nats) = Self::Exact::if_closed(KlOf { posterior: self, prior }) {
            f(path, nats);
        }
    }

    /// The divergence of a field whose verdict the macro could not read off the prior's expression.
    fn closed_term(&self, prior: &P, path: &Path<'_>, f: &mut Nats<'_>)
    where
        Self::Exact: Known,
    {
        self.term(prior, path, f);
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Field<P> for Q {}

/// A posterior family as a field whose divergence from the prior `P` is estimated.
pub trait EstimatedField<P: PriorFor<Self::Scalar>>: Divergence<MonteCarlo<P>> + Sized {
    /// Draws the field under a prior that is a field too, and not part of the model.
    fn estimated_weight<'t, T: SameAs<Self::Scalar>>(&'t self, prior: &'t P, cx: Cx<'t, T>) -> Weight<'t, T>
    where
        P: FixedPrior,
    {
        let cx = T::cx(cx);
        T::weight(pair::weight::<Self, MonteCarlo<P>>(self, MonteCarlo(prior.draw_in(cx)), cx))
    }
}

impl<Q: Divergence<MonteCarlo<P>>, P: PriorFor<Q::Scalar>> EstimatedField<P> for Q {}

/// The divergence of a pair without a tape.
struct KlOf<'a, Q, P> {
    posterior: &'a Q,
    prior: &'a P,
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> ClosedCase<Q::Exact> for KlOf<'_, Q, P> {
    type Output = f64;

    fn compute(self) -> f64
    where
        Q::Exact: ClosedForm,
    {
        self.posterior.kl(self.prior)
    }
}

/// A closed form, where the prior's type is known to rustc alone.
#[diagnostic::on_unimplemented(
    message = "the type of this prior cannot be read off its expression, and its KL divergence is not a closed form: `{Self}`",
    label = "so this model's `kl()` would not be exact",
    note = "keep the prior in a field, `#[skip] prior: P`, and write `#[prior(self.prior)]`; or name its type in the expression, as `MonteCarlo(..)` or `Type::new(..)`"
)]
pub trait Known: Verdict {}

impl Known for Yes {}
