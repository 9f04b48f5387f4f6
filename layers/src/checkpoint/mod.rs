//! Files of trained things, in one format: parameters of a model, and whole trainings.
//!
//! A file is a safetensors file. Its metadata has, under `elbo`, a [head](Head) in JSON, and under `checksum` the checksums of
//! everything in it ([`Contents::add_checksums`](crate::engine::io::safetensors::Contents::add_checksums)).

mod differences;
mod error;
pub(crate) mod exact;
mod file;
mod parameters;

pub use differences::Differences;
pub use error::CheckpointError;
pub(crate) use file::{Head, Kind, SavedFile, json};
pub use parameters::{LoadReport, SaveParameters};
pub(crate) use parameters::{add_parameters, first_axes, load_parameters, read_parameters};
