//! Inference: training by variational inference (`vi`), Markov chains, and the log joint density for other algorithms.

pub(crate) mod batch;
mod caught_panic;
pub(crate) mod chains;
pub(crate) mod log_joint;
#[cfg(feature = "mcmc")]
pub(crate) mod mcmc;
pub(crate) mod sgmcmc;
pub(crate) mod vi;

pub use log_joint::LogJoint;
