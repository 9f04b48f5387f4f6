//! Gradients: owned, reusable, one entry for every tensor of a model.

use std::fmt;

use crate::tape::address;
use crate::{Parameters, Path, Real, Role, Tensor};

/// The gradients of a model's parameters, made once and filled by every backward sweep.
///
/// Sweeps add up until [`Gradients::clear`], which an optimiser's step calls when it has used them.
pub struct Gradients<T: Real = f32> {
    pub(crate) entries: Vec<Entry<T>>,
    /// Whether an entry's gradient holds anything since the last `clear`.
    pub(crate) written: Vec<bool>,
    /// Whether an entry holds its tensor's value before the last step, see `undo`.
    pub(crate) previous: Vec<bool>,
    /// (address, entry), sorted by address.
    by_address: Vec<(usize, usize)>,
}

pub(crate) struct Entry<T: Real> {
    name: String,
    pub(crate) role: Role,
    pub(crate) gradient: Tensor<T>,
}

impl<T: Real> Gradients<T> {
    /// Room for the gradients of `model`, in the order of its walk.
    pub fn of<M: Parameters<Scalar = T> + ?Sized>(model: &M) -> Self {
        let (mut entries, mut by_address) = (Vec::new(), Vec::new());
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            // Empty tensors share an address, and have no gradient to be found by it.
            if !tensor.is_empty() {
                by_address.push((address(tensor), entries.len()));
            }
            entries.push(Entry { name: path.to_string(), role, gradient: Tensor::zeros(tensor.shape()) });
        });
        by_address.sort_unstable();
        Gradients { written: vec![false; entries.len()], previous: vec![false; entries.len()], entries, by_address }
    }

    /// The gradient of the parameter `name`, row by row; `None` if no sweep has filled it since the
    /// last [`clear`](Gradients::clear), or if there is no such parameter.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        let entry = self.entries.iter().position(|entry| entry.name == name)?;
        self.written[entry].then(|| self.entries[entry].gradient.data())
    }

    /// (name, role, gradient) of every learned parameter, in the order of the model's walk.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role, &[T])> + Clone {
        self.filled()
            .filter(|entry| entry.role.is_learned())
            .map(|entry| (&entry.name[..], entry.role, entry.gradient.data()))
    }

    /// The name of the first parameter whose gradient is infinite or NaN.
    pub fn first_non_finite(&self) -> Option<&str> {
        self.iter().find(|(.., gradient)| !crate::kernels::reduce::all_finite(gradient)).map(|(name, ..)| name)
    }

    /// Forgets the gradients and keeps the memory.
    pub fn clear(&mut self) {
        self.written.fill(false);
    }

    /// The gradient of the `index`th tensor of the model's walk (of a buffer: its new value), if there
    /// is one.
    pub fn at(&self, index: usize) -> Option<&[T]> {
        self.written[index].then(|| self.entries[index].gradient.data())
    }

    /// For an optimiser: the gradient of the `index`th tensor of the model's walk (of a buffer: its
    /// new value), if there is one. In its place it leaves the tensor's value before the step.
    pub fn at_mut(&mut self, index: usize) -> Option<&mut [T]> {
        self.written[index].then(|| self.entries[index].gradient.data_mut())
    }

    /// For an optimiser, at the end of a step: the gradients are used up, and in their places stand
    /// the values before the step.
    pub fn finish_step(&mut self) {
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
        if !self.previous.contains(&true) {
            return false;
        }
        self.check_form("undo", model);
        let mut entries = self.entries.iter().zip(&mut self.previous);
        model.visit_mut(&Path::ROOT, &mut |_, _, tensor| {
            if let Some((entry, previous)) = entries.next()
                && std::mem::take(previous)
            {
                tensor.data_mut().copy_from_slice(entry.gradient.data());
            }
        });
        true
    }

    /// For an optimiser, before it changes anything.
    ///
    /// # Panics
    /// If `model` has other tensors than the model these were made for, or a learned one has no gradient here.
    #[track_caller]
    pub fn check_step<M: Parameters<Scalar = T> + ?Sized>(&self, model: &M) {
        self.check_form("step", model);
        let without =
            self.entries.iter().zip(&self.written).find(|(entry, written)| entry.role.is_learned() && !**written);
        if let Some((entry, _)) = without {
            panic!("step: there is no gradient of `{}`; call `loss.backward(&mut gradients)` first", entry.name);
        }
    }

    /// Panics unless `model` has as many tensors as there are entries, of the same shapes.
    #[track_caller]
    fn check_form<M: Parameters<Scalar = T> + ?Sized>(&self, what: &str, model: &M) {
        let (mut found, mut mistake) = (0, None);
        model.visit(&Path::ROOT, &mut |path, _, tensor| {
            let entry = self.entries.get(found);
            found += 1;
            if mistake.is_none() && entry.is_none_or(|entry| entry.gradient.shape() != tensor.shape()) {
                let held = entry.map_or("nothing".to_owned(), |entry| {
                    format!("`{}` of shape {:?}", entry.name, entry.gradient.shape())
                });
                mistake = Some(format!("the model has {path:?} of shape {:?} where they have {held}", tensor.shape()));
            }
        });
        if let Some(entry) = self.entries.get(found).filter(|_| mistake.is_none()) {
            mistake = Some(format!("they have `{}`, which the model has not", entry.name));
        }
        if let Some(mistake) = mistake {
            panic!("{what}: these gradients are of another model: {mistake}; make them with `Gradients::of(&model)`");
        }
    }

    /// The name of the parameter whose elements stand at this address.
    pub(crate) fn name_at(&self, address: usize) -> Option<&str> {
        self.find(address).map(|entry| &self.entries[entry].name[..])
    }

    #[track_caller]
    pub(crate) fn entry_of(&self, address: usize) -> usize {
        self.find(address).expect(
            "these gradients are of another model than the one on the tape; make them with \
             `Gradients::of(&model)` after its last change of shape",
        )
    }

    pub(crate) fn set(&mut self, entry: usize, value: &[T]) {
        self.entries[entry].gradient.data_mut().copy_from_slice(value);
        self.written[entry] = true;
    }

    /// What no root depends on has a gradient too: zero.
    pub(crate) fn fill_unwritten(&mut self) {
        for (entry, written) in self.entries.iter_mut().zip(&mut self.written) {
            if entry.role.is_learned() && !*written {
                entry.gradient.data_mut().fill(T::ZERO);
                *written = true;
            }
        }
    }

    fn find(&self, address: usize) -> Option<usize> {
        let place = self.by_address.binary_search_by_key(&address, |&(address, _)| address).ok()?;
        Some(self.by_address[place].1)
    }

    /// The gradients of learned parameters, to be changed.
    pub(crate) fn learned_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let written = self.entries.iter_mut().zip(&self.written);
        let learned = written.filter(|(entry, written)| **written && entry.role.is_learned());
        learned.map(|(entry, _)| entry.gradient.data_mut())
    }

    fn filled(&self) -> impl Iterator<Item = &Entry<T>> + Clone {
        let written = self.entries.iter().zip(&self.written);
        written.filter(|(_, written)| **written).map(|(entry, _)| entry)
    }
}

impl<T: Real> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, _, gradient)| (name, gradient))).finish()
    }
}
