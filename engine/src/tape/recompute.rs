//! Gradient checkpointing: a segment of the forward pass that is recomputed in the backward pass instead of stored.

use std::panic::Location;

use crate::tape::Tape;
use crate::tape::operation::{NO_ENTRY, Place, Slot};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<T: Real> Tape<T> {
    /// The value of `segment` at `inputs`, with gradient checkpointing: only the result is stored, and the backward
    /// pass recomputes the intermediate values. A network of n layers in segments of √n stores √n results and the
    /// values of one segment, at the cost of one more forward pass (Chen et al. 2016, "Training deep nets with
    /// sublinear memory cost").
    ///
    /// Values and gradients have the same bits as without it. Pass every differentiable dependency as an input;
    /// captured values get no gradient. The segment must compute the same values every time.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let (w, x) = (Tensor::<f32>::full([8, 8], 0.1), Tensor::full([4, 8], 1.0));
    /// let mut gradients = Gradients::of(&w);
    /// let tape = Tape::new();
    /// let mut y = tape.input(&x);
    /// for _ in 0..3 {
    ///     y = tape.recompute([y, tape.param(&w)], |[y, w]| y.linear(w).tanh().linear(w).tanh());
    /// }
    /// y.mean().backward(&mut gradients);
    /// ```
    ///
    /// # Panics
    /// If an input belongs to another tape, if the segment panics or returns a value of another tape than its inputs',
    /// or if the shape of its value changes when it is recomputed.
    #[track_caller]
    pub fn recompute<'t, F, const N: usize>(&'t self, inputs: [Var<'t, T>; N], segment: F) -> Var<'t, T>
    where
        F: for<'s> Fn([Var<'s, T>; N]) -> Var<'s, T> + Copy + 't,
    {
        const { assert!(N > 0, "a segment has at least one input") };
        inputs.iter().for_each(|&input| self.check_same(input));
        let caller = Location::caller();
        let ids = inputs.map(|input| input.id);
        let slots = {
            let lists = self.lists();
            ids.map(|id| lists.slots[id as usize])
        };
        let inner = self.take_inner(false);
        let output = {
            let y = segment(inner.leaves(&ids, &slots));
            inner.check_same(y);
            // As for any operation: a value with several draws has as many as the inputs.
            self.draws_of(y.draws(), &inputs);
            let output = self.allocate(y.shape(), y.draws() as u32, None);
            // SAFETY: the slot was allocated just now, with room for every draw; nothing else refers to it.
            unsafe { std::slice::from_raw_parts_mut(output.data, output.elements()) }.copy_from_slice(y.value());
            output
        };
        self.put_inner(inner);
        let named = self.named(Recompute { tape: self, ids, slots, segment });
        let lists = &mut *self.lists_mut();
        let first_input = lists.inputs.len();
        lists.inputs.extend(ids);
        let id = lists.note(named, first_input, [output], caller);
        Var { tape: self, id }
    }

    /// The inner tape, on which segments run, emptied.
    fn take_inner(&self, recording: bool) -> Box<Tape<T>> {
        let mut inner = self.inner.take().unwrap_or_else(|| Box::new(Tape::new()));
        inner.forget_values();
        inner.recording = recording;
        inner.keeps_no_leaves = self.recording || self.keeps_no_leaves;
        inner
    }

    fn put_inner(&self, inner: Box<Tape<T>>) {
        self.inner.replace(Some(inner));
    }

    /// Copies values of an outer tape to this one as leaves; a repeated value becomes one leaf.
    fn leaves<'s, const N: usize>(&'s self, ids: &[u32; N], slots: &[Slot<T>; N]) -> [Var<'s, T>; N] {
        let mut lists = self.lists_mut();
        std::array::from_fn(|k| {
            let first = first_of(ids, k);
            if first == k {
                let slot = slots[k];
                lists.slots.push(Slot { tracked: slot.tracked && self.recording, has_ln: false, ..slot });
            }
            // Leaves are the first slots of the tape, in the order of their first occurrence.
            Var { tape: self, id: leaf_of(ids, first) as u32 }
        })
    }
}

/// The first input that is the same value as input `k`.
fn first_of(ids: &[u32], k: usize) -> usize {
    ids.iter().position(|&id| id == ids[k]).unwrap_or(k)
}

/// The leaf of input `k`: leaves are numbered by the first occurrence of their values.
fn leaf_of(ids: &[u32], k: usize) -> usize {
    (0..k).filter(|&earlier| first_of(ids, earlier) == earlier).count()
}

#[derive(Clone, Copy)]
struct Recompute<'t, T: Real, F, const N: usize> {
    tape: &'t Tape<T>,
    ids: [u32; N],
    slots: [Slot<T>; N],
    segment: F,
}

impl<T, F, const N: usize> Operation<T> for Recompute<'_, T, F, N>
where
    T: Real,
    F: for<'s> Fn([Var<'s, T>; N]) -> Var<'s, T> + Copy,
{
    fn name(&self) -> &'static str {
        "recompute"
    }

    /// Nothing to do: [`Tape::recompute`] has already computed the value, to find its shape.
    fn forward(&self, _: &mut Evaluation<'_, T>) {}

    /// The segment's own backward pass, which accumulates into the adjoints of the outer one, so that sums have the
    /// same order as without checkpointing.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        // All draws at once, with the first.
        if io.draw > 0 {
            return;
        }
        let inner = self.tape.take_inner(true);
        {
            let leaves = inner.leaves(&self.ids, &self.slots);
            let mut y = (self.segment)(leaves);
            inner.check_same(y);
            let before = io.output(0).shape;
            assert!(
                y.shape() == before && y.draws() == io.output_draws(0),
                "recompute: the segment returned a value of shape {before:?} with {} draw(s), and one of shape {:?} with {} draw(s) \
                 when it was recomputed; it must compute the same every time",
                io.output_draws(0),
                y.shape(),
                y.draws()
            );
            if leaves.iter().any(|leaf| leaf.id == y.id) {
                // A segment that returns its input: the two need separate adjoints.
                y = y.reshape(y.shape());
            }
            inner.resume(y, io, &self.ids);
        }
        self.tape.put_inner(inner);
    }
}

impl<T: Real> Tape<T> {
    /// Runs the backward pass from `root`, whose adjoint is that of the only output of `io`'s operation, into the
    /// adjoints of its inputs, `ids`.
    fn resume(&self, root: Var<'_, T>, io: &mut Adjoints<'_, T>, ids: &[u32]) {
        let lists = &mut *self.lists_mut();
        assert!(
            lists.parameters.is_empty() && lists.updates.is_empty(),
            "recompute: a parameter or a buffer update inside the segment; pass it as an input instead"
        );
        if !lists.slots[root.id as usize].tracked {
            return;
        }
        lists.places.clear();
        lists.places.resize(lists.slots.len(), Place::NOWHERE);
        lists.entry_ids.clear();
        lists.entry_ids.resize(lists.slots.len(), NO_ENTRY);
        let wanted = |io: &Adjoints<'_, T>, k: usize| first_of(ids, k) == k && io.is_wanted(k);
        for k in 0..ids.len() {
            if !wanted(io, k) {
                continue;
            }
            let (leaf, id) = (leaf_of(ids, k), ids[k] as usize);
            if io.places[id].data.is_null() {
                io.places[id].data = io.arena.working(io.slots[id].elements());
            }
            lists.places[leaf] = io.places[id];
            lists.entry_ids[leaf] = io.entry_ids[id];
        }
        lists.places[root.id as usize] = io.places[io.outputs.0 as usize];
        self.run_backward(lists, io.entry_written, &mut |_, _, _| ());
        for k in 0..ids.len() {
            if wanted(io, k) {
                io.places[ids[k] as usize].written = lists.places[leaf_of(ids, k)].written;
            }
        }
    }
}
