//! Variables: `Copy` handles to values on a tape.

use std::fmt;

use crate::tape::Gradients;
use crate::{Real, Tape, Tensor};

/// A value on a tape. It is a `Copy` handle, so a forward pass reads like the mathematics: `x.matmul(w) + b`.
///
/// If shapes do not match, operations panic at the caller's line with the operation's name and the shapes.
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
    #[track_caller]
    pub fn shape(self) -> &'t [usize] {
        let slot = self.tape.lists().slots[self.id as usize];
        // SAFETY: the tape is borrowed for `'t`, so its arena is not reset.
        unsafe { slot.shape() }
    }

    /// The elements, row by row; if the value has several draws, all of them one after the other.
    #[track_caller]
    pub fn value(self) -> &'t [T] {
        let slot = self.tape.lists().slots[self.id as usize];
        // SAFETY: as in `shape`; and a leaf that this is, or aliases with another shape, is borrowed for `'t` as well.
        unsafe { slot.whole() }
    }

    /// The same value as a constant: no gradient flows through it. Nothing is copied.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let w: Tensor = Tensor::new([1], [3.0]);
    /// let mut gradients = Gradients::of(&w);
    /// let tape = Tape::new();
    /// let x = tape.param(&w);
    /// (x * x.stop_gradient()).sum().backward(&mut gradients);
    /// assert_eq!(gradients.get("").unwrap(), [3.0]);
    /// ```
    #[must_use]
    pub fn stop_gradient(self) -> Var<'t, T> {
        self.tape.detached(self)
    }

    /// Whether the other is this same value of the same tape. A value and its
    /// [`stop_gradient`](Self::stop_gradient) are two values, though their elements share memory.
    ///
    /// ```
    /// use elbo_engine::Tape;
    ///
    /// let tape: Tape = Tape::new();
    /// let x = tape.constant([2], |_| 1.0);
    /// assert!(x.is_same(x));
    /// assert!(!x.is_same(x.stop_gradient()));
    /// ```
    #[must_use]
    pub fn is_same(self, other: Var<'t, T>) -> bool {
        self.id == other.id && std::ptr::eq(self.tape, other.tape)
    }

    /// The number of elements of one draw: the product of the axes.
    #[track_caller]
    #[expect(clippy::len_without_is_empty, reason = "a size, not a collection")]
    pub fn len(self) -> usize {
        self.tape.lists().slots[self.id as usize].len
    }

    /// The number of draws: 1, unless the value depends on a weight that was sampled more often.
    #[track_caller]
    pub fn draws(self) -> usize {
        self.tape.lists().slots[self.id as usize].draws as usize
    }

    /// The only element, in double precision; the mean over draws if there are several.
    ///
    /// # Panics
    /// If the value does not have exactly one element.
    #[track_caller]
    pub fn item(self) -> f64 {
        assert!(self.len() == 1, "item: the value has shape {:?}, not one element", self.shape());
        let draws = self.value();
        draws.iter().map(|x| x.to_f64()).sum::<f64>() / draws.len() as f64
    }

    /// A copy that outlives the tape; several draws become a leading axis.
    pub fn to_tensor(self) -> Tensor<T> {
        let mut shape = crate::Shape::from(self.shape());
        if self.draws() > 1 {
            shape = [self.draws()].into_iter().chain(shape.iter().copied()).collect();
        }
        Tensor::new(shape, self.value())
    }

    /// Adds this scalar's gradient with respect to every parameter to `gradients`.
    ///
    /// If the value does not have exactly one element, if the tape does not record, or if a parameter on the tape does
    /// not belong to the model that `gradients` were made for.
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
