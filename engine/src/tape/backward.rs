//! The reverse sweep.

use std::cell::Cell;

use crate::Real;
use crate::Var;
use crate::tape::Tape;
use crate::tape::gradients::Gradients;
use crate::tape::lists::{Lists, Node};
use crate::tape::operation::{Adjoints, NO_HOME, Place, Slot};

/// What stands on a tape while it is swept.
pub(super) struct Swept<'l, T> {
    pub(super) slots: &'l [Slot<T>],
    pub(super) places: &'l mut [Place<T>],
    pub(super) homes: &'l [u32],
    /// Whether a parameter's gradient holds anything.
    pub(super) home_written: &'l mut [bool],
}

/// Looks at the tape after an operation has passed its adjoint on to these inputs.
type Observer<'o, T> = dyn FnMut(&Swept<'_, T>, &Node<T>, &[u32]) + 'o;

impl<T: Real> Tape<T> {
    /// Adds the gradient of Σ coefficient · root, over scalar `roots`, to `gradients`, in one sweep. A root that
    /// stands for several draws counts with their mean.
    ///
    /// Adjoints of parameters are gathered in `gradients` directly; those of other values in the
    /// arena, which takes them back at the end. If an operation's adjoint panics, the tape stays as it was, and the
    /// gradients refuse to be used until they are [cleared](Gradients::clear).
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward(&self, roots: &[(Var<'_, T>, T)], gradients: &mut Gradients<T>) {
        self.sweep_from(roots, gradients, &mut |_, _, _| ());
    }

    /// [`backward`](Tape::backward), looked at by `observe`.
    #[track_caller]
    pub(super) fn sweep_from(
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
        // `prepare` forgets the places before they are used again.
        let _work = unsafe { self.arena.work() };
        let lists = &mut *self.lists_mut();
        gradients.check_whole();
        self.prepare(lists, gradients);
        gradients.begin_sweep();
        for &(root, coefficient) in roots {
            let share = coefficient / T::from_f64(f64::from(lists.slots[root.id as usize].draws));
            let (_, _, mut swept) = lists.swept(&mut gradients.written);
            self.each_draw(&mut swept, &[root.id], (0, 0), &|io| io.give(0, |_| share));
        }
        self.sweep(lists, &mut gradients.written, observe);
        for leaf in &lists.updates {
            // SAFETY: the slot was made under this borrow of the tape, and is never borrowed: see `update`.
            gradients.set(leaf.address, unsafe { lists.slots[leaf.slot as usize].whole() });
        }
        gradients.end_sweep();
    }

    /// Goes through the operations in reverse. Where the adjoints of some values stand, the places say.
    pub(super) fn sweep(&self, lists: &mut Lists<T>, home_written: &mut [bool], observe: &mut Observer<'_, T>) {
        let (nodes, inputs, mut swept) = lists.swept(home_written);
        for node in nodes.iter().rev() {
            let outputs = (node.outputs.1 - node.outputs.0) as usize;
            let is_reached = Cell::new(false);
            self.each_draw(&mut swept, node.inputs(inputs), node.outputs, &|io| {
                if (0..outputs).any(|k| io.upstream(k).is_some()) {
                    is_reached.set(true);
                    // SAFETY: the operation lies in the arena, which is not reset while the tape is borrowed. A root
                    // was computed from its output, so what it borrows lives as long as the root's variable.
                    unsafe { (*node.operation).adjoint(io) }
                }
            });
            if is_reached.get() {
                observe(&swept, node, node.inputs(inputs));
            }
        }
    }

    /// Calls `visit` once for every draw of these inputs and outputs.
    fn each_draw(
        &self,
        swept: &mut Swept<'_, T>,
        inputs: &[u32],
        outputs: (u32, u32),
        visit: &dyn Fn(&mut Adjoints<'_, T>),
    ) {
        let Swept { slots, places, homes, home_written } = swept;
        let of = |id: u32| slots[id as usize].draws;
        let draws = inputs.iter().copied().chain(outputs.0..outputs.1).map(of).max().unwrap_or(1);
        for id in outputs.0 as usize..outputs.1 as usize {
            if places[id].written > 0 {
                // SAFETY: a written place has memory, and no reference to it outlives a visit.
                unsafe { places[id].complete(&slots[id], slots[id].draws) };
            }
        }
        for draw in 0..draws as usize {
            visit(&mut Adjoints { slots, places, homes, home_written, inputs, outputs, draw, arena: &self.arena });
        }
    }

    /// No adjoint stands anywhere yet, and a parameter's will be gathered in its gradient.
    #[track_caller]
    fn prepare(&self, lists: &mut Lists<T>, gradients: &mut Gradients<T>) {
        let count = lists.slots.len();
        lists.places.clear();
        lists.places.resize(count, Place::NOWHERE);
        lists.homes.clear();
        lists.homes.resize(count, NO_HOME);
        for walk in lists.walks.split(Option::is_none) {
            gradients.check_order("backward", walk.iter().flatten().copied());
        }
        let mut next = 0;
        for leaf in &lists.parameters {
            let slot = &lists.slots[leaf.slot as usize];
            // SAFETY: the slot was made under this borrow of the tape.
            let home = gradients.home_of(leaf.address, unsafe { slot.shape() }, next);
            lists.homes[leaf.slot as usize] = home as u32;
            next = home + 1;
        }
        for leaf in &lists.updates {
            gradients.updated_at(leaf.address, lists.slots[leaf.slot as usize].len);
        }
        lists.pointers.clear();
        // One pointer an entry: a parameter may stand on the tape several times.
        lists.pointers.extend(gradients.entries.iter_mut().map(|entry| entry.gradient.data_mut().as_mut_ptr()));
        for leaf in &lists.parameters {
            let home = lists.homes[leaf.slot as usize];
            lists.places[leaf.slot as usize].data = lists.pointers[home as usize];
        }
    }
}
