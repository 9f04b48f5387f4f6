//! What a tape can hold: `Tape::alloc`, with a compiler error that says what to do.

use crate::{Real, Tape};

/// A type that [`Tape::alloc`](crate::Tape::alloc) takes: any `Copy` type. The tape never drops what it holds, so a type
/// that owns memory would leak it.
#[diagnostic::on_unimplemented(
    message = "a tape cannot hold `{Self}`, which is not `Copy`: it never drops what it holds",
    label = "this value may own memory",
    note = "to put the elements of a vector on the tape: `tape.alloc_slice(values.len(), |i| values[i])`",
    note = "for a type that is not `Copy` and needs no drop, such as a `Cell`: `tape.alloc_without_drop(value)`"
)]
pub trait Copied {}

#[diagnostic::do_not_recommend]
impl<V: Copy> Copied for V {}

impl<T: Real> Tape<T> {
    /// Copies a value into the arena, where it lives until the reset. A type that owns memory does not compile, as the
    /// tape never drops what it holds; for a vector there is [`alloc_slice`](Tape::alloc_slice):
    ///
    /// ```compile_fail,E0277
    /// let tape: elbo_engine::Tape = elbo_engine::Tape::new();
    /// let labels = tape.alloc(vec![2, 0, 1]);
    /// ```
    pub fn alloc<V: Copied>(&self, value: V) -> &V {
        self.alloc_without_drop(value)
    }

    /// A slice in the arena whose element `i` is `value(i)`; `value` may use the tape.
    ///
    /// ```
    /// let labels = vec![2, 0, 1];
    /// let tape: elbo_engine::Tape = elbo_engine::Tape::new();
    /// let on_tape = tape.alloc_slice(labels.len(), |i| labels[i]);
    /// assert_eq!(on_tape, [2, 0, 1]);
    /// ```
    pub fn alloc_slice<V: Copied>(&self, len: usize, value: impl FnMut(usize) -> V) -> &[V] {
        self.alloc_slice_without_drop(len, value)
    }

    /// [`alloc`](Tape::alloc) for a type that is not `Copy` and needs no drop, such as a `Cell`, or a struct of variables
    /// that derives nothing. A type that needs a drop does not compile; as this depends on the type that is used, `cargo
    /// build` reports it and `cargo check` does not.
    pub fn alloc_without_drop<V>(&self, value: V) -> &V {
        const { assert!(!std::mem::needs_drop::<V>(), "a tape never drops what it holds; this type needs a drop") }
        self.arena.value(value)
    }

    /// [`alloc_slice`](Tape::alloc_slice) for such a type.
    pub fn alloc_slice_without_drop<V>(&self, len: usize, value: impl FnMut(usize) -> V) -> &[V] {
        const { assert!(!std::mem::needs_drop::<V>(), "a tape never drops what it holds; this type needs a drop") }
        self.arena.slice(len, value)
    }
}
