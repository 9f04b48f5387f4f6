//! What the stories in `src/bin` share: their [options](cli), the [network](Classifier) and the
//! [experiment](experiment::run) they run, and the [table] and [JSON](json) they end with.

pub mod classifier;
pub mod cli;
pub mod experiment;
pub mod failure;
pub mod json;
pub mod summary;
pub mod table;

pub use classifier::Classifier;
pub use failure::Failure;
pub use summary::Summary;
