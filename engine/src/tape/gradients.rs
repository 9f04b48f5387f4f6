//! Gradients: owned, reusable, one entry for every tensor of a model.

use std::fmt;

use crate::names::Names;
use crate::order::Order;
use crate::tape::address;
use crate::{Parameters, Path, Real, Role, Tensor};

/// The gradients of a model's parameters, made once and filled by every backward sweep.
///
/// Sweeps add up until [`Gradients::clear`], which an optimiser's step calls when it has used them.
///
/// A parameter is known by the place of its elements in memory. So a model may be moved, and may not change its form: what
/// adds, removes, resizes or swaps tensors makes these gradients another model's, and they are refused.
pub struct Gradients<T: Real = f32> {
    pub(crate) entries: Vec<Entry<T>>,
    names: Names,
    /// Whether an entry's gradient holds anything since the last `clear`.
    pub(crate) written: Vec<bool>,
    /// Whether an entry holds its tensor's value before the last step, see `undo`.
    previous: Vec<bool>,
    /// (address, entry), sorted by address.
    by_address: Vec<(usize, usize)>,
    /// Whether a sweep or a step has begun and not ended: it panicked.
    broken: bool,
    /// The walk of the model that was stepped last, whose walks agree, and that of the model at hand.
    order: Order,
    latest: Order,
}

pub(crate) struct Entry<T: Real> {
    pub(crate) role: Role,
    pub(crate) gradient: Tensor<T>,
    /// Of the parameter's elements.
    address: usize,
}

const MAKE_ANEW: &str = "make them with `Gradients::of(&model)` after its last change of form";

impl<T: Real> Gradients<T> {
    /// Room for the gradients of `model`, in the order of its walk.
    ///
    /// # Panics
    /// If the walk visits a tensor twice: it would have two gradients, each a part of its own.
    #[track_caller]
    pub fn of<M: Parameters<Scalar = T> + ?Sized>(model: &M) -> Self {
        let (mut entries, mut by_address, mut names) = (Vec::new(), Vec::new(), Names::default());
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            names.push(path);
            // Empty tensors share an address, and have no gradient to be found by it.
            if !tensor.is_empty() {
                by_address.push((address(tensor), entries.len()));
            }
            entries.push(Entry { role, gradient: Tensor::zeros(tensor.shape()), address: address(tensor) });
        });
        by_address.sort_unstable();
        if let Some(pair) = by_address.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let [first, second] = [names.get(pair[0].1), names.get(pair[1].1)];
            panic!("Parameters: `visit` visits one tensor as `{first}` and as `{second}`; it must visit each once");
        }
        let [written, previous] = [(); 2].map(|()| vec![false; entries.len()]);
        let [order, latest] = [(); 2].map(|()| Order::with_capacity(entries.len()));
        Gradients { entries, names, written, previous, by_address, broken: false, order, latest }
    }

    /// The gradient of the parameter `name`, row by row; `None` if no sweep has filled it since the
    /// last [`clear`](Gradients::clear), or if there is no such parameter.
    ///
    /// # Panics
    /// If the last sweep or step panicked midway, as of all that reads gradients; [`clear`](Gradients::clear) mends that.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&[T]> {
        self.at(self.names.position(name)?)
    }

    /// (name, role, gradient) of every learned parameter, in the order of the model's walk; before the first sweep since
    /// the last [`clear`](Gradients::clear), nothing.
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

    /// Forgets the gradients and keeps the memory.
    pub fn clear(&mut self) {
        self.written.fill(false);
        self.broken = false;
    }

    /// The gradient of the `index`th tensor of the model's walk (of a buffer: its new value), if there
    /// is one.
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

    /// For an optimiser: what [`step`](Gradients::step) checks of the model, without a step.
    ///
    /// # Panics
    /// As [`step`](Gradients::step), but whether or not there are gradients.
    #[track_caller]
    pub fn check<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M) {
        self.meet("step", model);
    }

    /// For an optimiser: takes a step. Calls `update` with the number of every learned tensor in the model's walk, from 0,
    /// its elements, and as many of its gradient, in whose place `update` leaves the elements as they were before. Gives
    /// buffers their new values. The gradients are used up, and [`undo`](Gradients::undo) can take the step back.
    ///
    /// # Panics
    /// If `model` has other tensors than the model that these were made for, or in another order, if a learned one has no
    /// gradient here, or if the model's `visit_mut` does not visit what its `visit` does. The model is then as it was,
    /// unless its walks are others from one call to the next.
    #[track_caller]
    pub fn step<M: Parameters<Scalar = T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut update: impl FnMut(usize, &mut [T], &mut [T]),
    ) {
        self.check_whole();
        self.meet("step", model);
        let mut entries = self.entries.iter().zip(&self.written);
        if let Some(index) = entries.position(|(entry, written)| entry.role.is_learned() && !written) {
            let name = self.names.get(index);
            panic!("step: there is no gradient of `{name}`; call `loss.backward(&mut gradients)` first");
        }
        self.broken = true;
        let Gradients { entries, written, order, .. } = self;
        order.each_mut(model, |index, role, tensor| {
            let entry = &mut entries[index];
            let (elements, gradient) = (tensor.data_mut(), entry.gradient.data_mut());
            match (role, written[index]) {
                (Role::Buffer, true) => elements.swap_with_slice(gradient),
                // A buffer that no forward updated has no new value.
                (Role::Buffer, false) => {}
                _ => update(index, elements, gradient),
            }
        });
        self.previous.copy_from_slice(&self.written);
        self.clear();
    }

    /// Gives `model` the values back that it had before the last step, if nothing has been gathered
    /// here since; says whether it could. So a step can be taken back without a copy of the model. What the step left
    /// alone, such as a buffer that was not updated, stays.
    ///
    /// # Panics
    /// If `model` is of another form than the model these were made for.
    #[track_caller]
    pub fn undo<M: Parameters<Scalar = T> + ?Sized>(&mut self, model: &mut M) -> bool {
        self.check_whole();
        if !self.previous.contains(&true) {
            return false;
        }
        self.meet("undo", model);
        let Gradients { entries, previous, order, .. } = self;
        order.each_mut(model, |index, _, tensor| {
            if std::mem::take(&mut previous[index]) {
                tensor.data_mut().copy_from_slice(entries[index].gradient.data());
            }
        });
        true
    }

    /// Notes the order of the model's walk, and panics unless these gradients are of a model of this form and both its
    /// walks agree. The second is asked once for every place that a model is found at.
    #[track_caller]
    fn meet<M: Parameters<Scalar = T> + ?Sized>(&mut self, what: &str, model: &mut M) {
        let Gradients { entries, names, latest, .. } = self;
        let held = |index: usize| {
            entries.get(index).map_or("nothing".to_owned(), |entry| {
                format!("`{}` of shape {:?} ({:?})", names.get(index), entry.gradient.shape(), entry.role)
            })
        };
        let (mut found, mut mistake) = (0, None);
        latest.clear();
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            latest.push(role, tensor);
            let entry = entries.get(found);
            let fits = entry.is_some_and(|entry| entry.gradient.shape() == tensor.shape() && entry.role == role);
            if mistake.is_none() && !fits {
                let (shape, held) = (tensor.shape(), held(found));
                mistake = Some(format!("the model has {path:?} of shape {shape:?} ({role:?}) where they have {held}"));
            }
            found += 1;
        });
        if mistake.is_none() && found < entries.len() {
            mistake = Some(format!("they have {}, which the model has not", held(found)));
        }
        if let Some(mistake) = mistake {
            panic!("{what}: these gradients are of another model: {mistake}; {MAKE_ANEW}");
        }
        self.check_order(what, self.latest.addresses());
        if self.latest != self.order {
            self.latest.each_mut(model, |_, _, _| ());
            std::mem::swap(&mut self.latest, &mut self.order);
        }
    }

    /// Panics if tensors of a model's walk, or of a part of it, stood in another order when these were made. What is not
    /// known here is passed over: it is another model's.
    #[track_caller]
    pub(crate) fn check_order(&self, what: &str, addresses: impl Iterator<Item = usize>) {
        let mut next = 0;
        for address in addresses {
            let Some(found) = self.find_near(next, address) else {
                continue;
            };
            assert!(
                found >= next,
                "{what}: these gradients are of another model: `{}` stands behind `{}` in its walk now, and stood before it \
                 when they were made; {MAKE_ANEW}",
                self.names.get(found),
                self.names.get(next - 1),
            );
            next = found + 1;
        }
    }

    /// The entry of the parameter whose elements stand at this address; `guess` is tried first.
    ///
    /// # Panics
    /// If there is none, or it is not a learned parameter of this shape.
    #[track_caller]
    pub(crate) fn home_of(&self, address: usize, shape: &[usize], guess: usize) -> usize {
        let Some(index) = self.find_near(guess, address) else {
            panic!("backward: these gradients are of another model than the one on the tape; {MAKE_ANEW}");
        };
        let entry = &self.entries[index];
        assert!(
            // Not `==`, which calls a function for two numbers.
            entry.gradient.shape().iter().eq(shape),
            "backward: the parameter `{}` has the shape {shape:?} on the tape, and had {:?} when these gradients were made; \
             {MAKE_ANEW}",
            self.names.get(index),
            entry.gradient.shape()
        );
        assert!(
            entry.role.is_learned(),
            "backward: `{}` is a buffer, and stands on the tape as a parameter; enter it with `tape.input(..)`",
            self.names.get(index)
        );
        index
    }

    /// The name of the parameter whose elements stand at this address.
    pub(crate) fn name_at(&self, address: usize) -> Option<&str> {
        self.find(address).map(|index| self.names.get(index))
    }

    /// The new value of the buffer whose elements stand at this address.
    #[track_caller]
    pub(crate) fn set(&mut self, address: usize, value: &[T]) {
        let index = self.updated_at(address, value.len());
        self.entries[index].gradient.data_mut().copy_from_slice(value);
        self.written[index] = true;
    }

    /// The entry of the tensor of so many elements at this address, which `tape.update` sets.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub(crate) fn updated_at(&self, address: usize, len: usize) -> usize {
        let Some(index) = self.find(address) else {
            panic!("backward: these gradients are of another model than the buffer that the tape updates; {MAKE_ANEW}");
        };
        let entry = &self.entries[index];
        assert!(
            entry.gradient.len() == len,
            "backward: `tape.update` sets `{}`, which has {len} elements on the tape, and had the shape {:?} when these \
             gradients were made; {MAKE_ANEW}",
            self.names.get(index),
            entry.gradient.shape()
        );
        index
    }

    /// A sweep writes here from now on. What a panic leaves is incomplete, and must not be taken for gradients.
    pub(crate) fn begin_sweep(&mut self) {
        self.previous.fill(false);
        self.broken = true;
    }

    /// What no root depends on has a gradient too: zero.
    pub(crate) fn end_sweep(&mut self) {
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

    /// [`find`](Gradients::find) of what may well be the `guess`th entry, which needs no search.
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

    /// The gradients of learned parameters, to be changed.
    #[track_caller]
    pub(crate) fn learned_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.check_whole();
        let written = self.entries.iter_mut().zip(&self.written);
        let learned = written.filter(|(entry, written)| **written && entry.role.is_learned());
        learned.map(|(entry, _)| entry.gradient.data_mut())
    }

    /// The learned parameters that have a gradient, with their numbers in the walk.
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
