//! Training in one call.

mod error;
mod fit;
mod progress;
mod report;

pub use error::TrainError;
pub use fit::{Elbo, Epochs};
pub use report::{Epoch, Report};
