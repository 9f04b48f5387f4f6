//! The reverse sweep.

use crate::Real;
use crate::tape::gradients::Gradients;
use crate::tape::operation::{Adjoints, NO_HOME, Place};
use crate::tape::{Lists, Node, Tape};
use crate::{Role, Var};

/// Looks at the tape after an operation has passed its adjoint on to these inputs.
type Observer<'o, T> = dyn FnMut(&Lists<T>, &Node<T>, &[u32]) + 'o;

impl<T: Real> Tape<T> {
    /// Adds the gradient of Σ coefficient · root, over scalar `roots`, to `gradients`, in one sweep. A root that
    /// stands for several draws counts with their mean.
    ///
    /// Adjoints of parameters are gathered in `gradients` directly; those of other values in the
    /// arena, which takes them back at the end.
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
        let mark = self.arena.mark();
        let lists = &mut *self.lists.borrow_mut();
        self.prepare(lists, gradients);
        for &(root, coefficient) in roots {
            let share = coefficient / T::from_f64(f64::from(lists.slots[root.id as usize].draws));
            self.each_draw(lists, &mut gradients.written, &[root.id], (0, 0), &|io| io.give(0, |_| share));
        }
        self.sweep(lists, &mut gradients.written, observe);
        for leaf in &lists.updates {
            let entry = gradients.entry_of(leaf.address);
            // SAFETY: the slot was made under this borrow of the tape.
            gradients.set(entry, unsafe { lists.slots[leaf.slot as usize].whole() });
        }
        gradients.fill_unwritten();
        // SAFETY: since the mark, only adjoints and scratch memory were handed out; no reference to
        // them leaves this function, and `prepare` forgets the places before they are used again.
        unsafe { self.arena.rewind(mark) };
    }

    /// Goes through the operations in reverse. Where the adjoints of some values stand, the places say.
    pub(super) fn sweep(&self, lists: &mut Lists<T>, home_written: &mut [bool], observe: &mut Observer<'_, T>) {
        // Taken out meanwhile, so that the places can be changed.
        let (nodes, inputs) = (std::mem::take(&mut lists.nodes), std::mem::take(&mut lists.inputs));
        for node in nodes.iter().rev() {
            let outputs = (node.outputs.1 - node.outputs.0) as usize;
            self.each_draw(lists, home_written, node.inputs(&inputs), node.outputs, &|io| {
                if (0..outputs).any(|k| io.upstream(k).is_some()) {
                    // SAFETY: the operation lies in the arena, which is not reset while the tape is
                    // borrowed.
                    unsafe { (*node.operation).adjoint(io) }
                }
            });
            observe(lists, node, node.inputs(&inputs));
        }
        (lists.nodes, lists.inputs) = (nodes, inputs);
    }

    /// Calls `visit` once for every draw of these inputs and outputs.
    fn each_draw(
        &self,
        lists: &mut Lists<T>,
        home_written: &mut [bool],
        inputs: &[u32],
        outputs: (u32, u32),
        visit: &dyn Fn(&mut Adjoints<'_, T>),
    ) {
        let Lists { slots, places, homes, .. } = lists;
        let of = |id: u32| slots[id as usize].draws;
        let draws = inputs.iter().copied().chain(outputs.0..outputs.1).map(of).max().unwrap_or(1);
        for id in outputs.0 as usize..outputs.1 as usize {
            if places[id].written > 0 {
                // SAFETY: a written place has memory, and no reference to it outlives a visit.
                unsafe { places[id].complete(&slots[id], slots[id].draws) };
            }
        }
        for draw in 0..draws as usize {
            visit(&mut Adjoints {
                slots,
                places,
                homes,
                home_written: &mut *home_written,
                inputs,
                outputs,
                draw,
                arena: &self.arena,
            });
        }
    }

    /// No adjoint stands anywhere yet, and a parameter's will be gathered in its gradient.
    #[track_caller]
    fn prepare(&self, lists: &mut Lists<T>, gradients: &mut Gradients<T>) {
        let count = lists.slots.len();
        gradients.previous.fill(false);
        lists.places.clear();
        lists.places.resize(count, Place::NOWHERE);
        lists.homes.clear();
        lists.homes.resize(count, NO_HOME);
        lists.pointers.clear();
        // One pointer an entry: a parameter may stand on the tape several times.
        lists.pointers.extend(gradients.entries.iter_mut().map(|entry| entry.gradient.data_mut().as_mut_ptr()));
        for leaf in &lists.parameters {
            let entry = gradients.entry_of(leaf.address);
            debug_assert!(gradients.entries[entry].role != Role::Buffer);
            lists.homes[leaf.slot as usize] = entry as u32;
            lists.places[leaf.slot as usize].data = lists.pointers[entry];
        }
    }
}
