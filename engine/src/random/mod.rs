//! Counter-based noise: every number is a pure function of a [`Key`] and its index.
//!
//! The backward pass can therefore recompute the forward pass's noise bit for bit instead of storing it, and any range
//! can be computed separately. The bits are the same on every processor, for every vector width and number of threads.

mod circle;
mod key;
mod normal;
mod philox;
mod signs;
mod stream;

pub use key::Key;
pub use normal::{BLOCK, Block, Noise, normals};
pub use philox::Philox;
pub use signs::signs;
pub use stream::Stream;
