//! x
#[path = "suite/checkpoints.rs"]
mod checkpoints;
#[path = "suite/common/mod.rs"]
mod common;
#[path = "suite/saved_models.rs"]
mod saved_models;
