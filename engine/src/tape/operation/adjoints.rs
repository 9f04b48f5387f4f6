//! `Adjoints`: what an operation's adjoint reads and writes.

use super::{Slot, View, check_index};
use crate::Real;
use crate::kernels::Write;
use crate::tape::arena::Arena;

/// Where an adjoint is accumulated, and how many draws of it are written.
#[derive(Clone, Copy)]
pub(crate) struct Place<T> {
    pub(crate) data: *mut T,
    /// The number of draws, counted from the first, whose adjoint is written. Draws are visited in order, so they are
    /// first written in order.
    pub(crate) written: u32,
}

impl<T: Real> Place<T> {
    pub(crate) const NOWHERE: Place<T> = Place { data: std::ptr::null_mut(), written: 0 };

    /// Sets the draws before `draws` that nothing wrote to zero.
    ///
    /// # Safety
    /// The place has memory for `slot`, and there is no reference to it.
    pub(crate) unsafe fn complete(&mut self, slot: &Slot<T>, draws: u32) {
        if self.written < draws {
            let from = self.written as usize * slot.len;
            let rest = draws as usize * slot.len - from;
            // SAFETY: required of the caller; the range ends within the slot's draws.
            unsafe { std::slice::from_raw_parts_mut(self.data.add(from), rest) }.fill(T::ZERO);
            self.written = draws;
        }
    }
}

/// What an adjoint can access: the values of its forward pass, and the adjoints of its outputs and inputs.
///
/// Adjoints of inputs are handed out one at a time, so that in `x * x` two `&mut` to one adjoint cannot exist. The
/// first writer stores, later ones add: nothing is filled with zeros.
pub struct Adjoints<'a, T: Real> {
    pub(crate) slots: &'a [Slot<T>],
    pub(crate) places: &'a mut [Place<T>],
    /// For slots that are parameters: the entry of the gradients that they share.
    pub(crate) entry_ids: &'a [u32],
    pub(crate) entry_written: &'a mut [bool],
    pub(crate) inputs: &'a [u32],
    pub(crate) outputs: (u32, u32),
    pub(crate) draw: usize,
    pub(crate) arena: &'a Arena,
}

/// Marks a slot that is not a parameter.
pub(crate) const NO_ENTRY: u32 = u32::MAX;

impl<'a, T: Real> Adjoints<'a, T> {
    /// The value of input `k`.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn input(&self, k: usize) -> View<'a, T> {
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow. The backward pass comes to an operation
        // only from a root that was computed from its outputs, hence from this input, and the root's variable lives.
        unsafe { self.slots[self.input_slot(k)].view(self.draw) }
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The index of the current draw: 0, unless a value has several draws.
    pub fn draw(&self) -> usize {
        self.draw
    }

    /// The value of output `k`.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn output(&self, k: usize) -> View<'a, T> {
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow. If an output aliases borrowed elements with
        // another shape, they are those of an input.
        unsafe { self.slots[self.output_slot(k)].view(self.draw) }
    }

    /// The adjoint of output `k`, or `None` if nothing depends on that output.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn upstream(&self, k: usize) -> Option<&'a [T]> {
        let id = self.output_slot(k);
        let (place, slot) = (self.places[id], &self.slots[id]);
        // SAFETY: a written place holds an adjoint of its slot's length for every draw, which the backward pass
        // completed. It stays, because operations are visited in reverse, and an operation's inputs precede its
        // outputs: nothing will write to it again.
        (place.written > 0)
            .then(|| unsafe { std::slice::from_raw_parts(place.data.add(slot.offset(self.draw)), slot.len) })
    }

    /// Whether the adjoint of input `k` is needed; if not, skip its computation.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn is_wanted(&self, k: usize) -> bool {
        self.slots[self.input_slot(k)].tracked
    }

    /// The number of draws of output `k`.
    #[track_caller]
    pub(crate) fn output_draws(&self, k: usize) -> usize {
        self.slots[self.output_slot(k)].draws as usize
    }

    #[track_caller]
    fn input_slot(&self, k: usize) -> usize {
        check_index("input", k, self.inputs.len());
        self.inputs[k] as usize
    }

    #[track_caller]
    fn output_slot(&self, k: usize) -> usize {
        check_index("output", k, (self.outputs.1 - self.outputs.0) as usize);
        self.outputs.0 as usize + k
    }

    /// Lets `write` add its contribution to input `k`'s adjoint: with [`Write::Store`] the contents are unspecified and
    /// every element must be set, with [`Write::Add`] the contribution is added.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn accumulate(&mut self, k: usize, write: impl FnOnce(&mut [T], Write)) {
        if let Some((data, len, mode)) = self.target(k) {
            // SAFETY: the target has room for `len` numbers; it is an input's, so it is not an output's of this
            // operation, and `&mut self` forbids a second one at the same time.
            write(unsafe { std::slice::from_raw_parts_mut(data, len) }, mode);
        }
    }

    /// [`accumulate`](Adjoints::accumulate) for two inputs in one pass over memory. Both must be wanted.
    ///
    /// # Panics
    /// If the two inputs are the same value, if one is not wanted, or if an index is out of range.
    #[track_caller]
    pub fn accumulate_both(&mut self, inputs: [usize; 2], write: impl FnOnce([(&mut [T], Write); 2])) {
        // Check before either is marked as written.
        let [a, b] = inputs.map(|k| self.input_slot(k));
        let is_one = a == b || (self.entry_ids[a] != NO_ENTRY && self.entry_ids[a] == self.entry_ids[b]);
        assert!(!is_one || self.slots[a].len == 0, "accumulate_both: the two inputs are the same value");
        assert!(inputs.iter().all(|&k| self.is_wanted(k)), "accumulate_both: both adjoints must be wanted");
        let targets = inputs.map(|k| self.target(k).expect("both adjoints are wanted"));
        // SAFETY: as in `accumulate`; different values have adjoints in different places.
        write(targets.map(|(data, len, mode)| (unsafe { std::slice::from_raw_parts_mut(data, len) }, mode)));
    }

    /// Where the adjoint of input `k` is accumulated, if it is wanted; marks it as written.
    #[track_caller]
    fn target(&mut self, k: usize) -> Option<(*mut T, usize, Write)> {
        let id = self.input_slot(k);
        let slot = &self.slots[id];
        if !slot.tracked {
            return None;
        }
        let place = &mut self.places[id];
        if place.data.is_null() {
            place.data = self.arena.working(slot.elements());
        }
        let written = match self.entry_ids[id] {
            NO_ENTRY => {
                let draw = if slot.draws == 1 { 0 } else { self.draw as u32 };
                // SAFETY: the place is an input's and was given its memory above.
                unsafe { place.complete(slot, draw) };
                let written = place.written > draw;
                place.written = place.written.max(draw + 1);
                written
            }
            entry => std::mem::replace(&mut self.entry_written[entry as usize], true),
        };
        let mode = if written { Write::Add } else { Write::Store };
        // SAFETY: the place has room for every draw.
        Some((unsafe { place.data.add(slot.offset(self.draw)) }, slot.len, mode))
    }

    /// Adds `part(i)` to element `i` of input `k`'s adjoint.
    ///
    /// # Panics
    /// If `k` is out of range.
    #[track_caller]
    pub fn give(&mut self, k: usize, part: impl Fn(usize) -> T) {
        self.accumulate(k, |target, mode| match mode {
            Write::Store => target.iter_mut().enumerate().for_each(|(i, t)| *t = part(i)),
            Write::Add => target.iter_mut().enumerate().for_each(|(i, t)| *t += part(i)),
        });
    }

    /// Working memory with unspecified contents, released after the backward pass.
    pub fn scratch(&mut self, len: usize) -> &'a mut [T] {
        // SAFETY: `working` hands out unshared, initialised memory.
        unsafe { std::slice::from_raw_parts_mut(self.arena.working(len), len) }
    }
}
