//! Variational inference: `Elbo` and its training loop, evaluation, learning-rate schedules, early stopping, reports.

mod agreement;
mod budget;
#[cfg(feature = "files")]
mod checkpoint;
#[cfg(not(feature = "files"))]
#[path = "no_checkpoint.rs"]
mod checkpoint;
mod clip;
mod draw_options;
mod early_stopping;
mod elbo;
mod error;
mod evaluate;
mod fit;
mod guess;
mod history;
mod options;
mod plan;
mod progress;
mod recipe;
mod report;
mod run;
#[cfg(feature = "serde")]
mod saved;
mod schedule;
mod shard_sum;
mod sharded;
mod snapshot;
mod state;
mod step;
mod trace;
mod training;

pub use budget::{Budget, Epochs, UntilConverged};
#[cfg(feature = "files")]
pub use checkpoint::Checkpoint;
pub use clip::Clip;
pub(in crate::infer) use draw_options::DrawOptions;
pub use early_stopping::Monitor;
pub use elbo::Elbo;
pub use error::TrainError;
pub use evaluate::Bound;

pub(in crate::infer) use options::check_schedule;
pub(in crate::infer) use plan::{Plan, Yardstick};
pub(in crate::infer) use progress::Progress;
pub use report::{Epoch, Report, Rise};
pub use schedule::Schedule;
#[cfg(feature = "serde")]
pub(crate) use schedule::Shape as ScheduleShape;
pub(in crate::infer) use step::StepTerms;
pub(in crate::infer) use trace::Trace;
pub use training::Training;
