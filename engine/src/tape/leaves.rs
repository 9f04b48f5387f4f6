//! Leaves of a tape: data, parameters, constants, and updates of buffers.

use std::cell::Cell;

use crate::shape::elements;
use crate::tape::lists::{Leaf, number};
use crate::tape::operation::Slot;
use crate::{Parameters, Path, Real, Tape, Tensor, Var};

impl<T: Real> Tape<T> {
    /// Data without a gradient. The tape borrows it: nothing is copied.
    pub fn input<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        self.leaf(x.data(), x.shape(), true, None)
    }

    /// A range of rows (along the first axis) of data, borrowed as by [`input`](Tape::input).
    ///
    /// # Panics
    /// If the data is a scalar, or the range of rows is out of range.
    #[track_caller]
    pub fn input_rows<'t>(&'t self, x: &'t Tensor<T>, rows: std::ops::Range<usize>) -> Var<'t, T> {
        let fits = x.shape().first().is_some_and(|&all| rows.start <= rows.end && rows.end <= all);
        assert!(fits, "input_rows: rows {rows:?} are out of range for data of shape {:?}", x.shape());
        let each: usize = x.shape()[1..].iter().product();
        let mut shape = crate::Shape::from(x.shape());
        shape[0] = rows.len();
        self.leaf(&x.data()[rows.start * each..rows.end * each], &shape, true, None)
    }

    /// A learned tensor of the model: [`Var::backward`] finds its entry in the gradients.
    ///
    /// # Panics
    /// Within a segment of [`recompute`](Tape::recompute) on a recording tape: it would get no gradient.
    #[track_caller]
    pub fn param<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        self.check_leaf();
        // An empty tensor has no gradient, and no unique address to find one by.
        let tracked = self.recording && !self.are_constant.get() && !x.is_empty();
        self.leaf(x.data(), x.shape(), true, tracked.then(|| address(x)))
    }

    /// Runs `work`, in which [`param`](Tape::param) puts tensors on the tape as constants: they need no entry in the
    /// gradients.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let (w, given): (Tensor, Tensor) = (Tensor::full([2], 3.0), Tensor::full([2], 5.0));
    /// let mut gradients = Gradients::of(&w);
    /// let tape = Tape::new();
    /// let given = tape.with_constant_parameters(|| tape.param(&given));
    /// (tape.param(&w) * given).sum().backward(&mut gradients);
    /// assert_eq!(gradients.get("").unwrap(), [5.0, 5.0]);
    /// ```
    pub fn with_constant_parameters<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Cell<bool>, bool);

        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }

        let _restore = Restore(&self.are_constant, self.are_constant.replace(true));
        work()
    }

    /// Makes [`backward`](Tape::backward) compare the gradients with the order of this model's walk: tensors swapped
    /// since the gradients were made would get each other's. Call it when a model is put on the tape.
    pub fn note_order<M: Parameters<Scalar = T> + ?Sized>(&self, model: &M) {
        if self.recording {
            // Discards what a walk that panicked has left.
            self.lists_mut().walks.push(None);
            model.visit(&Path::ROOT, &mut |_, _, tensor| self.note_tensor(tensor));
        }
    }

    fn note_tensor(&self, tensor: &Tensor<T>) {
        if !tensor.is_empty() {
            self.lists_mut().walks.push(Some(address(tensor)));
        }
    }

    /// A constant whose element `i`, counted row by row, is `value(i)`.
    #[track_caller]
    pub fn constant(&self, shape: impl AsRef<[usize]>, value: impl FnMut(usize) -> T) -> Var<'_, T> {
        let shape = shape.as_ref();
        self.leaf(self.arena.slice(elements(shape), value), shape, false, None)
    }

    /// Sets `buffer`, a saved tensor of the model, to `value` when the optimiser takes its step; if it is set several times
    /// before, to the mean of the values. The value is read now, even if the tape borrows it.
    ///
    /// # Panics
    /// If the shapes differ, if the value has several draws, or within a segment, as for [`param`](Tape::param).
    #[track_caller]
    pub fn update<'t>(&'t self, buffer: &'t Tensor<T>, value: Var<'t, T>) {
        self.check_leaf();
        self.check_same(value);
        assert!(value.draws() == 1, "update: a buffer cannot be set to a value with {} draws", value.draws());
        assert!(
            buffer.shape() == value.shape(),
            "update: a buffer of shape {:?} cannot be set to a value of shape {:?}",
            buffer.shape(),
            value.shape()
        );
        let slot = self.lists().slots[value.id as usize];
        let owned = if slot.borrowed {
            // The tape may outlive the elements it borrows, and a later backward pass reads the update.
            let elements = value.value();
            self.leaf(self.arena.slice(slot.len, |i| elements[i]), value.shape(), false, None)
        } else {
            value
        };
        self.lists_mut().updates.push(Leaf { slot: owned.id, address: address(buffer) });
    }

    #[track_caller]
    fn check_leaf(&self) {
        assert!(
            !self.keeps_no_leaves,
            "recompute: a parameter or a buffer update inside the segment; pass it as an input instead"
        );
    }

    /// A leaf whose elements are the caller's (`borrowed`) or lie in the arena; a parameter has the address of its
    /// elements. Its axes are copied, so that its shape can be read after the elements are gone.
    #[track_caller]
    fn leaf<'t>(&'t self, data: &'t [T], shape: &[usize], borrowed: bool, parameter: Option<usize>) -> Var<'t, T> {
        let axes = self.arena.slice(shape.len(), |i| shape[i]);
        let mut lists = self.lists_mut();
        let id = number(lists.slots.len());
        lists.parameters.extend(parameter.map(|address| Leaf { slot: id, address }));
        lists.slots.push(Slot {
            data: data.as_ptr().cast_mut(),
            len: data.len(),
            axes: axes.as_ptr(),
            rank: axes.len(),
            borrowed,
            draws: 1,
            tracked: parameter.is_some(),
            has_ln: false,
        });
        Var { tape: self, id }
    }

    /// A copy of the value, with as many draws, as a leaf without a gradient.
    #[track_caller]
    pub(super) fn detached<'t>(&'t self, value: Var<'t, T>) -> Var<'t, T> {
        let mut lists = self.lists_mut();
        let id = number(lists.slots.len());
        let slot = Slot { tracked: false, has_ln: false, ..lists.slots[value.id as usize] };
        lists.slots.push(slot);
        Var { tape: self, id }
    }
}

/// What identifies a tensor of a model: the address of its elements, which does not change when the model moves.
pub(crate) fn address<T: Real>(tensor: &Tensor<T>) -> usize {
    tensor.data().as_ptr() as usize
}
