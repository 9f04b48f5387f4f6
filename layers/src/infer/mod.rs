//! Inference: training by variational inference (`vi`), and the log joint density for other algorithms.

pub(crate) mod batch;
mod log_joint;
pub(crate) mod vi;

pub use log_joint::LogJoint;
