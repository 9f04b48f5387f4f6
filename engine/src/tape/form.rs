//! The form of operations whose results are sums of logarithms.

use crate::{Real, Tape, Var};

/// The part of an operation in a sum of logarithms, such as ln p + x: see `ops/zero_weights.rs`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Form {
    /// None.
    #[default]
    Other,
    /// The logarithm of the input.
    Ln,
    /// The sum of both inputs, broadcast.
    Sum,
    /// The first input minus the second, broadcast.
    Difference,
    /// The input plus a number.
    Shift(f64),
    /// The input with another shape.
    Reshape,
    /// The input, broadcast to a larger shape.
    Broadcast,
}

impl<T: Real> Tape<T> {
    /// Whether the value is a sum with a logarithm, for `form_of`.
    pub(crate) fn has_ln(&self, x: Var<'_, T>) -> bool {
        self.lists().slots[x.id as usize].has_ln
    }

    /// The form of the operation that produced a value, and its first two inputs, the second of which may be the first
    /// again; `None` for other values than a recorded operation's.
    pub(crate) fn form_of<'t>(&'t self, x: Var<'t, T>) -> Option<(Form, [Var<'t, T>; 2])> {
        let lists = self.lists();
        let (form, inputs) = lists.form_of(x.id)?;
        let first = *inputs.first()?;
        // The value depends on them, so what they borrow lives as long as it does.
        let second = inputs.get(1).copied().unwrap_or(first);
        Some((form, [first, second].map(|id| Var { tape: self, id })))
    }
}
