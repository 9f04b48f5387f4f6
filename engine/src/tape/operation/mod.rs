//! The `Operation` trait, the views of values it works on, and the slots behind them.

mod adjoints;
mod description;
mod evaluation;

pub use adjoints::Adjoints;
pub(crate) use adjoints::{NO_ENTRY, Place};
pub use description::Description;
pub use evaluation::Evaluation;

use crate::Real;
use crate::tape::Form;

/// One differentiable operation: a small `Copy` struct with a forward and an adjoint.
///
/// If an input has several draws (see [`Tape::record_draws`](crate::Tape::record_draws)), the tape runs both methods
/// once per draw, without code for it here.
///
/// Other crates can implement this trait and call [`Tape::record`](crate::Tape::record): their operations are equal to
/// built-in ones.
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

    /// Computes the inputs' adjoints from the outputs' (a vector-Jacobian product). An adjoint that is exactly 0 should pass
    /// on exactly 0, also where the derivative is infinite or NaN: multiply with [`chain`](crate::kernels::chain::chain).
    fn adjoint(&self, io: &mut Adjoints<'_, T>);

    /// The part that the operation has in a sum of logarithms, for the derivative by a mixture's weight that is 0.
    #[doc(hidden)]
    fn form(&self) -> Form {
        Form::Other
    }

    /// What the operation computes of inputs of these shapes, in terms that other programs have, for an export of a forward
    /// pass. Provided: `None`, unknown; then a model with it cannot be exported.
    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        let _ = shapes;
        None
    }

    /// Computes all draws at once, instead of one [`forward`](Operation::forward) per draw, and returns whether it did.
    /// To an elementwise or rowwise map, draws are only more elements or rows: see [`Evaluation::input_draws`] and
    /// [`Evaluation::output_draws`]. Called for an operation with several draws on a tape that does not record. The
    /// default returns false.
    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let _ = io;
        false
    }
}

/// A read-only view of a value on the tape.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    /// The elements, row by row.
    pub data: &'a [T],
    /// The lengths of the axes, outermost first.
    pub shape: &'a [usize],
}

/// The location of a value. Raw, because a struct inside the tape cannot name the lifetime of the data.
///
/// The axes, and the elements that an operation computed, lie in the arena until the reset. The elements of a leaf are
/// *borrowed*, and the tape may outlive them. They are read only for a [`Var`](crate::Var) that depends on them, whose
/// lifetime is contained in theirs.
#[derive(Clone, Copy)]
pub(crate) struct Slot<T> {
    pub(crate) data: *mut T,
    pub(crate) len: usize,
    pub(crate) axes: *const usize,
    pub(crate) rank: usize,
    /// Whether the tape borrows the elements.
    pub(crate) borrowed: bool,
    /// How many values of `len` elements lie one after the other: 1, or one per draw.
    pub(crate) draws: u32,
    /// Whether this value depends on a parameter, so that a gradient can flow through it.
    pub(crate) tracked: bool,
    /// Whether this value is a sum with the logarithm of a value that has a gradient.
    pub(crate) has_ln: bool,
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

    /// The value in this draw; if there is only one, it serves every draw.
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

    /// The elements of all draws, one after the other.
    ///
    /// # Safety
    /// As for [`Slot::view`].
    pub(crate) unsafe fn whole<'a>(&self) -> &'a [T] {
        // SAFETY: as in `view`.
        unsafe { std::slice::from_raw_parts(self.data, self.elements()) }
    }

    /// The number of elements of all draws.
    pub(crate) fn elements(&self) -> usize {
        self.len * self.draws as usize
    }

    /// The offset of this draw.
    pub(crate) fn offset(&self, draw: usize) -> usize {
        if self.draws == 1 { 0 } else { draw * self.len }
    }
}

/// An operation may access its own inputs and outputs only: neighbours on the tape may borrow data that is gone.
#[inline(always)]
#[track_caller]
fn check_index(what: &str, k: usize, count: usize) {
    if k >= count {
        out_of_range(what, k, count);
    }
}

#[cold]
#[track_caller]
fn out_of_range(what: &str, k: usize, count: usize) -> ! {
    panic!("Operation: {what} {k} is out of range: the operation has {count} {what}(s)")
}
