//! `OptimizerState`: what an optimiser saves in a checkpoint.

use std::collections::BTreeMap;

use crate::engine::{Real, Tensor};

/// The state of an [`Optimizer`](crate::Optimizer) in a checkpoint: numbers and tensors by name, and its settings as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState<T: Real = f32> {
    settings: String,
    numbers: BTreeMap<String, f64>,
    tensors: BTreeMap<String, Tensor<T>>,
}

impl<T: Real> OptimizerState<T> {
    /// No state.
    pub fn new() -> Self {
        OptimizerState::default()
    }

    /// Says its settings, such as the learning rate: a training whose optimiser says something else does not go on from the
    /// checkpoint.
    pub fn set_settings(&mut self, settings: impl Into<String>) {
        self.settings = settings.into();
    }

    /// Sets a number, which is saved exactly.
    pub fn set_number(&mut self, name: &str, number: f64) {
        self.numbers.insert(name.to_owned(), number);
    }

    /// Sets a tensor.
    pub fn set_tensor(&mut self, name: &str, tensor: Tensor<T>) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// The settings as text.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// The number of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        self.numbers.get(name).copied().ok_or_else(|| format!("the optimiser's number `{name}` is missing"))
    }

    /// The number of this name, which counts something.
    ///
    /// # Errors
    /// If there is none, or it is not a whole number from 0 on.
    pub fn count(&self, name: &str) -> Result<usize, String> {
        /// From here on, not every whole number is an `f64`.
        const MOST: f64 = (1u64 << 53) as f64;
        match self.number(name)? {
            number if (0.0..MOST).contains(&number) && number.fract() == 0.0 => Ok(number as usize),
            number => Err(format!("the optimiser's number `{name}` is {number}, expected a whole number")),
        }
    }

    /// The number of this name, which is from 0 to `most`.
    pub(super) fn number_to(&self, name: &str, most: f64) -> Result<f64, String> {
        match self.number(name)? {
            number if (0.0..=most).contains(&number) => Ok(number),
            number => Err(format!("the optimiser's number `{name}` is {number}, expected one from 0 to {most}")),
        }
    }

    /// The tensor of this name, if there is one.
    pub fn tensor(&self, name: &str) -> Option<&Tensor<T>> {
        self.tensors.get(name)
    }

    #[cfg(feature = "files")]
    pub(crate) fn numbers(&self) -> &BTreeMap<String, f64> {
        &self.numbers
    }

    #[cfg(feature = "files")]
    pub(crate) fn tensors(&self) -> &BTreeMap<String, Tensor<T>> {
        &self.tensors
    }
}
