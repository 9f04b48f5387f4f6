//! What a layer adds, if it adds anything.

use crate::divergence::Divergence;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// The bias of a layer that may have none: as an `Option` in a field `bias`, it is the parameter `bias`.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Bias<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// One number for every output.
    #[name("")]
    #[prior(self.prior)]
    pub value: Q,
    /// Its prior. What it learns is learned with the layer.
    pub prior: P,
}
