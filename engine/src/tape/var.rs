//! Variables: `Copy` handles to values on a tape.

use std::fmt;

use crate::tape::Gradients;
use crate::{Real, Tape, Tensor};

/// A value on a tape. It is a `Copy` handle, so that a forward reads as mathematics:
/// `x.matmul(w) + b`.
///
/// Operations panic at the caller's line if the shapes do not fit, naming the operation and the
/// shapes.
pub struct Var<'t, T: Real = f32> {
    pub(crate) tape: &'t Tape<T>,
    pub(crate) id: u32,
}

impl<T: Real> Clone for Var<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Var<'_, T> {}

impl<'t, T: Real> Var<'t, T> {
    /// The tape this value lives on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The lengths of the axes, outermost first.
    pub fn shape(self) -> &'t [usize] {
        let slot = self.tape.lists.borrow().slots[self.id as usize];
        // SAFETY: the tape is borrowed for `'t`, so neither its arena nor a leaf moves or changes.
        unsafe { slot.view() }.shape
    }

    /// The elements, row by row.
    pub fn value(self) -> &'t [T] {
        let slot = self.tape.lists.borrow().slots[self.id as usize];
        // SAFETY: as in `shape`.
        unsafe { slot.view() }.data
    }

    /// The same value without its past: no gradient passes. Nothing is copied.
    pub(crate) fn as_constant(self) -> Var<'t, T> {
        self.tape.leaf(self.value(), self.shape(), false)
    }

    /// The only element, in double precision.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(self) -> f64 {
        match self.value() {
            [x] => x.to_f64(),
            _ => panic!("item: the value has shape {:?}, not one element", self.shape()),
        }
    }

    /// A copy that outlives the tape.
    pub fn to_tensor(self) -> Tensor<T> {
        Tensor::new(self.shape(), self.value())
    }

    /// Adds this scalar's gradient with respect to every parameter to `gradients`.
    ///
    /// # Panics
    /// If the value is not one element, if the tape does not record, or if a parameter on the tape
    /// is not of the model that `gradients` were made for.
    #[track_caller]
    pub fn backward(self, gradients: &mut Gradients<T>) {
        self.tape.backward(&[(self, T::ONE)], gradients);
    }
}

impl<T: Real> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var{:?}", self.to_tensor())
    }
}
