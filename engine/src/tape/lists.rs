//! The tape's record: every value, and the operation that produced it.

use std::panic::Location;

use crate::Real;
use crate::tape::backward::BackwardState;
use crate::tape::operation::{Place, Slot};
use crate::tape::{Form, Operation, Origin};

/// The lists that grow with every operation; cleared, not freed, between steps.
pub(super) struct Lists<T> {
    pub(super) slots: Vec<Slot<T>>,
    /// Slots of all operations' inputs, one operation after the other.
    pub(super) inputs: Vec<u32>,
    pub(super) nodes: Vec<Node<T>>,
    /// Operations without a gradient: kept for [`Tape::dump`] and [`Tape::first_non_finite`].
    pub(super) constants: Vec<Node<T>>,
    pub(super) parameters: Vec<Leaf>,
    /// New values for buffers: (the buffer's address, the slot of the new value).
    pub(super) updates: Vec<Leaf>,
    /// Addresses of the elements of models' tensors, in the order of their walks; a `None` starts each model. See
    /// [`Tape::note_order`](crate::Tape::note_order).
    pub(super) walks: Vec<Option<usize>>,
    pub(super) places: Vec<Place<T>>,
    pub(super) entry_ids: Vec<u32>,
    pub(super) pointers: Vec<*mut T>,
}

/// A slot that is a tensor of the model, identified by the address of its elements.
#[derive(Clone, Copy)]
pub(super) struct Leaf {
    pub(super) slot: u32,
    pub(super) address: usize,
}

pub(super) struct Node<T> {
    /// It may point to data that is gone: dereference it only for a value that was computed by it.
    pub(super) operation: *const dyn Operation<T>,
    name: &'static str,
    form: Form,
    pub(super) inputs: (u32, u32),
    pub(super) outputs: (u32, u32),
    pub(super) caller: &'static Location<'static>,
}

/// What is read of an operation when it is recorded.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub(super) name: &'static str,
    pub(super) form: Form,
}

impl<T: Real> Node<T> {
    /// The slots of the inputs, given the list of all operations' inputs.
    pub(super) fn inputs<'l>(&self, all: &'l [u32]) -> &'l [u32] {
        &all[self.inputs.0 as usize..self.inputs.1 as usize]
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::Operation { name: self.name, caller: self.caller }
    }
}

impl<T: Real> Lists<T> {
    /// Records an operation that was evaluated, whose inputs are the last of the list, for the backward pass if it
    /// needs a gradient; returns the slot of the first output.
    pub(super) fn note<'t, const N: usize>(
        &mut self,
        (operation, Label { name, form }): (&'t dyn Operation<T>, Label),
        first_input: usize,
        mut outputs: [Slot<T>; N],
        caller: &'static Location<'static>,
    ) -> u32 {
        let tracked = self.inputs[first_input..].iter().any(|&id| self.slots[id as usize].tracked);
        let has_ln = tracked
            && match form {
                Form::Other => false,
                Form::Ln => true,
                Form::Sum | Form::Difference | Form::Shift(_) | Form::Reshape | Form::Broadcast => {
                    self.inputs[first_input..].iter().any(|&id| self.slots[id as usize].has_ln)
                }
            };
        for output in &mut outputs {
            (output.tracked, output.has_ln) = (tracked, has_ln);
        }
        let first = number(self.slots.len());
        self.slots.extend_from_slice(&outputs);
        // SAFETY: only the lifetime changes. The operation lies in the arena, and `reset`, which overwrites it, clears
        // the nodes too; the caller makes sure that what it borrows lives.
        let operation = unsafe {
            std::mem::transmute::<*const (dyn Operation<T> + 't), *const (dyn Operation<T> + 'static)>(operation)
        };
        let inputs = (number(first_input), number(self.inputs.len()));
        let node = Node { operation, name, form, inputs, outputs: (first, number(self.slots.len())), caller };
        if tracked {
            self.nodes.push(node)
        } else {
            self.constants.push(node)
        }
        first
    }

    /// The operations, their inputs, and the state that a backward pass changes.
    pub(super) fn backward_state<'l>(
        &'l mut self,
        entry_written: &'l mut [bool],
    ) -> (&'l [Node<T>], &'l [u32], BackwardState<'l, T>) {
        let Lists { slots, inputs, nodes, places, entry_ids, .. } = self;
        (nodes, inputs, BackwardState { slots, places, entry_ids, entry_written })
    }

    /// The form and the inputs of the operation that produced a value with a gradient; `None` for a leaf.
    pub(super) fn form_of(&self, slot: u32) -> Option<(Form, &[u32])> {
        let node = &self.nodes[self.nodes.partition_point(|node| node.outputs.0 <= slot).checked_sub(1)?];
        (slot < node.outputs.1).then(|| (node.form, node.inputs(&self.inputs)))
    }

    /// What produced each value, by slot.
    pub(super) fn makers(&self) -> Vec<Maker<'_, T>> {
        let mut makers = vec![Maker::Input; self.slots.len()];
        for leaf in &self.parameters {
            makers[leaf.slot as usize] = Maker::Parameter(leaf.address);
        }
        for node in self.nodes.iter().chain(&self.constants) {
            makers[node.outputs.0 as usize..node.outputs.1 as usize].fill(Maker::Operation(node));
        }
        makers
    }

    /// Bytes held.
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<T>>()
            + (self.inputs.capacity() + self.entry_ids.capacity()) * size_of::<u32>()
            + (self.nodes.capacity() + self.constants.capacity()) * size_of::<Node<T>>()
            + (self.parameters.capacity() + self.updates.capacity()) * size_of::<Leaf>()
            + self.walks.capacity() * size_of::<Option<usize>>()
            + self.places.capacity() * size_of::<Place<T>>()
            + self.pointers.capacity() * size_of::<*mut T>()
    }
}

/// What produced a value.
pub(super) enum Maker<'l, T> {
    Input,
    /// The address of the parameter's elements.
    Parameter(usize),
    Operation(&'l Node<T>),
}

impl<T> Clone for Maker<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Maker<'_, T> {}

/// The slot number of a value on the tape.
#[inline(always)]
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a tape holds at most 2^32 values")
}
