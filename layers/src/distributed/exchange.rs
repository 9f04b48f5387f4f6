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

    /// Replaces the elements of every rank by those of rank 0, which travel along a binary tree.
    fn broadcast(&self, elements: &mut dyn Any) {
        let (rank, size) = (self.rank(), self.size());
        let mut distance = size.next_power_of_two();
        if rank > 0 {
            // From the rank whose number lacks the last bit.
            distance = 1 << rank.trailing_zeros();
            self.receive(rank - distance, elements);
        }
        while distance > 1 {
            distance /= 2;
            if rank + distance < size {
                self.send(rank + distance, elements);
            }
        }
    }
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
}
