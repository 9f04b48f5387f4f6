//! How a model's weights are drawn.

use std::cell::Cell;

use crate::{Key, Path, Real, Shape, Tape, Tensor};

/// How a random weight enters a linear operation. Every estimator is of the same expectation; they
/// differ in variance and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Estimator {
    /// The weight is sampled once per draw, by reparameterisation (Kingma and Welling 2014; Blundell
    /// et al. 2015).
    #[default]
    Sample,
}

/// How to draw: the key of the noise, and what is chosen beside it. A [`Key`] alone will do where
/// nothing is.
#[derive(Clone, Copy, Debug)]
pub struct Drawing<'n, T: Real = f32> {
    key: Key,
    estimator: Estimator,
    noise: Option<&'n FixedNoise<T>>,
}

impl<'n, T: Real> Drawing<'n, T> {
    /// With noise from `key`.
    pub fn new(key: Key) -> Self {
        Drawing { key, estimator: Estimator::default(), noise: None }
    }

    /// With this estimator.
    pub fn estimator(self, estimator: Estimator) -> Self {
        Drawing { estimator, ..self }
    }

    /// With the noise given instead of drawn, for tests and replay; the backward reads the same.
    pub fn noise(self, noise: &'n FixedNoise<T>) -> Self {
        Drawing { noise: Some(noise), ..self }
    }

    pub(crate) fn mode(self) -> (Key, Mode<'n, T>) {
        (self.key, Mode::Random { estimator: self.estimator, noise: self.noise })
    }
}

impl<T: Real> From<Key> for Drawing<'_, T> {
    fn from(key: Key) -> Self {
        Drawing::new(key)
    }
}

/// Standard normal noise for weights by name, to be used in a draw instead of a key's.
#[derive(Clone, Debug, Default)]
pub struct FixedNoise<T: Real = f32> {
    tensors: Vec<(Key, Tensor<T>)>,
}

impl<T: Real> FixedNoise<T> {
    /// No noise for any weight yet.
    pub fn new() -> Self {
        FixedNoise { tensors: Vec::new() }
    }

    /// The noise of the weight `name`, as [`Bayesian::kl_terms`](crate::Bayesian::kl_terms) writes it
    /// (`hidden.0.weight`), of the weight's shape.
    pub fn set(mut self, name: &str, noise: Tensor<T>) -> Self {
        let root = Key::new(0);
        let key = name.split('.').fold(root, |key, segment| match segment.parse::<usize>() {
            Ok(index) => key.index(index),
            Err(_) => key.at(segment),
        });
        self.tensors.push((key, noise));
        self
    }

    fn get(&self, key: Key) -> Option<&Tensor<T>> {
        let named = |(name, _): &&(Key, Tensor<T>)| name.path_hash() == key.path_hash();
        self.tensors.iter().find(named).map(|(_, noise)| noise)
    }
}

/// Where a draw's weights come from.
#[derive(Debug)]
pub(crate) enum Mode<'t, T: Real> {
    /// The posterior.
    Random { estimator: Estimator, noise: Option<&'t FixedNoise<T>> },
    /// Every posterior's mean.
    Mean,
    /// A flat vector of all weights, in the order of the walk, and how much of it is used.
    At { flat: &'t [T], used: &'t Cell<usize> },
}

impl<T: Real> Clone for Mode<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Mode<'_, T> {}

/// What a field is drawn with: the tape, and the noise's key at this place of the model.
#[derive(Debug)]
pub struct Cx<'t, T: Real = f32> {
    tape: &'t Tape<T>,
    key: Key,
    pub(crate) mode: Mode<'t, T>,
}

impl<T: Real> Clone for Cx<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Cx<'_, T> {}

impl<'t, T: Real> Cx<'t, T> {
    pub(crate) fn new(tape: &'t Tape<T>, key: Key, mode: Mode<'t, T>) -> Self {
        Cx { tape, key, mode }
    }

    /// The tape to draw on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The key of this place's noise.
    pub fn key(self) -> Key {
        self.key
    }

    /// For the field `name` of this model.
    pub fn at(self, name: &'static str) -> Self {
        Cx { key: self.key.at(name), ..self }
    }

    /// For element `index` of this container.
    pub fn index(self, index: usize) -> Self {
        Cx { key: self.key.index(index), ..self }
    }

    /// The noise given for the weight at this place, if noise was given at all.
    ///
    /// # Panics
    /// If noise was given, but not for this weight, or not of its shape.
    pub fn fixed_noise(self, shape: &[usize]) -> Option<&'t Tensor<T>> {
        let Mode::Random { noise: Some(fixed), .. } = self.mode else {
            return None;
        };
        let Some(noise) = fixed.get(self.key) else {
            panic!("the given noise has nothing for a weight of shape {shape:?}; every name of `kl_terms()` needs it");
        };
        assert!(
            noise.shape() == shape,
            "the noise given for a weight of shape {shape:?} has the shape {:?}",
            noise.shape()
        );
        Some(noise)
    }

    /// The next weights of the flat vector.
    pub(crate) fn take(flat: &'t [T], used: &Cell<usize>, shape: &[usize]) -> &'t [T] {
        let len = Shape::from(shape).elements();
        let from = used.replace(used.get() + len);
        flat.get(from..from + len).unwrap_or_else(|| {
            panic!("at: {} numbers are fewer than the model's random weights", flat.len());
        })
    }
}

/// The key of the parameter at `path`: what [`Cx`] gives the field there.
pub(crate) fn key_at(key: Key, path: &Path<'_>) -> Key {
    path.fold(key, Key::at, Key::index)
}
