//! `Evaluation`: what an operation's forward reads and writes.

use super::{Slot, View, check_index};
use crate::Real;
use crate::tape::arena::Arena;

/// What a forward can access: the inputs' values, and its outputs for writing.
pub struct Evaluation<'a, T: Real> {
    pub(crate) slots: &'a [Slot<T>],
    pub(crate) inputs: &'a [u32],
    pub(crate) outputs: &'a [Slot<T>],
    pub(crate) draw: usize,
    pub(crate) arena: &'a Arena,
}

impl<'a, T: Real> Evaluation<'a, T> {
    /// The value of input `k`.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn input(&self, k: usize) -> View<'a, T> {
        check_index("input", k, self.inputs.len());
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow; the variable that the operation was called
        // with lives until its forward is over.
        unsafe { self.slots[self.inputs[k] as usize].view(self.draw) }
    }

    /// All draws of input `k`, one after the other, and their number: 1 if it does not depend on the draw.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn input_draws(&self, k: usize) -> (usize, &'a [T]) {
        check_index("input", k, self.inputs.len());
        let slot = &self.slots[self.inputs[k] as usize];
        // SAFETY: as for `input`.
        (slot.draws as usize, unsafe { slot.whole() })
    }

    /// The index of the current draw: 0, unless a value has several draws.
    pub fn draw(&self) -> usize {
        self.draw
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The lengths of the axes of output `k`.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn output_shape(&self, k: usize) -> &'a [usize] {
        check_index("output", k, self.outputs.len());
        // SAFETY: an output's axes were written to the arena before its forward runs.
        unsafe { self.outputs[k].shape() }
    }

    /// The elements of output `k`, for writing: their contents are unspecified.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn output(&mut self, k: usize) -> &mut [T] {
        check_index("output", k, self.outputs.len());
        let slot = &self.outputs[k];
        // SAFETY: the output was allocated for this forward, with room for every draw; `&mut self`
        // makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(slot.data.add(slot.offset(self.draw)), slot.len) }
    }

    /// The elements of output `k` in all draws, one after the other, for writing: their contents are unspecified.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn output_draws(&mut self, k: usize) -> &mut [T] {
        check_index("output", k, self.outputs.len());
        let slot = &self.outputs[k];
        // SAFETY: as for `output`.
        unsafe { std::slice::from_raw_parts_mut(slot.data, slot.elements()) }
    }

    /// All `N` outputs at once.
    ///
    /// # Panics
    /// If the operation does not have `N` outputs.
    #[track_caller]
    pub fn outputs<const N: usize>(&mut self) -> [&mut [T]; N] {
        assert!(self.outputs.len() == N, "this operation has {} outputs, not {N}", self.outputs.len());
        std::array::from_fn(|k| {
            let slot = &self.outputs[k];
            // SAFETY: as for `output`; every output has memory of its own.
            unsafe { std::slice::from_raw_parts_mut(slot.data.add(slot.offset(self.draw)), slot.len) }
        })
    }

    /// Working memory with unspecified contents, released after this forward.
    pub fn scratch(&mut self, len: usize) -> &'a mut [T] {
        // SAFETY: `working` hands out unshared, initialised memory.
        unsafe { std::slice::from_raw_parts_mut(self.arena.working(len), len) }
    }
}
