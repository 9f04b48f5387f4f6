//! A segment of the forward that is computed again on the way back, instead of being kept.

use std::panic::Location;

use crate::tape::Tape;
use crate::tape::operation::{NO_HOME, Place, Slot};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<T: Real> Tape<T> {
    /// The value of `segment` at `inputs`, of which nothing but the result is kept: the sweep back computes the values in
    /// between again. So a network of n layers in segments of √n keeps √n results and the values of one segment, for one
    /// more forward (Chen et al. 2016, "Training deep nets with sublinear memory cost").
    ///
    /// Values and gradients have the bits that they have without it. Whatever the segment depends on and a gradient is
    /// wanted of is one of the inputs; what it captures is data. It must compute the same every time; a value of another shape
    /// is refused.
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
    /// If an input is of another tape, or if the segment panics or returns a value of another tape than its inputs'.
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
            // As of any operation: what stands for several draws stands for as many as the inputs do.
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

    /// The tape that segments run on, empty.
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

    /// Values of an outer tape on this one; the same value twice is one leaf.
    fn leaves<'s, const N: usize>(&'s self, ids: &[u32; N], slots: &[Slot<T>; N]) -> [Var<'s, T>; N] {
        let mut lists = self.lists_mut();
        std::array::from_fn(|k| {
            let first = first_of(ids, k);
            if first == k {
                let slot = slots[k];
                lists.slots.push(Slot { tracked: slot.tracked && self.recording, ..slot });
            }
            // Leaves are the first slots of the tape, in the order of their first mention.
            Var { tape: self, id: leaf_of(ids, first) as u32 }
        })
    }
}

/// The first input that is the same value as input `k`.
fn first_of(ids: &[u32], k: usize) -> usize {
    ids.iter().position(|&id| id == ids[k]).unwrap_or(k)
}

/// The leaf that input `k` is, which is the first mention of its value.
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

    /// [`Tape::recompute`] has computed the value, to know its shape.
    fn forward(&self, _: &mut Evaluation<'_, T>) {}

    /// The segment's own sweep, which goes on in the adjoints of the sweep outside where that left off: so the order of
    /// sums is the same as without this.
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
                "recompute: the segment made a value of shape {before:?} and {} draw(s), and of shape {:?} and {} draw(s) when \
                 it was computed again; it must compute the same every time",
                io.output_draws(0),
                y.shape(),
                y.draws()
            );
            if leaves.iter().any(|leaf| leaf.id == y.id) {
                // A segment that returns its input: the two need an adjoint each.
                y = y.reshape(y.shape());
            }
            inner.resume(y, io, &self.ids);
        }
        self.tape.put_inner(inner);
    }
}

impl<T: Real> Tape<T> {
    /// Sweeps back from `root`, whose adjoint is that of the only output of the operation that `io` belongs to, into
    /// the adjoints of its inputs, `ids`.
    fn resume(&self, root: Var<'_, T>, io: &mut Adjoints<'_, T>, ids: &[u32]) {
        let lists = &mut *self.lists_mut();
        assert!(
            lists.parameters.is_empty() && lists.updates.is_empty(),
            "recompute: a parameter or a buffer's update within the segment; make it one of the inputs"
        );
        if !lists.slots[root.id as usize].tracked {
            return;
        }
        lists.places.clear();
        lists.places.resize(lists.slots.len(), Place::NOWHERE);
        lists.homes.clear();
        lists.homes.resize(lists.slots.len(), NO_HOME);
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
            lists.homes[leaf] = io.homes[id];
        }
        lists.places[root.id as usize] = io.places[io.outputs.0 as usize];
        self.sweep(lists, io.home_written, &mut |_, _, _| ());
        for k in 0..ids.len() {
            if wanted(io, k) {
                io.places[ids[k] as usize].written = lists.places[leaf_of(ids, k)].written;
            }
        }
    }
}
