//! Inference: the log joint density of a model and its data, and variational inference.

pub(crate) mod batch;
mod log_joint;
pub(crate) mod vi;

pub use log_joint::LogJoint;
