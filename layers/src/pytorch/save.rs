//! Saves means and draws for PyTorch.

use std::collections::BTreeMap;

use crate::engine::io::safetensors::Contents;
use crate::engine::{Parameters, Path, Tape, Tensor};
use crate::model::Bayesian;
use crate::pytorch::names::{Kind, Names};
use crate::pytorch::{PyTorch, PyTorchError};
use crate::samples::{Samples, ScalarOf};
use crate::weights::Weights;

/// The tensors of a plain network, by the names of the model's weights and buffers.
type Values<T> = BTreeMap<String, Tensor<T>>;

/// The file of the means of a model.
///
/// # Errors
/// If an option names nothing in the model, or two tensors get one name.
pub(super) fn means<M: Bayesian>(options: &PyTorch, model: &M) -> Result<Vec<u8>, PyTorchError> {
    let names = Names::of(model, options)?;
    let values = values(&names, model, &model.mean_weights());
    file(&names, values)
}

/// The file of all draws, on a leading axis.
///
/// # Errors
/// As [`means`].
pub(super) fn draws<S: Samples>(options: &PyTorch, samples: &S) -> Result<Vec<u8>, PyTorchError> {
    let names = Names::of(samples.model(), options)?;
    let count = samples.count();
    let mut all: BTreeMap<String, (Vec<usize>, Vec<ScalarOf<S>>)> = BTreeMap::new();
    let mut tape = Tape::inference();
    for index in 0..count {
        tape.reset();
        let weights = Weights::of(&samples.draw_all(&tape, index));
        for (name, value) in values(&names, samples.model_of(index), &weights) {
            let shape = || [count].iter().chain(value.shape()).copied().collect();
            all.entry(name).or_insert_with(|| (shape(), Vec::new())).1.extend_from_slice(value.data());
        }
    }
    file(&names, all.into_iter().map(|(name, (shape, data))| (name, Tensor::new(shape, data))).collect())
}

/// What a plain network has of a model: these values of random weights, deterministic weights, and buffers.
fn values<M: Bayesian>(names: &Names<'_>, model: &M, weights: &Weights<M::Scalar>) -> Values<M::Scalar> {
    let mut values = Values::new();
    let mut index = 0;
    model.visit(&Path::ROOT, &mut |_, _, tensor| {
        let (_, weight, kind) = &names.tensors[index];
        if *kind == Kind::Value && !names.is_kept(weight) {
            values.insert(weight.clone(), tensor.clone());
        }
        index += 1;
    });
    weights.visit(&Path::ROOT, &mut |path, _, tensor| {
        let weight = path.to_string();
        if !names.is_kept(&weight) {
            values.insert(weight, tensor.clone());
        }
    });
    values
}

/// # Errors
/// If two tensors get one name.
fn file<T: crate::engine::Real>(names: &Names<'_>, values: Values<T>) -> Result<Vec<u8>, PyTorchError> {
    let (mut contents, mut saved) = (Contents::new(), BTreeMap::new());
    for (weight, value) in values {
        let name = names.saved(&weight);
        if let Some(first) = saved.insert(name.clone(), weight.clone()) {
            return Err(PyTorchError::Twice { name, first, second: weight });
        }
        if names.is_transposed(&weight) {
            contents.tensor(&name, &swap_last_axes(&value));
        } else {
            contents.tensor(&name, &value);
        }
    }
    contents.metadata("format", "pt");
    Ok(contents.into_bytes())
}

/// The transpose of each matrix of a stack of them, or of one.
fn swap_last_axes<T: crate::engine::Real>(x: &Tensor<T>) -> Tensor<T> {
    let [before @ .., rows, columns] = x.shape() else { return x.clone() };
    let (rows, columns) = (*rows, *columns);
    let size = rows * columns;
    let at = |i: usize| x.data()[i / size * size + i % size % rows * columns + i % size / rows];
    Tensor::new([before, &[columns, rows][..]].concat(), (0..x.len()).map(at).collect::<Vec<T>>())
}
