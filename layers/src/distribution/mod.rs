//! Elementwise functions with derivatives, summed in one operation; shared by priors, posteriors and divergences.

pub(crate) mod elementwise;
pub(crate) mod log_scale;
