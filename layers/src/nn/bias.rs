//! `Bias`: the optional bias of a layer, with its prior.

use crate::divergence::Divergence;
use crate::engine::Real;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// The optional bias of a layer: in a field `bias: Option<Bias>` it is the parameter `bias`.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Bias<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// One element for each output.
    #[name("")]
    #[prior(self.prior)]
    pub value: Q,
    /// Its prior. A learned prior is learned with the layer.
    pub prior: P,
}

initial_sd!(Bias: value);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Bias<Q, P> {
    /// The same bias under another prior.
    pub(super) fn under<R: PriorFor<Q::Scalar>>(self, prior: R) -> Bias<Q, R>
    where
        Q: Divergence<R>,
    {
        Bias { value: self.value, prior }
    }
}

/// `initial_sd` of an optional bias. A closure would hide the caller's line.
pub(super) trait InitialSd {
    #[track_caller]
    fn initial_sd(self, sd: f64) -> Self;
}

impl<T: Real, P: PriorFor<T>> InitialSd for Option<Bias<MeanField<T>, P>>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    #[track_caller]
    fn initial_sd(self, sd: f64) -> Self {
        let bias = self?;
        Some(bias.initial_sd(sd))
    }
}
