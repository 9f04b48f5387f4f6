//! What the stories in `src/bin` share: their [options](cli), the [network](Classifier) and the
//! [experiment](experiment::run) they run, and the [table], [JSON](json) and [pictures](plot) they end with; and how the
//! estimators' [variance] is measured.

pub mod classifier;
pub mod cli;
pub mod experiment;
pub mod failure;
pub mod json;
pub mod plot;
pub mod summary;
pub mod table;
pub mod variance;

pub use classifier::Classifier;
pub use failure::Failure;
pub use summary::Summary;
