//! What enters a tape from outside: data, parameters, constants, and new values for buffers.

use crate::shape::elements;
use crate::tape::lists::Leaf;
use crate::tape::operation::Slot;
use crate::{Real, Tape, Tensor, Var};

impl<T: Real> Tape<T> {
    /// Data that no gradient is asked for. The tape borrows it: nothing is copied.
    pub fn input<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        self.leaf(x.data(), x.shape(), false)
    }

    /// Some rows of data, the parts along its first axis: as [`input`](Tape::input), without copying.
    ///
    /// # Panics
    /// If the data is a scalar or has not so many rows.
    #[track_caller]
    pub fn input_rows<'t>(&'t self, x: &'t Tensor<T>, rows: std::ops::Range<usize>) -> Var<'t, T> {
        let fits = x.shape().first().is_some_and(|&all| rows.start <= rows.end && rows.end <= all);
        assert!(fits, "input_rows: there are no rows {rows:?} in data of shape {:?}", x.shape());
        let axes = self.arena.slice(x.shape().len(), |axis| if axis == 0 { rows.len() } else { x.shape()[axis] });
        let each: usize = axes[1..].iter().product();
        self.leaf(&x.data()[rows.start * each..rows.end * each], axes, false)
    }

    /// A tensor of the model, to be learned: [`Var::backward`] finds its entry in the gradients.
    pub fn param<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        // An empty tensor has no gradient, nor an address of its own to find one by.
        let tracked = self.recording && !x.is_empty();
        let var = self.leaf(x.data(), x.shape(), tracked);
        if tracked {
            self.lists.borrow_mut().parameters.push(Leaf { slot: var.id, address: address(x) });
        }
        var
    }

    /// A constant whose element `i`, counted row by row, is `value(i)`.
    #[track_caller]
    pub fn constant(&self, shape: impl AsRef<[usize]>, value: impl FnMut(usize) -> T) -> Var<'_, T> {
        let axes = self.arena.slice(shape.as_ref().len(), |i| shape.as_ref()[i]);
        let data = self.arena.slice(elements(axes), value);
        self.leaf(data, axes, false)
    }

    /// Sets `buffer`, a saved tensor of the model, to `value` when the step is taken: the optimiser
    /// applies it together with the update of the parameters.
    ///
    /// # Panics
    /// If the shapes differ, or the value stands for several draws.
    #[track_caller]
    pub fn update<'t>(&'t self, buffer: &'t Tensor<T>, value: Var<'t, T>) {
        self.check_same(value);
        assert!(value.draws() == 1, "update: a buffer cannot take the {} draws of a value", value.draws());
        assert!(
            buffer.shape() == value.shape(),
            "update: a buffer of shape {:?} cannot take a value of shape {:?}",
            buffer.shape(),
            value.shape()
        );
        self.lists.borrow_mut().updates.push(Leaf { slot: value.id, address: address(buffer) });
    }

    pub(super) fn leaf<'t>(&'t self, data: &'t [T], axes: &'t [usize], tracked: bool) -> Var<'t, T> {
        let mut lists = self.lists.borrow_mut();
        lists.slots.push(Slot {
            data: data.as_ptr().cast_mut(),
            len: data.len(),
            axes: axes.as_ptr(),
            rank: axes.len(),
            draws: 1,
            tracked,
        });
        Var { tape: self, id: lists.slots.len() as u32 - 1 }
    }

    /// The same value, of as many draws, as a leaf that no gradient passes.
    pub(super) fn without_past<'t>(&'t self, value: Var<'t, T>) -> Var<'t, T> {
        let mut lists = self.lists.borrow_mut();
        let slot = Slot { tracked: false, ..lists.slots[value.id as usize] };
        lists.slots.push(slot);
        Var { tape: self, id: lists.slots.len() as u32 - 1 }
    }
}

/// What a tensor of a model is known by: where its elements are, which no move of the model changes.
pub(super) fn address<T: Real>(tensor: &Tensor<T>) -> usize {
    tensor.data().as_ptr() as usize
}
