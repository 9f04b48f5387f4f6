//! Data sets: [`Examples`] in memory, [`Scaling`], minibatches, and readers of IDX files and the digits table.
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

mod error;
mod examples;
mod images;
mod observed;
mod scaling;
mod shuffle;
mod source;
mod step_labels;
mod targets;

pub mod digits;
pub mod idx;
#[cfg(feature = "serde")]
mod saved;

pub use error::DataError;
pub use examples::Examples;
pub use images::Images;
pub use observed::{Minibatch, Observed};
pub use scaling::Scaling;
pub use shuffle::shuffle;
pub use step_labels::Labels;
pub use targets::Targets;
