//! Training in one call.

mod clip;
mod draw;
mod elbo;
mod error;
mod evaluate;
mod fit;
mod progress;
mod report;
#[cfg(feature = "serde")]
mod saved;
mod schedule;
mod step;
mod training;
mod trial;
mod watch;

pub use clip::Clip;
use draw::Draw;
pub use elbo::Elbo;
pub use error::TrainError;
pub use evaluate::Bound;
pub use fit::Epochs;
pub use report::{Epoch, Report};
pub use schedule::Schedule;
#[cfg(feature = "serde")]
pub(crate) use schedule::Shape as ScheduleShape;
pub use training::Training;
pub use watch::Watch;
