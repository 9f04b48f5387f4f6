//! Finds the first value or adjoint that is not finite.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use crate::kernels::reduce::all_finite;
use crate::tape::lists::{Lists, Maker};
use crate::tape::operation::{NO_ENTRY, Slot};
use crate::tape::{Gradients, Tape};
use crate::{Real, Shape, Var};

/// The first infinite or NaN value on a tape, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// What produced it.
    pub origin: Origin,
    /// The first parameter that it depends on, if any.
    pub parameter: Option<String>,
    /// The shape of the value.
    pub shape: Shape,
}

/// What produced a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// It is a parameter.
    Parameter,
    /// It is input data.
    Input,
    /// An operation produced it from finite values.
    Operation {
        /// The operation's name.
        name: &'static str,
        /// The line that called it.
        caller: &'static Location<'static>,
    },
    /// An operation's adjoint produced it from finite values in the backward pass: it is a gradient.
    Adjoint {
        /// The operation's name.
        name: &'static str,
        /// The line that called the operation.
        caller: &'static Location<'static>,
    },
}

impl<T: Real> Tape<T> {
    /// The first infinite or NaN value on the tape, in the order of evaluation; `gradients` supply the parameters'
    /// names. Reads the output of every operation: meant for debugging a loss that is not finite.
    ///
    /// Parameters and data are not read, since the tape may outlive them: a value that they make infinite or NaN is
    /// found at the first operation on them. [`first_non_finite_of`](Tape::first_non_finite_of) reads them too.
    pub fn first_non_finite(&self, gradients: &Gradients<T>) -> Option<NonFinite> {
        let lists = self.lists();
        let makers = lists.makers();
        // SAFETY: the slots were made under this borrow of the tape, and those that are read are not borrowed.
        let is_bad = |slot: &Slot<T>| !slot.borrowed && !all_finite(unsafe { slot.whole() });
        let bad = lists.slots.iter().position(is_bad)?;
        Some(found(&lists, &makers, gradients, bad))
    }

    /// The first infinite or NaN value, in the order of evaluation, among `values` and everything they were computed
    /// from, parameters and data included.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Origin, Tape, Tensor};
    ///
    /// let w: Tensor = Tensor::new([2], [1.0, f64::NAN as f32]);
    /// let (tape, gradients) = (Tape::new(), Gradients::of(&w));
    /// let loss = tape.param(&w).square().sum();
    /// let found = tape.first_non_finite_of(&[loss], &gradients).unwrap();
    /// assert_eq!(found.origin, Origin::Parameter);
    /// ```
    ///
    /// # Panics
    /// If a value belongs to another tape.
    #[track_caller]
    pub fn first_non_finite_of(&self, values: &[Var<'_, T>], gradients: &Gradients<T>) -> Option<NonFinite> {
        values.iter().for_each(|&value| self.check_same(value));
        let lists = self.lists();
        let makers = lists.makers();
        let mut needed = vec![false; lists.slots.len()];
        values.iter().for_each(|value| needed[value.id as usize] = true);
        // Inputs precede outputs, so one reverse pass finds all ancestors.
        for id in (0..needed.len()).rev() {
            if needed[id]
                && let Maker::Operation(node) = makers[id]
            {
                node.inputs(&lists.inputs).iter().for_each(|&input| needed[input as usize] = true);
            }
        }
        let bad = (0..needed.len()).find(|&id| {
            // SAFETY: the slot was made under this borrow of the tape, and one of the variables was computed from it.
            needed[id] && !all_finite(unsafe { lists.slots[id].whole() })
        })?;
        Some(found(&lists, &makers, gradients, bad))
    }

    /// [`backward`](Tape::backward) that checks every adjoint: the error names the operation that first produced an
    /// infinite or NaN adjoint. The gradients are filled in either case. Reads every adjoint once more: meant for
    /// debugging a gradient that is not finite although the loss is.
    ///
    /// # Errors
    /// The first infinite or NaN adjoint of the backward pass.
    ///
    /// # Panics
    /// As [`Var::backward`](crate::Var::backward).
    #[track_caller]
    pub fn backward_watched(&self, roots: &[(Var<'_, T>, T)], gradients: &mut Gradients<T>) -> Result<(), NonFinite> {
        let mut found = None;
        self.observed_backward(roots, gradients, &mut |backward_state, node, inputs| {
            if found.is_none() {
                let bad = inputs.iter().find(|&&id| {
                    let (place, slot) = (backward_state.places[id as usize], &backward_state.slots[id as usize]);
                    let len = match backward_state.entry_ids[id as usize] {
                        NO_ENTRY => place.written as usize * slot.len,
                        home if backward_state.entry_written[home as usize] => slot.len,
                        _ => 0,
                    };
                    // SAFETY: a place marked as written was written, in memory for every draw; a parameter's gradient
                    // has memory from the start. Nothing writes to it in this call.
                    len > 0 && slot.tracked && !all_finite(unsafe { std::slice::from_raw_parts(place.data, len) })
                });
                found = bad.map(|&bad| (node.origin(), bad));
            }
        });
        let Some((Origin::Operation { name, caller }, bad)) = found else {
            return Ok(());
        };
        let lists = self.lists();
        let parameter = first_parameter(&lists, &lists.makers(), gradients, bad);
        Err(NonFinite { origin: Origin::Adjoint { name, caller }, parameter, shape: shape(&lists, bad as usize) })
    }
}

/// The report about the value in slot `bad`.
fn found<T: Real>(lists: &Lists<T>, makers: &[Maker<'_, T>], gradients: &Gradients<T>, bad: usize) -> NonFinite {
    let origin = match makers[bad] {
        Maker::Operation(node) => node.origin(),
        Maker::Parameter(_) => Origin::Parameter,
        Maker::Input => Origin::Input,
    };
    let parameter = first_parameter(lists, makers, gradients, bad as u32);
    NonFinite { origin, parameter, shape: shape(lists, bad) }
}

fn shape<T: Real>(lists: &Lists<T>, slot: usize) -> Shape {
    // SAFETY: the lists are borrowed from the tape, under whose borrow the slot was made.
    unsafe { lists.slots[slot].shape() }.into()
}

/// The first parameter, breadth first, that the value in `slot` was computed from.
fn first_parameter<T: Real>(
    lists: &Lists<T>,
    makers: &[Maker<'_, T>],
    gradients: &Gradients<T>,
    slot: u32,
) -> Option<String> {
    let mut queue = VecDeque::from([slot]);
    let mut seen = vec![false; lists.slots.len()];
    while let Some(slot) = queue.pop_front() {
        if std::mem::replace(&mut seen[slot as usize], true) {
            continue;
        }
        match makers[slot as usize] {
            Maker::Parameter(address) => {
                if let Some(name) = gradients.name_at(address) {
                    return Some(name.to_owned());
                }
            }
            Maker::Operation(node) => queue.extend(node.inputs(&lists.inputs)),
            Maker::Input => {}
        }
    }
    None
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = self.parameter.as_deref().unwrap_or("no parameter");
        match &self.origin {
            Origin::Parameter => write!(f, "the parameter `{parameter}` itself"),
            Origin::Input => write!(f, "the input of shape {:?}", self.shape),
            Origin::Operation { name, caller } => {
                write!(
                    f,
                    "the operation `{name}` of `{parameter}`, called at {caller}, output of shape {:?}",
                    self.shape
                )
            }
            Origin::Adjoint { name, caller } => {
                write!(
                    f,
                    "the adjoint of the operation `{name}`, called at {caller}, on its way to `{parameter}`, input of \
                     shape {:?}",
                    self.shape
                )
            }
        }
    }
}
