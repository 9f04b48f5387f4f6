//! Gradients of a model's parameters: owned, reusable, one entry per tensor.

use std::fmt;

use crate::names::Names;
use crate::order::Order;
use crate::tape::address;
use crate::{Parameters, Path, Real, Role, Tensor};

/// The gradients of a model's parameters, made once and filled by every backward pass.
///
/// Backward passes accumulate until [`Gradients::clear`], which an optimiser's step calls after using them.
///
/// A parameter is identified by the address of its elements. So a model may be moved, but its structure must not
/// change: after tensors are added, removed, resized or swapped, these gradients no longer match the model and are
/// rejected.
pub struct Gradients<T: Real = f32> {
    pub(crate) entries: Vec<Entry<T>>,
    names: Names,
    /// Whether an entry's gradient has been written since the last `clear`.
    pub(crate) written: Vec<bool>,
    /// How often each buffer was set since the last step.
    updates: Vec<u32>,
    /// Whether an entry holds its tensor's value before the last step, see `undo`.
    previous: Vec<bool>,
    /// (address, entry), sorted by address.
    by_address: Vec<(usize, usize)>,
    /// Set while a backward pass or a step runs; still set afterwards if it panicked.
    broken: bool,
    /// The walk of the model of the last step, whose two walks agree, and that of the current model.
    order: Order,
    latest: Order,
}

pub(crate) struct Entry<T: Real> {
    pub(crate) role: Role,
    pub(crate) gradient: Tensor<T>,
    /// The address of the parameter's elements.
    address: usize,
}

const REBUILD: &str = "make them with `Gradients::of(&model)` after the last change of its structure";

impl<T: Real> Gradients<T> {
    /// Allocates gradients for `model`, in the order of its walk.
    ///
    /// # Panics
    /// If the walk visits a tensor twice: it would have two partial gradients.
    #[track_caller]
    pub fn of<M: Parameters<Scalar = T> + ?Sized>(model: &M) -> Self {
        let (mut entries, mut names) = (Vec::new(), Names::default());
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            names.push(path);
            entries.push(Entry { role, gradient: Tensor::zeros(tensor.shape()), address: address(tensor) });
        });
        Self::of_entries(entries, names)
    }

    #[track_caller]
    fn of_entries(entries: Vec<Entry<T>>, names: Names) -> Self {
        // Empty tensors share an address, so no gradient can be found by it.
        let filled = entries.iter().enumerate().filter(|(_, entry)| !entry.gradient.is_empty());
        let mut by_address: Vec<_> = filled.map(|(index, entry)| (entry.address, index)).collect();
        by_address.sort_unstable();
        if let Some(pair) = by_address.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let [first, second] = [names.get(pair[0].1), names.get(pair[1].1)];
            panic!("Parameters: `visit` visits one tensor as `{first}` and as `{second}`; it must visit each once");
        }
        let count = entries.len();
        Gradients {
            entries,
            names,
            written: vec![false; count],
            updates: vec![0; count],
            previous: vec![false; count],
            by_address,
            broken: false,
            order: Order::with_capacity(count),
            latest: Order::with_capacity(count),
        }
    }

    /// The gradient of the parameter `name`, row by row; `None` if no backward pass has filled it since the last
    /// [`clear`](Gradients::clear), or if the model has no such parameter.
    ///
    /// # Panics
    /// If the last backward pass or step panicked; this holds for all methods that read gradients. Call
    /// [`clear`](Gradients::clear) to continue.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&[T]> {
        self.at(self.names.position(name)?)
    }

    /// (name, role, gradient) of every learned parameter, in the order of the model's walk; empty before the first
    /// backward pass since the last [`clear`](Gradients::clear).
    #[track_caller]
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role, &[T])> + Clone {
        self.learned().map(|(index, entry)| (self.names.get(index), entry.role, entry.gradient.data()))
    }

    /// The name of the first parameter whose gradient is infinite or NaN.
    #[track_caller]
    pub fn first_non_finite(&self) -> Option<&str> {
        let is_bad = |entry: &Entry<T>| !crate::kernels::reduce::all_finite(entry.gradient.data());
        self.learned().find(|(_, entry)| is_bad(entry)).map(|(index, _)| self.names.get(index))
    }

    /// Discards the gradients and keeps the memory.
    pub fn clear(&mut self) {
        self.written.fill(false);
        self.broken = false;
    }

    /// Discards the gradient of the `index`th tensor of the model's walk: that of a learned parameter becomes 0, and a
    /// buffer keeps its value in the next [`step`](Gradients::step).
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let model: [Tensor; 2] = [Tensor::full([1], 2.0), Tensor::full([1], 3.0)];
    /// let mut gradients = Gradients::of(&model);
    /// let tape = Tape::new();
    /// (tape.param(&model[0]) * tape.param(&model[1])).sum().backward(&mut gradients);
    /// gradients.discard(0);
    /// assert_eq!([gradients.at(0).unwrap(), gradients.at(1).unwrap()], [[0.0], [2.0]]);
    /// ```
    ///
    /// # Panics
    /// If `index` is out of range.
    #[track_caller]
    pub fn discard(&mut self, index: usize) {
        self.check_whole();
        let count = self.entries.len();
        assert!(index < count, "Gradients::discard: tensor {index} of a model with {count} tensors");
        let entry = &mut self.entries[index];
        if !entry.role.is_learned() {
            self.written[index] = false;
        } else if self.written[index] {
            entry.gradient.data_mut().fill(T::ZERO);
        }
    }

    /// The gradient of the `index`th tensor of the model's walk (for a buffer: its new value), if there is one.
    #[track_caller]
    pub fn at(&self, index: usize) -> Option<&[T]> {
        self.check_whole();
        self.written[index].then(|| self.entries[index].gradient.data())
    }

    /// For an optimiser: the role and the shape of every tensor of the model's walk, buffers included.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (Role, &[usize])> {
        self.entries.iter().map(|entry| (entry.role, entry.gradient.shape()))
    }

    /// The name of the `index`th tensor of the model's walk.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index)
    }

    /// For an optimiser: the checks that [`step`](Gradients::step) makes of the model, without a step.
    ///
    /// # Panics
    /// As [`step`](Gradients::step), but whether or not there are gradients.
    #[track_caller]
    pub fn check<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M) {
        self.check_model("step", model);
    }

    /// For an optimiser: takes a step. Calls `update` for every learned tensor with its index in the model's walk (from
    /// 0), its elements, and its gradient, in whose place `update` must leave the previous elements. Sets buffers to
    /// their new values. The gradients are consumed, and [`undo`](Gradients::undo) can revert the step.
    ///
    /// # Panics
    /// If the tensors of `model` or their order differ from the model that these gradients were made for, if a learned
    /// tensor has no gradient here, or if the model's `visit_mut` does not visit the same tensors as its `visit`. The
    /// model is then unchanged, unless its walks change from one call to the next.
    #[track_caller]
    pub fn step<M: Parameters<Scalar = T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut update: impl FnMut(usize, &mut [T], &mut [T]),
    ) {
        self.check_whole();
        self.check_model("step", model);
        self.check_complete();
        self.broken = true;
        let Gradients { entries, written, order, .. } = self;
        order.each_mut(model, |index, role, tensor| match role {
            // A buffer that no forward pass updated has no new value.
            Role::Buffer if !written[index] => {}
            Role::Buffer => tensor.data_mut().swap_with_slice(entries[index].gradient.data_mut()),
            _ => update(index, tensor.data_mut(), entries[index].gradient.data_mut()),
        });
        self.previous.copy_from_slice(&self.written);
        self.clear();
    }

    /// Panics if a learned tensor has no gradient.
    #[track_caller]
    fn check_complete(&self) {
        let mut entries = self.entries.iter().zip(&self.written);
        if let Some(index) = entries.position(|(entry, written)| entry.role.is_learned() && !written) {
            let name = self.names.get(index);
            panic!("step: `{name}` has no gradient yet; call `loss.backward(&mut gradients)` first");
        }
    }

    /// Restores the values that `model` had before the last step, unless gradients have been accumulated since; returns
    /// whether it did. This reverts a step without a copy of the model. Tensors that the step did not change, such as a
    /// buffer without an update, stay.
    ///
    /// # Panics
    /// If the structure of `model` differs from the model that these gradients were made for.
    #[track_caller]
    pub fn undo<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M) -> bool {
        self.check_whole();
        if !self.previous.contains(&true) {
            return false;
        }
        self.check_model("undo", model);
        let Gradients { entries, previous, order, .. } = self;
        order.each_mut(model, |index, _, tensor| {
            if std::mem::take(&mut previous[index]) {
                tensor.data_mut().copy_from_slice(entries[index].gradient.data());
            }
        });
        true
    }

    /// Records the order of the model's walk, and panics unless these gradients belong to a model of this structure and
    /// its two walks agree. The second check runs once for every address at which a model is found.
    #[track_caller]
    fn check_model<M: Parameters<Scalar = T> + ?Sized>(&mut self, what: &str, model: &mut M) {
        self.latest.clear();
        let mut mistake = None;
        model.visit(&Path::ROOT, &mut |path, role, tensor| self.compare(path, role, tensor, &mut mistake));
        self.check_latest(what, mistake);
        if self.latest != self.order {
            self.latest.each_mut(model, |_, _, _| ());
            std::mem::swap(&mut self.latest, &mut self.order);
        }
    }

    /// Adds a tensor of a model's walk to the latest order, and compares it with these gradients.
    fn compare(&mut self, path: &Path<'_>, role: Role, tensor: &Tensor<T>, mistake: &mut Option<String>) {
        let index = self.latest.len();
        self.latest.push(role, tensor);
        let entry = self.entries.get(index);
        let fits = entry.is_some_and(|entry| entry.gradient.shape() == tensor.shape() && entry.role == role);
        if mistake.is_none() && !fits {
            let (shape, held) = (tensor.shape(), self.held(index));
            *mistake =
                Some(format!("the model has {path:?} of shape {shape:?} ({role:?}) where the gradients have {held}"));
        }
    }

    /// Panics if a model's walk, which is the latest order now, had a mistake, ended early, or has changed.
    #[track_caller]
    fn check_latest(&self, what: &str, mut mistake: Option<String>) {
        let found = self.latest.len();
        if mistake.is_none() && found < self.entries.len() {
            mistake = Some(format!("the gradients have {}, which the model does not have", self.held(found)));
        }
        if let Some(mistake) = mistake {
            panic!("{what}: these gradients belong to another model: {mistake}; {REBUILD}");
        }
        self.check_order(what, self.latest.addresses());
    }

    /// The tensor of this index, for messages.
    fn held(&self, index: usize) -> String {
        self.entries.get(index).map_or("no tensor".to_owned(), |entry| {
            format!("`{}` of shape {:?} ({:?})", self.names.get(index), entry.gradient.shape(), entry.role)
        })
    }

    /// Panics if the order of tensors in the walk of a model, or of a part of it, has changed since these gradients
    /// were made. Unknown tensors are skipped: they belong to another model.
    #[track_caller]
    pub(crate) fn check_order(&self, what: &str, addresses: impl Iterator<Item = usize>) {
        let mut next = 0;
        for address in addresses {
            let Some(found) = self.find_near(next, address) else {
                continue;
            };
            assert!(
                found >= next,
                "{what}: these gradients belong to another model: `{}` now comes after `{}` in its walk, and came before it \
                 when they were made; {REBUILD}",
                self.names.get(found),
                self.names.get(next - 1),
            );
            next = found + 1;
        }
    }

    /// The entry of the parameter whose elements are at this address; `guess` is tried first.
    ///
    /// # Panics
    /// If there is none, or it is not a learned parameter of this shape.
    #[track_caller]
    pub(crate) fn entry_of(&self, address: usize, shape: &[usize], guess: usize) -> usize {
        let Some(index) = self.find_near(guess, address) else {
            panic!("backward: these gradients belong to another model than the one on the tape; {REBUILD}");
        };
        let entry = &self.entries[index];
        assert!(
            // Not `==`, which compiles to a function call even for two numbers.
            entry.gradient.shape().iter().eq(shape),
            "backward: the parameter `{}` has the shape {shape:?} on the tape, and had {:?} when these gradients were made; \
             {REBUILD}",
            self.names.get(index),
            entry.gradient.shape()
        );
        assert!(
            entry.role.is_learned(),
            "backward: `{}` is a buffer, but is on the tape as a parameter; use `tape.input(..)` for it",
            self.names.get(index)
        );
        index
    }

    /// The name of the parameter whose elements are at this address.
    pub(crate) fn name_at(&self, address: usize) -> Option<&str> {
        self.find(address).map(|index| self.names.get(index))
    }

    /// Sets the new value of the buffer whose elements are at this address: the mean of all values that it was set to since
    /// the last step.
    #[track_caller]
    pub(crate) fn set(&mut self, address: usize, value: &[T]) {
        let index = self.updated_at(address, value.len());
        let mean = self.entries[index].gradient.data_mut();
        if self.written[index] {
            self.updates[index] += 1;
            let share = T::from_f64(1.0 / f64::from(self.updates[index]));
            mean.iter_mut().zip(value).for_each(|(mean, &value)| *mean += (value - *mean) * share);
        } else {
            self.updates[index] = 1;
            mean.copy_from_slice(value);
        }
        self.written[index] = true;
    }

    /// The entry of the tensor of `len` elements at this address, for which the tape has an update.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub(crate) fn updated_at(&self, address: usize, len: usize) -> usize {
        let Some(index) = self.find(address) else {
            panic!(
                "backward: these gradients belong to another model than the buffer that the tape updates; {REBUILD}"
            );
        };
        let entry = &self.entries[index];
        assert!(
            entry.gradient.len() == len,
            "backward: `tape.update` sets `{}`, which has {len} elements on the tape, and had the shape {:?} when these \
             gradients were made; {REBUILD}",
            self.names.get(index),
            entry.gradient.shape()
        );
        index
    }

    /// Marks the gradients as incomplete until `end_backward`: after a panic they must not be used.
    pub(crate) fn begin_backward(&mut self) {
        self.previous.fill(false);
        self.broken = true;
    }

    /// Sets the gradient of every parameter that no root depends on to zero.
    pub(crate) fn end_backward(&mut self) {
        for (entry, written) in self.entries.iter_mut().zip(&mut self.written) {
            if entry.role.is_learned() && !*written {
                entry.gradient.data_mut().fill(T::ZERO);
                *written = true;
            }
        }
        self.broken = false;
    }

    #[track_caller]
    pub(crate) fn check_whole(&self) {
        assert!(
            !self.broken,
            "Gradients: a backward pass or a step panicked midway, so these are incomplete; `clear()` them first"
        );
    }

    /// [`find`](Gradients::find) that first tries entry `guess`, without a search.
    #[inline]
    fn find_near(&self, guess: usize, address: usize) -> Option<usize> {
        match self.entries.get(guess) {
            Some(entry) if entry.address == address => Some(guess),
            _ => self.find(address),
        }
    }

    fn find(&self, address: usize) -> Option<usize> {
        let place = self.by_address.binary_search_by_key(&address, |&(address, _)| address).ok()?;
        Some(self.by_address[place].1)
    }

    /// The gradients of learned parameters, mutable.
    #[track_caller]
    pub(crate) fn learned_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.check_whole();
        let written = self.entries.iter_mut().zip(&self.written);
        let learned = written.filter(|(entry, written)| **written && entry.role.is_learned());
        learned.map(|(entry, _)| entry.gradient.data_mut())
    }

    /// The learned parameters that have a gradient, with their indices in the walk.
    #[track_caller]
    pub(crate) fn learned(&self) -> impl Iterator<Item = (usize, &Entry<T>)> + Clone {
        self.check_whole();
        let entries = self.entries.iter().zip(&self.written).enumerate();
        let learned = entries.filter(|(_, (entry, written))| **written && entry.role.is_learned());
        learned.map(|(index, (entry, _))| (index, entry))
    }
}

impl<T: Real> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.broken {
            return f.write_str("Gradients(incomplete: a backward pass or a step panicked)");
        }
        f.debug_map().entries(self.iter().map(|(name, _, gradient)| (name, gradient))).finish()
    }
}
