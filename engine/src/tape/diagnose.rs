//! Finding where a value stopped being finite.

use std::fmt;
use std::panic::Location;

use crate::kernels::reduce::all_finite;
use crate::tape::{Gradients, Node, Tape};
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
        let maker = lists.nodes.iter().find(|node| (node.outputs.0..node.outputs.1).contains(&(bad as u32)));
        let name = |slot: u32| {
            let leaf = lists.parameters.iter().find(|leaf| leaf.slot == slot)?;
            gradients.name_at(leaf.address)
        };
        let parameter = first_parameter(&lists.nodes, &lists.inputs, bad as u32, &name);
        // SAFETY: as above.
        let shape = unsafe { lists.slots[bad].view(0) }.shape.into();
        let origin = match maker {
            // SAFETY: operations live in the arena until the reset, which needs `&mut`.
            Some(node) => Origin::Operation { name: unsafe { &*node.operation }.name(), caller: node.caller },
            None if parameter.is_some() => Origin::Parameter,
            None => Origin::Input,
        };
        Some(NonFinite { origin, parameter: parameter.map(str::to_owned), shape })
    }
}

/// The first parameter, breadth first, that the value in `slot` was computed from.
fn first_parameter<'g, T: Real>(
    nodes: &[Node<T>],
    inputs: &[u32],
    slot: u32,
    name: &dyn Fn(u32) -> Option<&'g str>,
) -> Option<&'g str> {
    let mut queue = std::collections::VecDeque::from([slot]);
    while let Some(slot) = queue.pop_front() {
        if let Some(name) = name(slot) {
            return Some(name);
        }
        if let Some(node) = nodes.iter().find(|node| (node.outputs.0..node.outputs.1).contains(&slot)) {
            queue.extend(&inputs[node.inputs.0 as usize..node.inputs.1 as usize]);
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
        }
    }
}
