//! Shared by the programs in `src/bin`: [options](cli), the [network](Classifier), the [experiment](experiment::run), and
//! results as [table] and [JSON](json); the gradient [variance] of the estimators; [networks](scan),
//! [data](volumes) and [augmentation](augment) in three dimensions; [comparison](baseline) with the class frequencies; network, data
//! and figures of the comparison of [posteriors]; the networks of [posteriordb]; the [curves](curve) of a regression; [shifted](shift) images; the [diabetes] data; [characters] of a text and their [n-grams](ngram);
//! models of any table ([tabular]); jobs in [parallel] and [records] of them; with the feature of that name, the service of `serve`.

pub mod augment;
pub mod baseline;
pub mod characters;
pub mod classifier;
pub mod cli;
pub mod convergence;
pub mod curve;
pub mod diabetes;
pub mod experiment;
pub mod failure;
pub mod job;
pub mod json;
pub mod mnist;
pub mod ngram;
pub mod parallel;
pub mod posteriordb;
pub mod posteriors;
pub mod ranks;
pub mod records;
pub mod scaling;
pub mod scan;
#[cfg(feature = "serve")]
pub mod serve;
pub mod shift;
pub mod summary;
pub mod table;
pub mod tabular;
pub mod uci;
pub mod variance;
pub mod volumes;

pub use classifier::Classifier;
pub use failure::Failure;
pub use summary::Summary;
