//! Noise that is computed and need not be stored: every number is a pure function of a [`Key`] and its own index.
//!
//! So the backward pass derives again, bit for bit, what the forward pass drew; any range of it can be had alone; and
//! the bits are the same on every processor, at every vector width and for any number of threads.

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
