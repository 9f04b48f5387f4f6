//! Inference: variational inference (`vi`), MAP estimates and ensembles of them, SWAG, Laplace approximations, Markov chains (`mcmc`,
//! `sgmcmc`), Stein variational gradient descent (`svgd`), and the log joint density.

pub(crate) mod batch;
mod caught_panic;
pub(crate) mod chains;
pub(crate) mod ensemble;
pub(crate) mod laplace;
pub(crate) mod log_joint;
pub(crate) mod map;
#[cfg(feature = "mcmc")]
pub(crate) mod mcmc;
mod minibatch_target;
pub(crate) mod sgmcmc;
mod start;
pub(crate) mod svgd;
pub(crate) mod swag;
pub(crate) mod vi;

pub use laplace::{Laplace, LaplaceError, LaplacePosterior, Linearised, PriorGroups};
pub use log_joint::LogJoint;
