//! `Var::trace`: the operations that computed a value.

use std::collections::HashMap;
use std::panic::Location;

use crate::tape::Description;
use crate::tape::lists::Maker;
use crate::{Real, Shape, Var};

/// A value that another one was computed from: see [`Var::trace`].
#[derive(Clone, Copy, Debug)]
pub struct Traced<'t, T: Real = f32> {
    /// The value.
    pub value: Var<'t, T>,
    /// The index of the operation that computed it, and of its output; `None` for data, parameters and constants.
    pub source: Option<(usize, usize)>,
}

/// An operation that a value was computed by.
#[derive(Clone, Debug)]
pub struct TracedOperation {
    /// Its name.
    pub name: &'static str,
    /// The line that called it.
    pub caller: &'static Location<'static>,
    /// What it computes, if it says so.
    pub description: Option<Description>,
    /// The indices of the traced values that it reads.
    pub inputs: Vec<usize>,
    /// The shapes of its outputs.
    pub outputs: Vec<Shape>,
}

/// How a value was computed: see [`Var::trace`].
#[derive(Clone, Debug)]
pub struct Trace<'t, T: Real = f32> {
    /// The values, inputs before outputs; the last is the value itself.
    pub values: Vec<Traced<'t, T>>,
    /// The operations, in the order of evaluation.
    pub operations: Vec<TracedOperation>,
}

impl<'t, T: Real> Var<'t, T> {
    /// Everything that this value was computed from, for an export to another system. Values [as
    /// constants](Var::stop_gradient) are those that they were made from.
    ///
    /// ```
    /// use elbo_engine::{Description, Tape, Tensor};
    ///
    /// let x: Tensor = Tensor::full([2, 3], 1.0);
    /// let tape = Tape::inference();
    /// let trace = tape.input(&x).exp().log_softmax(-1).trace();
    /// assert_eq!(trace.operations[1].description, Some(Description::LogSoftmax(1)));
    /// assert_eq!((trace.values.len(), trace.values[2].source), (3, Some((1, 0))));
    /// ```
    pub fn trace(self) -> Trace<'t, T> {
        let lists = self.tape.lists();
        let makers = lists.makers();
        let slots = &lists.slots[..=self.id as usize];
        // A constant copy of a value has its elements and the axes that were written for it.
        let (mut first, mut origin) = (HashMap::new(), Vec::with_capacity(slots.len()));
        for (id, slot) in slots.iter().enumerate() {
            let is_leaf = !matches!(makers[id], Maker::Operation(_));
            let same = *first.entry((slot.data, slot.axes)).or_insert(id);
            origin.push(if is_leaf { same } else { id });
        }
        let inputs = |id: usize| match makers[id] {
            Maker::Operation(node) => node.inputs(&lists.inputs),
            Maker::Parameter(_) | Maker::Input => &[],
        };
        let mut needed = vec![false; slots.len()];
        needed[origin[self.id as usize]] = true;
        for id in (0..needed.len()).rev() {
            if needed[id] {
                inputs(id).iter().for_each(|&input| needed[origin[input as usize]] = true);
            }
        }
        let (mut places, mut by_node) = (HashMap::new(), HashMap::new());
        let (mut values, mut operations) = (Vec::new(), Vec::new());
        for id in (0..needed.len()).filter(|&id| needed[id]) {
            let source = match makers[id] {
                Maker::Parameter(_) | Maker::Input => None,
                Maker::Operation(node) => {
                    let operation = *by_node.entry(node.outputs.0).or_insert_with(|| {
                        // SAFETY: the slots were made under this borrow of the tape.
                        let shape = |id: u32| unsafe { lists.slots[id as usize].shape() };
                        let shapes: Vec<&[usize]> = inputs(id).iter().map(|&input| shape(input)).collect();
                        // SAFETY: the operation lies in the arena until the reset, and this value was computed by it, so what
                        // it borrows lives.
                        let description = unsafe { &*node.operation }.description(&shapes);
                        operations.push(TracedOperation {
                            name: node.name(),
                            caller: node.caller,
                            description,
                            inputs: inputs(id).iter().map(|&input| places[&origin[input as usize]]).collect(),
                            outputs: (node.outputs.0..node.outputs.1)
                                .map(|output| Shape::from(shape(output)))
                                .collect(),
                        });
                        operations.len() - 1
                    });
                    Some((operation, id - node.outputs.0 as usize))
                }
            };
            places.insert(id, values.len());
            // This value was computed from it, so what it borrows lives as long.
            values.push(Traced { value: Var { tape: self.tape, id: id as u32 }, source });
        }
        Trace { values, operations }
    }
}
