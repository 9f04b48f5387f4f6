//! What a tape notes of each operation: the values, and how to go back.

use std::panic::Location;

use crate::Real;
use crate::tape::operation::{Place, Slot};
use crate::tape::{Operation, Origin};

/// What grows with every operation; cleared, not freed, between steps.
pub(super) struct Lists<T> {
    pub(super) slots: Vec<Slot<T>>,
    /// Slots of all operations' inputs, one operation after the other.
    pub(super) inputs: Vec<u32>,
    pub(super) nodes: Vec<Node<T>>,
    /// Operations that no gradient passes: kept for [`Tape::dump`] and [`Tape::first_non_finite`].
    pub(super) constants: Vec<Node<T>>,
    pub(super) parameters: Vec<Leaf>,
    /// New values for buffers: (the buffer's address, the slot of the new value).
    pub(super) updates: Vec<Leaf>,
    pub(super) places: Vec<Place<T>>,
    pub(super) homes: Vec<u32>,
    pub(super) pointers: Vec<*mut T>,
}

/// A slot that stands for a tensor of the model, known by the address of its elements.
#[derive(Clone, Copy)]
pub(super) struct Leaf {
    pub(super) slot: u32,
    pub(super) address: usize,
}

pub(super) struct Node<T> {
    pub(super) operation: *const dyn Operation<T>,
    pub(super) inputs: (u32, u32),
    pub(super) outputs: (u32, u32),
    pub(super) caller: &'static Location<'static>,
}

impl<T: Real> Node<T> {
    /// The slots of the inputs, of the list of all operations' inputs.
    pub(super) fn inputs<'l>(&self, all: &'l [u32]) -> &'l [u32] {
        &all[self.inputs.0 as usize..self.inputs.1 as usize]
    }

    pub(super) fn makes(&self, slot: u32) -> bool {
        (self.outputs.0..self.outputs.1).contains(&slot)
    }

    pub(super) fn origin(&self) -> Origin {
        // SAFETY: operations live in the arena until the reset, which forgets the nodes too.
        Origin::Operation { name: unsafe { &*self.operation }.name(), caller: self.caller }
    }
}

impl<T: Real> Lists<T> {
    /// Notes an operation that was evaluated, whose inputs are the last of the list, and the way back if there is one;
    /// returns the slot of the first output.
    pub(super) fn note<'t, const N: usize>(
        &mut self,
        operation: &'t dyn Operation<T>,
        first_input: usize,
        mut outputs: [Slot<T>; N],
        caller: &'static Location<'static>,
    ) -> u32 {
        let tracked = self.inputs[first_input..].iter().any(|&id| self.slots[id as usize].tracked);
        outputs.iter_mut().for_each(|output| output.tracked = tracked);
        let first = self.slots.len() as u32;
        self.slots.extend_from_slice(&outputs);
        // SAFETY: only the lifetime changes. The operation lies in the arena, and `reset`, which
        // overwrites it, clears the nodes too; what it borrows, it borrows for the tape's borrow.
        let operation = unsafe {
            std::mem::transmute::<*const (dyn Operation<T> + 't), *const (dyn Operation<T> + 'static)>(operation)
        };
        let inputs = (first_input as u32, self.inputs.len() as u32);
        let node = Node { operation, inputs, outputs: (first, first + N as u32), caller };
        if tracked {
            self.nodes.push(node)
        } else {
            self.constants.push(node)
        }
        first
    }

    /// Bytes held.
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<T>>()
            + (self.inputs.capacity() + self.homes.capacity()) * size_of::<u32>()
            + (self.nodes.capacity() + self.constants.capacity()) * size_of::<Node<T>>()
            + (self.parameters.capacity() + self.updates.capacity()) * size_of::<Leaf>()
            + self.places.capacity() * size_of::<Place<T>>()
            + self.pointers.capacity() * size_of::<*mut T>()
    }
}
