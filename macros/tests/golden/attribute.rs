#[::core::prelude::v1::derive(::elbo::hidden::Bayesian)]
/// A documented network.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub(crate) struct Network<M: Layer>
where
    M: Clone,
{
    /// The body.
    #[cfg(not(feature = "small"))]
    pub body: [M; 2],
    #[name("head")]
    pub(crate) head: M,
}
