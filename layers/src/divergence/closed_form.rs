//! Divergences without a tape, for generated code: computed if the pair has a closed form.

use crate::divergence::Divergence;
use crate::engine::Path;
use crate::prior::PriorFor;
use crate::properties::{ClosedCase, ClosedForm, Property, Yes};

/// A visitor of the divergence of each weight, in nats.
pub type Nats<'f> = dyn FnMut(&Path<'_>, f64) + 'f;

/// The divergence of a pair without a tape.
pub(super) struct KlOf<'a, Q: ?Sized, P> {
    pub(super) posterior: &'a Q,
    pub(super) prior: &'a P,
}

impl<Q: Divergence<P> + ?Sized, P: PriorFor<Q::Scalar>> ClosedCase<Q::Exact> for KlOf<'_, Q, P> {
    type Output = f64;

    fn compute(self) -> f64
    where
        Q::Exact: ClosedForm,
    {
        self.posterior.kl(self.prior)
    }
}

/// The property of a closed form, required where the macro cannot read the prior's type.
#[diagnostic::on_unimplemented(
    message = "`#[bayesian]` cannot read the type of this prior, whose KL divergence does not have an exact closed form: `{Self}`",
    label = "this model's `kl()` would claim to be exact",
    note = "keep the prior in a field and write `#[prior(self.field)]`; or name its type in the expression, as in `MonteCarlo(..)` or `Type::new(..)`"
)]
pub trait KnownClosedForm: Property {}

impl KnownClosedForm for Yes {}
