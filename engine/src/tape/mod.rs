//! The tape: an arena of values, the operations that produced them, and the backward pass.

pub(crate) mod arena;
mod backward;
mod clip;
mod copied;
mod diagnose;
mod dump;
mod flat;
mod form;
mod gradients;
mod leaves;
mod lists;
mod one_thread;
mod operation;
mod recompute;
mod trace;
mod var;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::panic::Location;

pub use copied::Copied;
pub use diagnose::{NonFinite, Origin};
pub use dump::{Dump, Entry, Memory};
pub use gradients::Gradients;
pub use operation::{Adjoints, Description, Evaluation, Operation, View};
pub use trace::{Trace, Traced, TracedOperation};
pub use var::Var;

use crate::Real;
use crate::shape::elements;
use arena::Arena;
pub(crate) use form::Form;
pub(crate) use leaves::address;
use lists::{Label, Lists};
use operation::Slot;

const BUSY: &str = "Operation: `forward` or `adjoint` uses variables of the tape that runs it; it may only use its \
 inputs and outputs, or values read before it is recorded";

/// Owns everything of one step: values, adjoints, operations, and what sampling allocates with them.
///
/// Operations run when they are called; each stores its value and, on a recording tape, a record for the backward pass.
/// [`Tape::reset`] discards all of it and keeps the memory, so a training loop allocates nothing from the second step
/// on. It takes `&mut self`, so using a [`Var`] of an earlier step does not compile.
///
/// ```
/// use elbo_engine::{Gradients, Tape, Tensor};
///
/// let w: Tensor = Tensor::new([2], [3.0, -1.0]);
/// let mut gradients = Gradients::of(&w);
/// let tape = Tape::new();
/// let loss = tape.param(&w).square().sum();
/// loss.backward(&mut gradients);
/// assert_eq!(loss.item(), 10.0);
/// assert_eq!(gradients.get("").unwrap(), [6.0, -2.0]);
/// ```
pub struct Tape<T: Real = f32> {
    arena: Arena,
    lists: RefCell<Lists<T>>,
    recording: bool,
    /// Whether this tape recomputes a segment: a parameter or an update on it would be lost.
    keeps_no_leaves: bool,
    /// Whether parameters are constants at the moment: see `with_constant_parameters`.
    are_constant: Cell<bool>,
    /// The tape on which segments are recomputed, once it is needed.
    inner: RefCell<Option<Box<Tape<T>>>>,
}

impl<T: Real> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<T: Real> Tape<T> {
    /// An empty recording tape, for training.
    pub fn new() -> Self {
        Tape {
            arena: Arena::default(),
            lists: RefCell::new(Lists {
                slots: Vec::new(),
                inputs: Vec::new(),
                nodes: Vec::new(),
                constants: Vec::new(),
                parameters: Vec::new(),
                updates: Vec::new(),
                walks: Vec::new(),
                places: Vec::new(),
                entry_ids: Vec::new(),
                pointers: Vec::new(),
            }),
            recording: true,
            keeps_no_leaves: false,
            are_constant: Cell::new(false),
            inner: RefCell::new(None),
        }
    }

    /// An empty tape for prediction: it computes values only and keeps no record for a backward pass.
    pub fn inference() -> Self {
        Tape { recording: false, ..Tape::new() }
    }

    /// Whether the tape records operations for a backward pass.
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// Discards every value and keeps the memory.
    pub fn reset(&mut self) {
        self.forget_values();
        self.forget_peak();
    }

    fn forget_values(&mut self) {
        self.arena.reset();
        let lists = self.lists.get_mut();
        lists.slots.clear();
        lists.inputs.clear();
        lists.nodes.clear();
        lists.constants.clear();
        lists.parameters.clear();
        lists.updates.clear();
        lists.walks.clear();
    }

    fn forget_peak(&mut self) {
        self.arena.forget_peak();
        if let Some(inner) = self.inner.get_mut() {
            inner.forget_peak();
        }
    }

    /// The number of operations recorded since the last reset.
    pub fn operations(&self) -> usize {
        self.lists().nodes.len()
    }

    /// Bytes of the arena, used or not.
    pub fn capacity(&self) -> usize {
        self.arena.capacity()
    }

    /// Runs `operation` on `inputs` and returns its outputs, one per shape.
    ///
    /// # Panics
    /// If an input belongs to another tape.
    #[track_caller]
    pub fn record<'t, O, S, const N: usize>(
        &'t self,
        operation: O,
        inputs: &[Var<'t, T>],
        shapes: [S; N],
    ) -> [Var<'t, T>; N]
    where
        O: Operation<T> + Copy + 't,
        S: AsRef<[usize]>,
    {
        self.record_draws(1, operation, inputs, shapes)
    }

    /// [`record`](Tape::record) for an operation with `draws` values per output, which may depend on
    /// [`Evaluation::draw`]: samples of a weight, for example.
    ///
    /// A value with several draws has the shape of one draw. Every operation on it runs once per draw, so a network is
    /// evaluated for many draws in one forward pass without code for it; values that do not depend on the draw are
    /// computed once. [`Var::value`] and [`Var::to_tensor`] return all draws, on a leading axis.
    ///
    /// # Panics
    /// If an input belongs to another tape, or inputs have different numbers of draws.
    #[track_caller]
    pub fn record_draws<'t, O, S, const N: usize>(
        &'t self,
        draws: usize,
        operation: O,
        inputs: &[Var<'t, T>],
        shapes: [S; N],
    ) -> [Var<'t, T>; N]
    where
        O: Operation<T> + Copy + 't,
        S: AsRef<[usize]>,
    {
        let draws = self.draws_of(draws, inputs);
        let outputs = shapes.each_ref().map(|shape| self.allocate(shape.as_ref(), draws, None));
        let first = self.run(self.named(operation), inputs, outputs, Location::caller());
        std::array::from_fn(|k| Var { tape: self, id: first + k as u32 })
    }

    /// The number of draws of an operation with `own` draws and these inputs.
    #[track_caller]
    fn draws_of(&self, own: usize, inputs: &[Var<'_, T>]) -> u32 {
        let mut draws = u32::try_from(own).expect("the number of draws fits into 32 bits");
        assert!(draws > 0, "record: the number of draws must be at least 1");
        for &input in inputs {
            self.check_same(input);
            let others = input.draws() as u32;
            assert!(
                others == 1 || draws == 1 || others == draws,
                "cannot combine values with {draws} and {others} draws"
            );
            draws = draws.max(others);
        }
        draws
    }

    /// Records an operation whose only output is its input's memory with another shape.
    #[track_caller]
    pub(crate) fn record_alias<'t, O: Operation<T> + Copy + 't>(
        &'t self,
        operation: O,
        input: Var<'t, T>,
        shape: &[usize],
    ) -> Var<'t, T> {
        self.check_same(input);
        let output = self.allocate(shape, input.draws() as u32, Some(input));
        let id = self.run(self.named(operation), &[input], [output], Location::caller());
        Var { tape: self, id }
    }

    /// An operation in the arena, and its label, which is read while the data that the operation borrows is alive.
    fn named<'t, O: Operation<T> + Copy + 't>(&'t self, operation: O) -> (&'t dyn Operation<T>, Label) {
        let label = Label { name: operation.name(), form: operation.form() };
        (self.arena.value(operation), label)
    }

    /// Evaluates an operation and records it; returns the slot of the first output.
    #[track_caller]
    fn run<'t, const N: usize>(
        &'t self,
        (operation, label): (&'t dyn Operation<T>, Label),
        inputs: &[Var<'t, T>],
        outputs: [Slot<T>; N],
        caller: &'static Location<'static>,
    ) -> u32 {
        let lists = &mut *self.lists_mut();
        let first_input = lists.inputs.len();
        lists.inputs.extend(inputs.iter().map(|input| input.id));
        let ids = &lists.inputs[first_input..];
        let draws = outputs.iter().map(|output| output.draws as usize).max().unwrap_or(1);
        if draws > 1 && !self.recording {
            // SAFETY: as below.
            let _work = unsafe { self.arena.work() };
            let (slots, arena) = (&lists.slots, &self.arena);
            if operation.forward_draws(&mut Evaluation { slots, inputs: ids, outputs: &outputs, draw: 0, arena }) {
                return lists.note((operation, label), first_input, outputs, caller);
            }
        }
        for draw in 0..draws {
            // SAFETY: working memory is handed out as this operation's scratch, whose borrow ends with the evaluation.
            let _work = unsafe { self.arena.work() };
            let (slots, arena) = (&lists.slots, &self.arena);
            operation.forward(&mut Evaluation { slots, inputs: ids, outputs: &outputs, draw, arena });
        }
        lists.note((operation, label), first_input, outputs, caller)
    }

    /// Allocates a value, or gives an existing one with as many elements another shape.
    #[track_caller]
    fn allocate(&self, shape: &[usize], draws: u32, alias: Option<Var<'_, T>>) -> Slot<T> {
        let axes = self.arena.slice(shape.len(), |i| shape[i]);
        let len = elements(axes);
        let (data, borrowed) = match alias {
            Some(value) => (value.value().as_ptr().cast_mut(), self.lists().slots[value.id as usize].borrowed),
            None => (self.arena.numbers(len.checked_mul(draws as usize).expect("draws larger than memory")), false),
        };
        Slot { data, len, axes: axes.as_ptr(), rank: axes.len(), borrowed, draws, tracked: false, has_ln: false }
    }

    /// The lists, for reading.
    #[track_caller]
    fn lists(&self) -> Ref<'_, Lists<T>> {
        self.lists.try_borrow().unwrap_or_else(|_| panic!("{BUSY}"))
    }

    /// The lists, for writing.
    #[track_caller]
    fn lists_mut(&self) -> RefMut<'_, Lists<T>> {
        self.lists.try_borrow_mut().unwrap_or_else(|_| panic!("{BUSY}"))
    }

    #[track_caller]
    fn check_same(&self, var: Var<'_, T>) {
        assert!(
            std::ptr::eq(var.tape, self),
            "these variables belong to two tapes; pass a value to another tape as `tape.input(&tensor)`"
        );
    }
}

impl<T: Real> std::fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (operations, bytes) = (self.operations(), self.capacity());
        write!(f, "Tape<{}>({operations} operations, {bytes} bytes held)", T::NAME)
    }
}
