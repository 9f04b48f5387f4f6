//! Inference: training by variational inference (`vi`), Laplace approximations (`laplace`), and the log joint density for
//! other algorithms.

pub(crate) mod batch;
mod caught_panic;
pub(crate) mod laplace;
pub(crate) mod log_joint;
#[cfg(feature = "mcmc")]
pub(crate) mod mcmc;
pub(crate) mod vi;

pub use laplace::{Laplace, LaplaceError, LaplacePosterior, Linearised, PriorGroups};
pub use log_joint::LogJoint;
