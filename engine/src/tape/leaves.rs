//! What enters a tape from outside: data, parameters, constants, and new values for buffers.

use crate::shape::elements;
use crate::tape::lists::{Leaf, number};
use crate::tape::operation::Slot;
use crate::{Parameters, Path, Real, Tape, Tensor, Var};

impl<T: Real> Tape<T> {
    /// Data that no gradient is asked for. The tape borrows it: nothing is copied.
    pub fn input<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        self.leaf(x.data(), x.shape(), true, None)
    }

    /// Some rows of data, the parts along its first axis: as [`input`](Tape::input), without copying.
    ///
    /// # Panics
    /// If the data is a scalar or has not so many rows.
    #[track_caller]
    pub fn input_rows<'t>(&'t self, x: &'t Tensor<T>, rows: std::ops::Range<usize>) -> Var<'t, T> {
        let fits = x.shape().first().is_some_and(|&all| rows.start <= rows.end && rows.end <= all);
        assert!(fits, "input_rows: there are no rows {rows:?} in data of shape {:?}", x.shape());
        let each: usize = x.shape()[1..].iter().product();
        let mut shape = crate::Shape::from(x.shape());
        shape[0] = rows.len();
        self.leaf(&x.data()[rows.start * each..rows.end * each], &shape, true, None)
    }

    /// A tensor of the model, to be learned: [`Var::backward`] finds its entry in the gradients.
    ///
    /// # Panics
    /// Within a segment of [`recompute`](Tape::recompute) on a tape that records: it would have no gradient.
    #[track_caller]
    pub fn param<'t>(&'t self, x: &'t Tensor<T>) -> Var<'t, T> {
        self.check_leaf();
        // An empty tensor has no gradient, nor an address of its own to find one by.
        let tracked = self.recording && !x.is_empty();
        self.leaf(x.data(), x.shape(), true, tracked.then(|| address(x)))
    }

    /// Has [`backward`](Tape::backward) hold the gradients against the order of this model's walk: tensors that have been
    /// swapped since the gradients were made would get each other's. Whatever puts a model on the tape calls this.
    pub fn note_order<M: Parameters<Scalar = T> + ?Sized>(&self, model: &M) {
        if self.recording {
            let walks = &mut self.lists_mut().walks;
            // What a walk that panicked has left is none of this model's.
            walks.push(None);
            model.visit(&Path::ROOT, &mut |_, _, tensor| {
                if !tensor.is_empty() {
                    walks.push(Some(address(tensor)));
                }
            });
        }
    }

    /// A constant whose element `i`, counted row by row, is `value(i)`.
    #[track_caller]
    pub fn constant(&self, shape: impl AsRef<[usize]>, value: impl FnMut(usize) -> T) -> Var<'_, T> {
        let shape = shape.as_ref();
        self.leaf(self.arena.slice(elements(shape), value), shape, false, None)
    }

    /// Sets `buffer`, a saved tensor of the model, to `value` when the step is taken: the optimiser
    /// applies it together with the update of the parameters. The value is that of now, also if it is data that the tape
    /// borrows.
    ///
    /// # Panics
    /// If the shapes differ, or the value stands for several draws; or within a segment, as for [`param`](Tape::param).
    #[track_caller]
    pub fn update<'t>(&'t self, buffer: &'t Tensor<T>, value: Var<'t, T>) {
        self.check_leaf();
        self.check_same(value);
        assert!(value.draws() == 1, "update: a buffer cannot take the {} draws of a value", value.draws());
        assert!(
            buffer.shape() == value.shape(),
            "update: a buffer of shape {:?} cannot take a value of shape {:?}",
            buffer.shape(),
            value.shape()
        );
        let slot = self.lists().slots[value.id as usize];
        let owned = if slot.borrowed {
            // The tape may outlive what it borrows, and the update is read by a later sweep.
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
            "recompute: a parameter or a buffer's update within the segment; make it one of the inputs"
        );
    }

    /// A value that no operation made, of the caller's elements (`borrowed`) or of some in the arena; a parameter has the
    /// address that it is found by. Its axes are copied, so that the tape can tell its shape when the elements are gone.
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
        });
        Var { tape: self, id }
    }

    /// The same value, of as many draws, as a leaf that no gradient passes.
    #[track_caller]
    pub(super) fn without_past<'t>(&'t self, value: Var<'t, T>) -> Var<'t, T> {
        let mut lists = self.lists_mut();
        let id = number(lists.slots.len());
        let slot = Slot { tracked: false, ..lists.slots[value.id as usize] };
        lists.slots.push(slot);
        Var { tape: self, id }
    }
}

/// What a tensor of a model is known by: where its elements are, which no move of the model changes.
pub(crate) fn address<T: Real>(tensor: &Tensor<T>) -> usize {
    tensor.data().as_ptr() as usize
}
