//! y
#[path = "suite/common/mod.rs"]
mod common;
#[path = "suite/own_process.rs"]
mod own_process;
#[path = "suite/readers_survive_anything/mod.rs"]
mod readers_survive_anything;
