//! Finding where a value stopped being finite.

use std::fmt;
use std::panic::Location;

use crate::kernels::reduce::all_finite;
use crate::tape::operation::NO_HOME;
use crate::tape::{Gradients, Lists, Tape};
use crate::{Real, Shape};

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
    /// know the parameters' names. Reads every value: meant for the moment when a loss has gone bad.
    pub fn first_non_finite(&self, gradients: &Gradients<T>) -> Option<NonFinite> {
        let lists = self.lists.borrow();
        let bad = (0..lists.slots.len()).find(|&id| {
            // SAFETY: the slot was made under this borrow of the tape.
            !all_finite(unsafe { lists.slots[id].whole() })
        })?;
        let bad = bad as u32;
        let maker = lists.nodes.iter().chain(&lists.constants).find(|node| node.makes(bad));
        let parameter = first_parameter(&lists, gradients, bad);
        let origin = match maker {
            Some(node) => node.origin(),
            None if parameter.is_some() => Origin::Parameter,
            None => Origin::Input,
        };
        Some(NonFinite { origin, parameter, shape: shape(&lists, bad) })
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
    pub fn backward_watched(
        &self,
        roots: &[(crate::Var<'_, T>, T)],
        gradients: &mut Gradients<T>,
    ) -> Result<(), NonFinite> {
        let mut found = None;
        self.sweep_from(roots, gradients, &mut |lists, node, inputs| {
            if found.is_none() {
                let bad = inputs.iter().find(|&&id| {
                    let (place, slot) = (lists.places[id as usize], &lists.slots[id as usize]);
                    let len =
                        if lists.homes[id as usize] == NO_HOME { place.written as usize * slot.len } else { slot.len };
                    // SAFETY: what is marked as written was written, in memory for every draw; a parameter's gradient
                    // has memory from the start, and was zeros at first. Nothing writes to it in this call.
                    len > 0 && slot.tracked && !all_finite(unsafe { std::slice::from_raw_parts(place.data, len) })
                });
                found = bad.map(|&bad| (node.origin(), bad));
            }
        });
        let Some((Origin::Operation { name, caller }, bad)) = found else {
            return Ok(());
        };
        let lists = self.lists.borrow();
        let parameter = first_parameter(&lists, gradients, bad);
        Err(NonFinite { origin: Origin::Adjoint { name, caller }, parameter, shape: shape(&lists, bad) })
    }
}

fn shape<T: Real>(lists: &Lists<T>, slot: u32) -> Shape {
    // SAFETY: the lists are borrowed of the tape, under whose borrow the slot was made.
    unsafe { lists.slots[slot as usize].view(0) }.shape.into()
}

/// The first parameter, breadth first, that the value in `slot` was computed from.
fn first_parameter<T: Real>(lists: &Lists<T>, gradients: &Gradients<T>, slot: u32) -> Option<String> {
    let mut queue = std::collections::VecDeque::from([slot]);
    let mut seen = vec![false; lists.slots.len()];
    while let Some(slot) = queue.pop_front() {
        if std::mem::replace(&mut seen[slot as usize], true) {
            continue;
        }
        let leaf = lists.parameters.iter().find(|leaf| leaf.slot == slot);
        if let Some(name) = leaf.and_then(|leaf| gradients.name_at(leaf.address)) {
            return Some(name.to_owned());
        }
        if let Some(node) = lists.nodes.iter().find(|node| node.makes(slot)) {
            queue.extend(node.inputs(&lists.inputs));
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
