//! A model behind HTTP, for the program `serve`: [`Saved`] is its file, [`Predictor`] what answers, [`Server`] the service, and
//! [`load`] measures one.
//!
//! ```text
//! connections → requests (checked) → queue → batches of rows → predictor → answers
//!                                            watch: a new file → a new predictor
//! ```

mod answer;
mod batches;
pub mod client;
mod connections;
pub mod load;
mod metrics;
mod model;
mod patient;
mod predictor;
mod refusal;
mod request;
mod routes;
mod saved;
mod server;
pub mod train;
mod watch;

pub use answer::{Answer, Answers};
pub use predictor::{Calibration, Method, Predictor};
pub use saved::Saved;
pub use server::{Options, Server, wait_for_signal};
