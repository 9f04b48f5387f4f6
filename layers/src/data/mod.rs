//! Data sets: tables of text ([`Csv`], [`Table`]), [`Encoder`] and [`Scaling`] fitted on the training part, [`Examples`] in
//! memory with splits, folds and minibatches, and readers of IDX files and the digits table.
//!
//! Programming errors panic; errors in a file or a table are a [`DataError`] with the place, what was expected and what
//! was found. Files are not trusted: whatever a file contains, reading takes at most 16 times its size plus 1 MiB of
//! memory and time linear in its size, or fails with an error that says how to allow more. [The readers of
//! tensors](elbo_engine::io) have the same limit.
//!
//! ```
//! use elbo::data::{Examples, Scaling};
//! use elbo::Tensor;
//!
//! let x: Tensor = Tensor::from_fn([10, 3], |i| i as f64);
//! let labels = vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
//! let (train, test) = Examples::new(x, labels)?.split(0.8, 1)?;
//! assert_eq!((train.len(), test.len()), (8, 2));
//! let scaling = Scaling::fit(train.inputs());
//! let (train, test) = (train.scaled(&scaling), test.scaled(&scaling));
//! # Ok::<(), elbo::data::DataError>(())
//! ```
//!
//! ```
//! use elbo::data::{Csv, Encoder, Examples};
//!
//! # let text: String = (0..20).map(|i| format!("{},{}\n", i * i, ["oak", "willow"][i % 2])).collect();
//! # let text = format!("height,species\n{text}");
//! let table = Csv::new().target("species").parse("trees.csv", text)?;       // or `.read("trees.csv")`
//! let (train, test) = table.split(0.8, 1)?;
//! let encoder = Encoder::fit(&train)?;
//! let (train, test): (Examples, Examples) = (encoder.classification(&train)?, encoder.classification(&test)?);
//! assert_eq!((train.len(), test.len()), (16, 4));
//! # Ok::<(), elbo::data::DataError>(())
//! ```

mod checksum;
mod combine;
mod csv;
mod encoder;
mod error;
mod examples;
mod images;
mod labels;
mod observed;
mod parts;
#[cfg(feature = "images")]
mod pictures;
mod prefetch;
mod sampler;
mod scaling;
mod selection;
mod shuffle;
mod source;
mod step_labels;
mod table;
mod targets;

pub mod digits;
pub mod idx;
#[cfg(feature = "serde")]
mod saved;
pub mod ts;

pub(crate) use checksum::Checksum;
pub use combine::{Concat, join_inputs};
pub use csv::{ColumnId, Csv, Missing};
pub use encoder::{ColumnEncoding, Encoder, Encoding, Unknown};
pub use error::DataError;
pub use examples::Examples;
pub use images::Images;
pub use labels::{labels, labels_of_tensor};
pub use observed::{Minibatch, Observed};
#[cfg(feature = "images")]
pub use pictures::{PictureFolder, Pictures};
pub use prefetch::{Prefetched, prefetch};
pub use sampler::Sampler;
pub use scaling::Scaling;
pub use selection::batch_rows;
pub(crate) use shuffle::resample;
pub use shuffle::shuffle;
pub use step_labels::Labels;
pub use table::{Column, Table, TableError};
pub use targets::Targets;
