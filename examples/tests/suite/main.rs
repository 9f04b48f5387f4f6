//! All integration tests of the examples, in one binary.

mod cli;
mod estimators;
mod volumes;
