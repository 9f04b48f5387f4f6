//! Finding where a value stopped being finite.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use crate::kernels::reduce::all_finite;
use crate::tape::lists::{Lists, Maker};
use crate::tape::operation::{NO_HOME, Slot};
use crate::tape::{Gradients, Tape};
use crate::{Real, Shape, Var};

/// The first infinite or NaN value on a tape, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// What made it.
    pub origin: Origin,
    /// The first parameter that it depends on, if any.
    pub parameter: Option<String>,
    /// The shape of the value.
    pub shape: Shape,
}

/// What made a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// It is a parameter.
    Parameter,
    /// It was given as data.
    Input,
    /// An operation made it from finite values.
    Operation {
        /// The operation's name.
        name: &'static str,
        /// The line that called it.
        caller: &'static Location<'static>,
    },
    /// An operation's adjoint made it, on the way back, from finite values: it is a gradient.
    Adjoint {
        /// The operation's name.
        name: &'static str,
        /// The line that called the operation.
        caller: &'static Location<'static>,
    },
}

impl<T: Real> Tape<T> {
    /// The first value on the tape that is infinite or NaN, in the order of evaluation; `gradients`
    /// know the parameters' names. Reads every value that an operation made: meant for the moment when a loss has gone
    /// bad.
    ///
    /// Parameters and data are not read, since they may be gone while the tape is there: what they make infinite or NaN
    /// is found at the first operation on them. [`first_non_finite_of`](Tape::first_non_finite_of) reads them too.
    pub fn first_non_finite(&self, gradients: &Gradients<T>) -> Option<NonFinite> {
        let lists = self.lists();
        let makers = lists.makers();
        // SAFETY: the slots were made under this borrow of the tape, and those that are read are not borrowed.
        let is_bad = |slot: &Slot<T>| !slot.borrowed && !all_finite(unsafe { slot.whole() });
        let bad = lists.slots.iter().position(is_bad)?;
        Some(found(&lists, &makers, gradients, bad))
    }

    /// The first value that is infinite or NaN, in the order of evaluation, among `values` and all that they were computed
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
    /// If a value is of another tape.
    #[track_caller]
    pub fn first_non_finite_of(&self, values: &[Var<'_, T>], gradients: &Gradients<T>) -> Option<NonFinite> {
        values.iter().for_each(|&value| self.check_same(value));
        let lists = self.lists();
        let makers = lists.makers();
        let mut needed = vec![false; lists.slots.len()];
        values.iter().for_each(|value| needed[value.id as usize] = true);
        // Inputs come before outputs, so that going back once finds all.
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

    /// [`backward`](Tape::backward), watched: where an adjoint becomes infinite or NaN, the operation that made it is
    /// the error. The gradients are filled all the same. Reads every adjoint once more: meant for the moment when a
    /// gradient has gone bad though the loss is finite.
    ///
    /// # Errors
    /// The first adjoint on the way back that is infinite or NaN.
    ///
    /// # Panics
    /// As [`Var::backward`](crate::Var::backward).
    #[track_caller]
    pub fn backward_watched(&self, roots: &[(Var<'_, T>, T)], gradients: &mut Gradients<T>) -> Result<(), NonFinite> {
        let mut found = None;
        self.sweep_from(roots, gradients, &mut |swept, node, inputs| {
            if found.is_none() {
                let bad = inputs.iter().find(|&&id| {
                    let (place, slot) = (swept.places[id as usize], &swept.slots[id as usize]);
                    let len = match swept.homes[id as usize] {
                        NO_HOME => place.written as usize * slot.len,
                        home if swept.home_written[home as usize] => slot.len,
                        _ => 0,
                    };
                    // SAFETY: what is marked as written was written, in memory for every draw; a parameter's gradient
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

/// What there is to say of the value in slot `bad`.
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
    // SAFETY: the lists are borrowed of the tape, under whose borrow the slot was made.
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
