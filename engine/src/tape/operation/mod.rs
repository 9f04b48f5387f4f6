//! What an operation is: a forward, its adjoint, and what each may see.

mod adjoints;
mod evaluation;

pub use adjoints::Adjoints;
pub(crate) use adjoints::{NO_HOME, Place};
pub use evaluation::Evaluation;

use crate::Real;

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
