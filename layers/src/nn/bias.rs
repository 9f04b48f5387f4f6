//! `Bias`: the optional bias of a layer, with its prior.

use crate::divergence::Divergence;
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
