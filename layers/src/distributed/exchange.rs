//! `Exchange`: messages between the processes that train a model together.

use std::any::Any;
use std::fmt::Debug;

/// Messages between the processes, the *ranks*, that work on one training. Both sides know the length and the type of a message:
/// a `Vec` of `u8`, `f32` or `f64`.
pub(crate) trait Exchange: Sync + Debug {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes.
    fn size(&self) -> usize;

    /// Sends the elements to another rank.
    fn send(&self, to: usize, elements: &dyn Any);

    /// Receives elements from another rank.
    fn receive(&self, from: usize, elements: &mut dyn Any);

    /// Replaces the elements of every rank by those of rank 0.
    fn broadcast(&self, elements: &mut dyn Any);
}

/// The only process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

impl Exchange for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, to: usize, _: &dyn Any) {
        unreachable!("the only process sends to rank {to}")
    }

    fn receive(&self, from: usize, _: &mut dyn Any) {
        unreachable!("the only process receives from rank {from}")
    }

    fn broadcast(&self, _: &mut dyn Any) {}
}
