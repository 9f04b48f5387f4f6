//! Elementwise functions with derivatives, summed in one operation, and uniform random numbers; shared by priors, posteriors and
//! divergences.

pub(crate) mod elementwise;
pub(crate) mod log_scale;
pub(crate) mod uniform;
