//! What the stories in `src/bin` share: their [options](cli), the [network](Classifier) and the
//! [experiment](experiment::run) they run, and the [table], [JSON](json) and [pictures](plot) they end with; how the
//! estimators' [variance] is measured; the [network](scan) and the [data](volumes) in three dimensions; and what
//! predictions [gain](gains) over the shares of the classes.

pub mod augment;
pub mod classifier;
pub mod cli;
pub mod experiment;
pub mod failure;
pub mod gains;
pub mod json;
pub mod mnist;
pub mod plot;
pub mod scaling;
pub mod scan;
pub mod summary;
pub mod table;
pub mod variance;
pub mod volumes;

pub use classifier::Classifier;
pub use failure::Failure;
pub use summary::Summary;
