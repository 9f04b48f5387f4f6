//! What an operation is: a forward, its adjoint, and what each may see.

use crate::Real;
use crate::kernels::Write;
use crate::tape::arena::Arena;

/// One differentiable operation: a small `Copy` struct with a forward and an adjoint.
///
/// Where an input stands for several draws (see [`Tape::record_draws`](crate::Tape::record_draws)), the tape runs both
/// once for every draw: neither need know of it.
///
/// The set is open: a crate of its own may implement this and call
/// [`Tape::record`](crate::Tape::record), and the operation is as good as a built-in one.
///
/// ```
/// use elbo_engine::{Adjoints, Evaluation, Operation, Real, Tape, Tensor, Var};
///
/// #[derive(Clone, Copy)]
/// struct Cube;
///
/// impl<T: Real> Operation<T> for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn forward(&self, io: &mut Evaluation<'_, T>) {
///         let x = io.input(0);
///         for (y, &x) in io.output(0).iter_mut().zip(x.data) {
///             *y = x * x * x;
///         }
///     }
///     fn adjoint(&self, io: &mut Adjoints<'_, T>) {
///         let (x, g) = (io.input(0).data, io.upstream(0).expect("one output"));
///         io.give(0, |i| T::from_f64(3.0) * x[i] * x[i] * g[i]);
///     }
/// }
///
/// let x: Tensor = Tensor::new([2], [2.0, -1.0]);
/// let tape = Tape::new();
/// let x = tape.input(&x);
/// let y = tape.record(Cube, &[x], [x.shape()])[0];
/// assert_eq!(y.value(), [8.0, -1.0]);
/// ```
pub trait Operation<T: Real> {
    /// The operation's name in messages and in a dump of the tape.
    fn name(&self) -> &'static str;

    /// Computes every element of every output from the inputs.
    fn forward(&self, io: &mut Evaluation<'_, T>);

    /// Passes the outputs' adjoints on to the inputs' (a vector-Jacobian product).
    fn adjoint(&self, io: &mut Adjoints<'_, T>);

    /// Computes all draws in one go, in place of a [`forward`](Operation::forward) for each, and says whether it did. For a
    /// map of rows or of elements, draws are only more of these: see [`Evaluation::input_draws`] and
    /// [`Evaluation::output_draws`]. Asked of an operation that makes several draws on a tape that does not record. Provided:
    /// it does not.
    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let _ = io;
        false
    }
}

/// A value on the tape, looked at: its elements row by row, and its axes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    /// The elements, row by row.
    pub data: &'a [T],
    /// The lengths of the axes, outermost first.
    pub shape: &'a [usize],
}

/// A value's place. Raw, because a struct inside the tape cannot name the lifetime of what it describes.
///
/// The axes, and the elements of what an operation made, stand in the arena until the reset. The elements of a leaf are
/// *borrowed*, and may be gone while the tape lives on. They are read only for a [`Var`](crate::Var) that depends on them:
/// its lifetime is a part of theirs.
#[derive(Clone, Copy)]
pub(crate) struct Slot<T> {
    pub(crate) data: *mut T,
    pub(crate) len: usize,
    pub(crate) axes: *const usize,
    pub(crate) rank: usize,
    /// Whether the elements belong to somebody else than the tape.
    pub(crate) borrowed: bool,
    /// How many values of `len` elements stand one behind the other: 1, or one for each draw.
    pub(crate) draws: u32,
    /// Whether a gradient with respect to this value, or to one it came from, can be asked for.
    pub(crate) tracked: bool,
}

impl<T> Slot<T> {
    /// The axes.
    ///
    /// # Safety
    /// `'a` must not outlive the borrow of the tape under which this slot was made.
    pub(crate) unsafe fn shape<'a>(&self) -> &'a [usize] {
        // SAFETY: the axes were written to the arena, which keeps them until the reset; the caller bounds the lifetime.
        unsafe { std::slice::from_raw_parts(self.axes, self.rank) }
    }

    /// The value in this draw; the same in every draw where there is only one.
    ///
    /// # Safety
    /// As for [`Slot::shape`]. If the slot is borrowed, a variable that is this value or was computed from it must live
    /// for `'a`.
    pub(crate) unsafe fn view<'a>(&self, draw: usize) -> View<'a, T> {
        // SAFETY: a slot's pointers describe initialised memory in the arena or in a leaf that the caller knows to be
        // borrowed still, which nothing writes after the slot's forward; the caller bounds the lifetime.
        unsafe {
            View { data: std::slice::from_raw_parts(self.data.add(self.offset(draw)), self.len), shape: self.shape() }
        }
    }

    /// The elements of every draw, one behind the other.
    ///
    /// # Safety
    /// As for [`Slot::view`].
    pub(crate) unsafe fn whole<'a>(&self) -> &'a [T] {
        // SAFETY: as in `view`.
        unsafe { std::slice::from_raw_parts(self.data, self.elements()) }
    }

    /// The number of elements, those of every draw.
    pub(crate) fn elements(&self) -> usize {
        self.len * self.draws as usize
    }

    /// Where the value in this draw begins.
    pub(crate) fn offset(&self, draw: usize) -> usize {
        if self.draws == 1 { 0 } else { draw * self.len }
    }
}

/// What a forward sees: the inputs' values, and its own outputs to be written.
pub struct Evaluation<'a, T: Real> {
    pub(crate) slots: &'a [Slot<T>],
    pub(crate) inputs: &'a [u32],
    pub(crate) outputs: &'a [Slot<T>],
    pub(crate) draw: usize,
    pub(crate) arena: &'a Arena,
}

impl<'a, T: Real> Evaluation<'a, T> {
    /// The value of input `k`.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn input(&self, k: usize) -> View<'a, T> {
        check_index("input", k, self.inputs.len());
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow; the variable that the operation was called
        // with lives until its forward is over.
        unsafe { self.slots[self.inputs[k] as usize].view(self.draw) }
    }

    /// Input `k` in every draw, one behind the other, with their number; of what does not depend on the draw, once.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn input_draws(&self, k: usize) -> (usize, &'a [T]) {
        check_index("input", k, self.inputs.len());
        let slot = &self.slots[self.inputs[k] as usize];
        // SAFETY: as for `input`.
        (slot.draws as usize, unsafe { slot.whole() })
    }

    /// Which draw this is: 0, unless something stands for several.
    pub fn draw(&self) -> usize {
        self.draw
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The axes of output `k`.
    ///
    /// # Panics
    /// If the operation has not so many outputs.
    #[track_caller]
    pub fn output_shape(&self, k: usize) -> &'a [usize] {
        check_index("output", k, self.outputs.len());
        // SAFETY: an output's axes were written to the arena before its forward runs.
        unsafe { self.outputs[k].shape() }
    }

    /// The elements of output `k`, to be written: their contents are unspecified.
    ///
    /// # Panics
    /// If the operation has not so many outputs.
    #[track_caller]
    pub fn output(&mut self, k: usize) -> &mut [T] {
        check_index("output", k, self.outputs.len());
        let slot = &self.outputs[k];
        // SAFETY: the output was allocated for this forward, with room for every draw; `&mut self`
        // makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(slot.data.add(slot.offset(self.draw)), slot.len) }
    }

    /// The elements of output `k` in every draw, one behind the other, to be written: their contents are unspecified.
    ///
    /// # Panics
    /// If the operation has not so many outputs.
    #[track_caller]
    pub fn output_draws(&mut self, k: usize) -> &mut [T] {
        check_index("output", k, self.outputs.len());
        let slot = &self.outputs[k];
        // SAFETY: as for `output`.
        unsafe { std::slice::from_raw_parts_mut(slot.data, slot.elements()) }
    }

    /// All `N` outputs at once.
    ///
    /// # Panics
    /// If the operation has not `N` outputs.
    #[track_caller]
    pub fn outputs<const N: usize>(&mut self) -> [&mut [T]; N] {
        assert!(self.outputs.len() == N, "this operation has {} outputs, not {N}", self.outputs.len());
        std::array::from_fn(|k| {
            let slot = &self.outputs[k];
            // SAFETY: as for `output`; every output has memory of its own.
            unsafe { std::slice::from_raw_parts_mut(slot.data.add(slot.offset(self.draw)), slot.len) }
        })
    }

    /// Working memory that is given back after this forward; its contents are unspecified.
    pub fn scratch(&mut self, len: usize) -> &'a mut [T] {
        // SAFETY: `working` hands out unshared, initialised memory.
        unsafe { std::slice::from_raw_parts_mut(self.arena.working(len), len) }
    }
}

/// Where an adjoint is gathered, and how much stands there yet.
#[derive(Clone, Copy)]
pub(crate) struct Place<T> {
    pub(crate) data: *mut T,
    /// The number of draws, from the first on, whose adjoint holds something. Draws are visited in
    /// order, so they are first written in order.
    pub(crate) written: u32,
}

impl<T: Real> Place<T> {
    pub(crate) const NOWHERE: Place<T> = Place { data: std::ptr::null_mut(), written: 0 };

    /// Sets what nothing wrote in the draws before `draws` to zero.
    ///
    /// # Safety
    /// The place has memory for `slot`, to which there is no reference.
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

/// What an adjoint sees: the values of its forward, and the adjoints on both sides.
///
/// Adjoints of inputs are handed out one at a time, so that in `x * x` no two `&mut` to one adjoint
/// can exist. The first writer stores, later ones add: nothing is filled with zeros.
pub struct Adjoints<'a, T: Real> {
    pub(crate) slots: &'a [Slot<T>],
    pub(crate) places: &'a mut [Place<T>],
    /// For slots that are parameters: the entry of the gradients that they share.
    pub(crate) homes: &'a [u32],
    pub(crate) home_written: &'a mut [bool],
    pub(crate) inputs: &'a [u32],
    pub(crate) outputs: (u32, u32),
    pub(crate) draw: usize,
    pub(crate) arena: &'a Arena,
}

/// A slot that is no parameter.
pub(crate) const NO_HOME: u32 = u32::MAX;

impl<'a, T: Real> Adjoints<'a, T> {
    /// The value of input `k`.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn input(&self, k: usize) -> View<'a, T> {
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow. The sweep comes to an operation only from a
        // root that was computed from its outputs, hence from this input, and the root's variable lives.
        unsafe { self.slots[self.input_slot(k)].view(self.draw) }
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Which draw this is: 0, unless something stands for several.
    pub fn draw(&self) -> usize {
        self.draw
    }

    /// The value of output `k`.
    ///
    /// # Panics
    /// If the operation has not so many outputs.
    #[track_caller]
    pub fn output(&self, k: usize) -> View<'a, T> {
        // SAFETY: the slots are borrowed for `'a` within the tape's borrow. What borrowed elements an output shows, under
        // another shape, are those of an input.
        unsafe { self.slots[self.output_slot(k)].view(self.draw) }
    }

    /// The adjoint of output `k`, or `None` where nothing depends on that output.
    ///
    /// # Panics
    /// If the operation has not so many outputs.
    #[track_caller]
    pub fn upstream(&self, k: usize) -> Option<&'a [T]> {
        let id = self.output_slot(k);
        let (place, slot) = (self.places[id], &self.slots[id]);
        // SAFETY: a written place holds an adjoint of its slot's length for every draw, which the sweep
        // completed. It stays, because operations are visited in reverse, and an operation's inputs
        // precede its outputs: nothing will write to it again.
        (place.written > 0)
            .then(|| unsafe { std::slice::from_raw_parts(place.data.add(slot.offset(self.draw)), slot.len) })
    }

    /// Whether anybody asked for the adjoint of input `k`: where not, leave the work.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn is_wanted(&self, k: usize) -> bool {
        self.slots[self.input_slot(k)].tracked
    }

    /// How many draws output `k` stands for.
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

    /// Lets `write` add its part of input `k`'s adjoint: with [`Write::Store`] the contents are
    /// unspecified and every element must be set, with [`Write::Add`] the part is added.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn accumulate(&mut self, k: usize, write: impl FnOnce(&mut [T], Write)) {
        if let Some((data, len, mode)) = self.target(k) {
            // SAFETY: the target has room for `len` numbers; it is an input's, hence no output's of this
            // operation, and `&mut self` forbids a second one at the same time.
            write(unsafe { std::slice::from_raw_parts_mut(data, len) }, mode);
        }
    }

    /// [`accumulate`](Adjoints::accumulate) for two inputs in one pass over memory. Both must be
    /// wanted.
    ///
    /// # Panics
    /// If the two inputs are one and the same value, or one is not wanted.
    #[track_caller]
    pub fn accumulate_both(&mut self, inputs: [usize; 2], write: impl FnOnce([(&mut [T], Write); 2])) {
        // Before either is marked as written.
        let [a, b] = inputs.map(|k| self.input_slot(k));
        let is_one = a == b || (self.homes[a] != NO_HOME && self.homes[a] == self.homes[b]);
        assert!(!is_one || self.slots[a].len == 0, "accumulate_both: the two inputs are the same value");
        assert!(inputs.iter().all(|&k| self.is_wanted(k)), "accumulate_both: an adjoint is not wanted");
        let targets = inputs.map(|k| self.target(k).expect("both adjoints are wanted"));
        // SAFETY: as in `accumulate`; different values have adjoints in different places.
        write(targets.map(|(data, len, mode)| (unsafe { std::slice::from_raw_parts_mut(data, len) }, mode)));
    }

    /// Where the adjoint of input `k` is gathered, if it is wanted, now marked as written.
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
        let written = match self.homes[id] {
            NO_HOME => {
                let draw = if slot.draws == 1 { 0 } else { self.draw as u32 };
                // SAFETY: the place is an input's and was given its memory above.
                unsafe { place.complete(slot, draw) };
                let written = place.written > draw;
                place.written = place.written.max(draw + 1);
                written
            }
            entry => std::mem::replace(&mut self.home_written[entry as usize], true),
        };
        let mode = if written { Write::Add } else { Write::Store };
        // SAFETY: the place has room for every draw.
        Some((unsafe { place.data.add(slot.offset(self.draw)) }, slot.len, mode))
    }

    /// Adds `part(i)` to element `i` of input `k`'s adjoint.
    ///
    /// # Panics
    /// If the operation has not so many inputs.
    #[track_caller]
    pub fn give(&mut self, k: usize, part: impl Fn(usize) -> T) {
        self.accumulate(k, |target, mode| match mode {
            Write::Store => target.iter_mut().enumerate().for_each(|(i, t)| *t = part(i)),
            Write::Add => target.iter_mut().enumerate().for_each(|(i, t)| *t += part(i)),
        });
    }

    /// Working memory that is given back after the sweep; its contents are unspecified.
    pub fn scratch(&mut self, len: usize) -> &'a mut [T] {
        // SAFETY: `working` hands out unshared, initialised memory.
        unsafe { std::slice::from_raw_parts_mut(self.arena.working(len), len) }
    }
}

/// An operation may look at its own inputs and outputs only: a neighbour on the tape may borrow what is gone.
#[inline(always)]
#[track_caller]
fn check_index(what: &str, k: usize, count: usize) {
    if k >= count {
        beyond(what, k, count);
    }
}

#[cold]
#[track_caller]
fn beyond(what: &str, k: usize, count: usize) -> ! {
    panic!("Operation: {what} {k} (from 0) of an operation with {count} {what}(s)")
}
