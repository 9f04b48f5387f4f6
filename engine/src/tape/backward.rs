//! The backward pass: visits the operations in reverse and accumulates adjoints.

use std::cell::Cell;

use crate::Real;
use crate::Var;
use crate::tape::Tape;
use crate::tape::gradients::Gradients;
use crate::tape::lists::{Lists, Node};
use crate::tape::operation::{Adjoints, NO_ENTRY, Place, Slot};

/// The state of a backward pass: slots, adjoints and gradient flags.
pub(super) struct BackwardState<'l, T> {
    pub(super) slots: &'l [Slot<T>],
    pub(super) places: &'l mut [Place<T>],
    pub(super) entry_ids: &'l [u32],
    /// Whether each parameter's gradient has been written.
    pub(super) entry_written: &'l mut [bool],
}

/// Called after an operation has passed its adjoint to these inputs.
type Observer<'o, T> = dyn FnMut(&BackwardState<'_, T>, &Node<T>, &[u32]) + 'o;

impl<T: Real> Tape<T> {
    /// Adds the gradient of Σ coefficient · root, over scalar `roots`, to `gradients` in one backward pass. A root with
    /// several draws contributes their mean.
    ///
    /// Adjoints of parameters are accumulated directly in `gradients`, those of other values in the arena, which
    /// releases them at the end. If an operation's adjoint panics, the tape is unchanged, and the gradients cannot be
    /// used until they are [cleared](Gradients::clear).
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward(&self, roots: &[(Var<'_, T>, T)], gradients: &mut Gradients<T>) {
        self.observed_backward(roots, gradients, &mut |_, _, _| ());
    }

    /// [`backward`](Tape::backward), which calls `observe` after each operation.
    #[track_caller]
    pub(super) fn observed_backward(
        &self,
        roots: &[(Var<'_, T>, T)],
        gradients: &mut Gradients<T>,
        observe: &mut Observer<'_, T>,
    ) {
        assert!(self.is_recording(), "backward: this tape does not record; make it with `Tape::new()`");
        for (root, _) in roots {
            self.check_same(*root);
            assert!(
                root.len() == 1,
                "backward: the root has shape {:?}; take `.sum()` or `.mean()` of it first",
                root.shape()
            );
        }
        // SAFETY: working memory is handed out as adjoints and scratch. No reference to it leaves this function, and
        // `prepare` resets the places before they are used again.
        let _work = unsafe { self.arena.work() };
        let lists = &mut *self.lists_mut();
        gradients.check_whole();
        self.prepare(lists, gradients);
        gradients.begin_backward();
        for &(root, coefficient) in roots {
            let share = coefficient / T::from_f64(f64::from(lists.slots[root.id as usize].draws));
            let (_, _, mut backward_state) = lists.backward_state(&mut gradients.written);
            self.each_draw(&mut backward_state, &[root.id], (0, 0), &|io| io.give(0, |_| share));
        }
        self.run_backward(lists, &mut gradients.written, observe);
        for leaf in &lists.updates {
            // SAFETY: the slot was made under this borrow of the tape, and is never borrowed: see `update`.
            gradients.set(leaf.address, unsafe { lists.slots[leaf.slot as usize].whole() });
        }
        gradients.end_backward();
    }

    /// Visits the operations in reverse. The places tell which values have adjoints.
    pub(super) fn run_backward(&self, lists: &mut Lists<T>, entry_written: &mut [bool], observe: &mut Observer<'_, T>) {
        let (nodes, inputs, mut backward_state) = lists.backward_state(entry_written);
        for node in nodes.iter().rev() {
            let outputs = (node.outputs.1 - node.outputs.0) as usize;
            let is_reached = Cell::new(false);
            self.each_draw(&mut backward_state, node.inputs(inputs), node.outputs, &|io| {
                if (0..outputs).any(|k| io.upstream(k).is_some()) {
                    is_reached.set(true);
                    // SAFETY: the operation lies in the arena, which is not reset while the tape is borrowed. A root
                    // was computed from its output, so what it borrows lives as long as the root's variable.
                    unsafe { (*node.operation).adjoint(io) }
                }
            });
            if is_reached.get() {
                observe(&backward_state, node, node.inputs(inputs));
            }
        }
    }

    /// Calls `visit` once for every draw of these inputs and outputs.
    fn each_draw(
        &self,
        backward_state: &mut BackwardState<'_, T>,
        inputs: &[u32],
        outputs: (u32, u32),
        visit: &dyn Fn(&mut Adjoints<'_, T>),
    ) {
        let BackwardState { slots, places, entry_ids, entry_written } = backward_state;
        let of = |id: u32| slots[id as usize].draws;
        let draws = inputs.iter().copied().chain(outputs.0..outputs.1).map(of).max().unwrap_or(1);
        for id in outputs.0 as usize..outputs.1 as usize {
            if places[id].written > 0 {
                // SAFETY: a written place has memory, and no reference to it outlives a visit.
                unsafe { places[id].complete(&slots[id], slots[id].draws) };
            }
        }
        for draw in 0..draws as usize {
            visit(&mut Adjoints { slots, places, entry_ids, entry_written, inputs, outputs, draw, arena: &self.arena });
        }
    }

    /// Marks all adjoints as unwritten, and points those of parameters at their gradients.
    #[track_caller]
    fn prepare(&self, lists: &mut Lists<T>, gradients: &mut Gradients<T>) {
        let count = lists.slots.len();
        lists.places.clear();
        lists.places.resize(count, Place::NOWHERE);
        lists.entry_ids.clear();
        lists.entry_ids.resize(count, NO_ENTRY);
        for walk in lists.walks.split(Option::is_none) {
            gradients.check_order("backward", walk.iter().flatten().copied());
        }
        let mut next = 0;
        for leaf in &lists.parameters {
            let slot = &lists.slots[leaf.slot as usize];
            // SAFETY: the slot was made under this borrow of the tape.
            let home = gradients.entry_of(leaf.address, unsafe { slot.shape() }, next);
            lists.entry_ids[leaf.slot as usize] = home as u32;
            next = home + 1;
        }
        for leaf in &lists.updates {
            gradients.updated_at(leaf.address, lists.slots[leaf.slot as usize].len);
        }
        lists.pointers.clear();
        // One pointer per entry: a parameter may be on the tape several times.
        lists.pointers.extend(gradients.entries.iter_mut().map(|entry| entry.gradient.data_mut().as_mut_ptr()));
        for leaf in &lists.parameters {
            let home = lists.entry_ids[leaf.slot as usize];
            lists.places[leaf.slot as usize].data = lists.pointers[home as usize];
        }
    }
}
