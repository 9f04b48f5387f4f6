//! What generated code needs to know of a weight with a prior.

use crate::divergence::Divergence;
use crate::engine::Path;
use crate::prior::PriorFor;
use crate::properties::{ClosedCase, ClosedForm, Property, Yes};

/// Sees the divergence of one weight after the other, as a number.
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

/// A closed form, where the prior's type is known to rustc alone.
#[diagnostic::on_unimplemented(
    message = "the type of this prior cannot be read off its expression, and its KL divergence is not a closed form: `{Self}`",
    label = "so this model's `kl()` would not be exact",
    note = "keep the prior in a field, `#[skip] prior: P`, and write `#[prior(self.prior)]`; or name its type in the expression, as `MonteCarlo(..)` or `Type::new(..)`"
)]
pub trait KnownClosedForm: Property {}

impl KnownClosedForm for Yes {}
