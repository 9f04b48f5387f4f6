//! What priors, posteriors and divergences share: elementwise functions with their derivatives, summed in one operation.

pub(crate) mod elementwise;
pub(crate) mod log_scale;
