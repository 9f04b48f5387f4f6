//! All integration tests of the examples, in one binary.

mod cli;
mod common;
mod estimators;
mod volumes;
