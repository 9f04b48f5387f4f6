//! `Weights`: the values of a model's random weights by name, to get, set, save, load and optimise.

mod error;
mod leaves;
mod linear_maps;
mod moments;
mod space;
mod sparse_matrix;

#[cfg(feature = "files")]
use std::path::Path as File;

pub use error::WeightsError;
pub(crate) use leaves::{Copies, Leaves, as_draws};
pub(crate) use linear_maps::{LinearMap, LinearMaps, address};
pub(crate) use moments::Moments;
pub use space::Space;
pub(crate) use sparse_matrix::{SparseMaps, SparseMatrix};

#[cfg(feature = "files")]
use crate::engine::io::safetensors::{self, Safetensors};
use crate::engine::{Key, Parameters, Path, Real, Role, Tensor};
use crate::engine::{Name, Visitor, VisitorMut};

/// The values of a model's random weights: one tensor for each, by name (`hidden.0.weight`), in the order of the
/// model's fields. A prior's random hyperparameters come before the weights under it.
///
/// A random weight is a field with a prior, including a [`Point`](crate::Point) with a prior. A `Point` without a prior
/// and a [`Buffer`](crate::Buffer) belong to the model and are not included.
///
/// Weights come from a draw of the model, from its posterior means, from a flat slice or from a file, and
/// [`Bayesian::at`](crate::Bayesian::at) evaluates the model at them. They implement [`Parameters`]:
/// [`Gradients::of(&weights)`](crate::Gradients::of) holds gradients with respect to them, and an optimiser can update
/// them.
///
/// ```
/// # use elbo::prelude::*;
/// let layer = Dense::new(3, 2);
/// let mut weights = layer.mean_weights();
/// assert_eq!(weights.names().collect::<Vec<_>>(), ["weight", "bias"]);
/// weights.get_mut("bias").unwrap().fill(0.5);
///
/// let (x, tape) = (Tensor::full([4, 3], 1.0), Tape::new());
/// let mut gradients = Gradients::of(&weights);
/// let net = layer.at(&tape, &weights);
/// let y = net.forward(tape.input(&x)).sum();
/// y.backward(&mut gradients);
/// assert_eq!(gradients.get("bias").unwrap(), [4.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Weights<T: Real = f32> {
    entries: Vec<Entry<T>>,
    unconstrained: bool,
    /// The key of the draw, for layers that make noise without weights, such as dropout. Without it they are off.
    noise: Option<Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry<T: Real> {
    pub(crate) name: Name,
    pub(crate) space: Space,
    pub(crate) tensor: Tensor<T>,
}

impl<T: Real> Weights<T> {
    pub(crate) fn new(entries: Vec<Entry<T>>) -> Self {
        Weights { entries, unconstrained: false, noise: None }
    }

    /// Switches layers that make noise on, with this draw's key.
    pub(crate) fn with_noise(self, key: Key) -> Self {
        Weights { noise: Some(key), ..self }
    }

    /// The key of the draw; `None` if layers that make noise are off.
    pub(crate) fn noise(&self) -> Option<Key> {
        self.noise
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = String> {
        self.entries.iter().map(|entry| entry.name.to_string())
    }

    /// The elements of the weight `name`, row by row.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        self.entries.iter().find(|entry| entry.name == *name).map(|entry| entry.tensor.data())
    }

    /// The elements of the weight `name`, row by row, mutably.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [T]> {
        self.entries.iter_mut().find(|entry| entry.name == *name).map(|entry| entry.tensor.data_mut())
    }

    /// The total number of elements.
    pub fn len(&self) -> usize {
        self.entries.iter().map(|entry| entry.tensor.len()).sum()
    }

    /// Whether the model has no random weights.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements, weight by weight, each row by row.
    pub fn flat(&self) -> Vec<T> {
        self.entries.iter().flat_map(|entry| entry.tensor.data()).copied().collect()
    }

    /// Sets all elements from a flat slice, in the order of [`flat`](Weights::flat).
    ///
    /// # Errors
    /// If the slice has another length. The weights are then unchanged.
    pub fn set_flat(&mut self, flat: &[T]) -> Result<(), WeightsError> {
        if flat.len() != self.len() {
            return Err(WeightsError::Length { expected: self.len(), found: flat.len() });
        }
        let mut rest = flat;
        for entry in &mut self.entries {
            let (first, later) = rest.split_at(entry.tensor.len());
            entry.tensor.data_mut().copy_from_slice(first);
            rest = later;
        }
        Ok(())
    }

    /// Whether these are unconstrained values, from [`unconstrained`](Weights::unconstrained).
    pub fn is_unconstrained(&self) -> bool {
        self.unconstrained
    }

    /// Maps the weights to unconstrained space, each by its [`Space`], for algorithms that need unbounded values, such
    /// as HMC. A model [at](crate::Bayesian::at) these maps them back on the tape, and
    /// [`Drawn::log_jacobian`](crate::Drawn::log_jacobian) is that map's log-Jacobian.
    ///
    /// # Errors
    /// If an element is outside of its space.
    pub fn unconstrained(&self) -> Result<Self, WeightsError> {
        let mut weights = self.clone();
        if !self.unconstrained {
            for Entry { name, space, tensor } in &mut weights.entries {
                let outside = tensor.data().iter().position(|w| !space.contains(w.to_f64()));
                if let Some(element) = outside {
                    let value = tensor.data()[element].to_f64();
                    return Err(WeightsError::Space { name: name.to_string(), element, value, space: *space });
                }
                tensor.data_mut().iter_mut().for_each(|w| *w = T::from_f64(space.to_unconstrained(w.to_f64())));
            }
            weights.unconstrained = true;
        }
        Ok(weights)
    }

    /// Maps unconstrained values back to weights; returns a copy if they are not unconstrained.
    #[must_use]
    pub fn constrained(&self) -> Self {
        let mut weights = self.clone();
        if self.unconstrained {
            for Entry { space, tensor, .. } in &mut weights.entries {
                tensor.data_mut().iter_mut().for_each(|u| *u = T::from_f64(space.from_unconstrained(u.to_f64())));
            }
            weights.unconstrained = false;
        }
        weights
    }

    /// [`constrained`](Weights::constrained), where an element that the scalar type cannot represent, such as a positive number
    /// that underflows to 0, becomes the nearest one that it can. Calls `on_rounded` with the name of each weight with such an
    /// element.
    #[cfg(feature = "mcmc")]
    pub(crate) fn constrained_in_range(&self, mut on_rounded: impl FnMut(&Name)) -> Self {
        let mut weights = self.constrained();
        for Entry { name, space, tensor } in &mut weights.entries {
            let mut is_rounded = false;
            for w in tensor.data_mut().iter_mut().filter(|w| !space.contains(w.to_f64())) {
                (*w, is_rounded) = (space.nearest(*w), true);
            }
            if is_rounded {
                on_rounded(name);
            }
        }
        weights
    }

    /// Writes the (constrained) weights to a safetensors file, by name. Needs the feature `files`.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "files")]
    pub fn write(&self, file: impl AsRef<File>) -> Result<(), WeightsError> {
        let weights = self.constrained();
        let tensors = weights.entries.iter().map(|entry| (entry.name.to_string(), &entry.tensor));
        let tensors: Vec<(String, &Tensor<T>)> = tensors.collect();
        let named = tensors.iter().map(|(name, tensor)| (&name[..], *tensor));
        Ok(safetensors::write(file, named, [])?)
    }

    /// Sets all weights from a safetensors file with a tensor for each name, such as one from
    /// [`write`](Weights::write). Needs the feature `files`.
    ///
    /// # Errors
    /// If the file cannot be read, or its names or shapes differ. The weights are then unchanged.
    #[cfg(feature = "files")]
    pub fn read(&mut self, file: impl AsRef<File>) -> Result<(), WeightsError> {
        let file = Safetensors::open(file)?;
        let known: std::collections::HashSet<String> = self.names().collect();
        if let Some(name) = file.names().find(|name| !known.contains(*name)) {
            return Err(WeightsError::Unknown { name: name.to_owned() });
        }
        let mut read = self.constrained();
        for Entry { name, tensor, .. } in &mut read.entries {
            let found: Tensor<T> = file.tensor(&name.to_string())?;
            if found.shape() != tensor.shape() {
                let [expected, found] = [tensor.shape(), found.shape()].map(<[usize]>::to_vec);
                return Err(WeightsError::Shape { name: name.to_string(), expected, found });
            }
            *tensor = found;
        }
        *self = if self.unconstrained { read.unconstrained()? } else { read };
        Ok(())
    }

    /// Checks that these have the names and shapes of `expected`, and valid values.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn check_like(&self, expected: &Self) -> Result<(), String> {
        let (found, wanted) = (self.entries.len(), expected.entries.len());
        if found != wanted {
            return Err(format!("{found} tensors for {wanted} random weights"));
        }
        for (found, wanted) in self.entries.iter().zip(&expected.entries) {
            let (name, other) = (&wanted.name, &found.name);
            if name != other {
                return Err(format!("found `{other}` in place of the model's `{name}`"));
            }
            let [shape, other] = [&wanted.tensor, &found.tensor].map(|tensor| tensor.shape());
            if shape != other {
                return Err(format!("`{name}` has shape {other:?}, but {shape:?} in the model"));
            }
            let constrained = if self.unconstrained { Space::Reals } else { wanted.space };
            let fits = |w: &T| w.is_finite() && constrained.contains(w.to_f64());
            if let Some(element) = found.tensor.data().iter().position(|w| !fits(w)) {
                let value = found.tensor.data()[element].to_f64();
                return Err(format!(
                    "element {element} (from 0) of `{name}` is {value}, but the weight needs {constrained}"
                ));
            }
        }
        Ok(())
    }

    /// Copies the weights with these indices from `other`, which has the same ones.
    pub(crate) fn copy_entries(&mut self, other: &Self, indices: &[usize]) {
        for &index in indices {
            self.entries[index].tensor.data_mut().copy_from_slice(other.entries[index].tensor.data());
        }
    }

    /// Sets the elements of the weight with this index.
    pub(crate) fn set_entry(&mut self, index: usize, elements: &[f64]) {
        let entry = self.entries[index].tensor.data_mut();
        entry.iter_mut().zip(elements).for_each(|(w, &element)| *w = T::from_f64(element));
    }

    /// Sets the elements to 0 where the mask of their weight is false. The weights are constrained.
    ///
    /// # Errors
    /// If the names or the lengths are not those of these weights, or an element cannot be 0; the weights are then unchanged.
    pub(crate) fn zero_where(&mut self, masks: &[(String, Vec<bool>)]) -> Result<(), WeightsError> {
        let fits = |(entry, (name, mask)): (&Entry<T>, &(String, Vec<bool>))| {
            entry.name == **name && entry.tensor.len() == mask.len()
        };
        if self.entries.len() != masks.len() || !self.entries.iter().zip(masks).all(fits) {
            let mistake = "the masks have other names or lengths than these weights".to_owned();
            return Err(WeightsError::Model { index: 0, mistake });
        }
        for (Entry { name, space, .. }, (_, mask)) in self.entries.iter().zip(masks) {
            let zero = mask.iter().position(|is_kept| !is_kept).filter(|_| !space.contains(0.0));
            if let Some(element) = zero {
                return Err(WeightsError::Space { name: name.to_string(), element, value: 0.0, space: *space });
            }
        }
        for (entry, (_, mask)) in self.entries.iter_mut().zip(masks) {
            let elements = entry.tensor.data_mut().iter_mut().zip(mask);
            elements.filter(|(_, is_kept)| !**is_kept).for_each(|(w, _)| *w = T::ZERO);
        }
        Ok(())
    }

    pub(crate) fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }
}

impl<T: Real> PartialEq for Weights<T> {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Entry<T>, &Entry<T>)| a.name == b.name && a.tensor == b.tensor;
        self.unconstrained == other.unconstrained
            && self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(same)
    }
}

impl<T: Real> Parameters for Weights<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        for Entry { name, tensor, .. } in &self.entries {
            name.below(path, |path| f(path, Role::Point, tensor));
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        for Entry { name, tensor, .. } in &mut self.entries {
            name.below(path, |path| f(path, Role::Point, tensor));
        }
    }
}
