//! Models as ONNX graphs: the operations of a recorded forward pass, with the weights in the file.

mod elementwise;
mod error;
mod graph;
mod linear;
mod normalisation;
mod operators;
mod shapes;
mod trace;
mod windows;

use std::path::Path as File;

pub use error::OnnxError;

use crate::engine::Tensor;
use crate::engine::io::{FileError, replace_file};
use crate::model::forward_by::{By, Outputs, Own};
use crate::model::{Bayesian, Model};
use crate::samples::{DrawOf, PointEstimate, Samples, ScalarOf};
use graph::Graph;

/// The most bytes of a message of protocol buffers.
const MOST: usize = i32::MAX as usize;

/// A model as an ONNX file (operator set 19), for `onnxruntime` and other programs: at the posterior's means, or several
/// draws in one graph. Needs the feature `files`.
///
/// ```
/// use elbo::Onnx;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     fc1: Dense,
///     fc2: Dense,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.fc2.forward(self.fc1.forward(x).relu())
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("onnx-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let (mean, draws) = (folder.join("mean.onnx"), folder.join("draws.onnx"));
/// let model = Net { fc1: Dense::new(4, 16), fc2: Dense::new(16, 3) };
/// let x = Tensor::from_fn([2, 4], |i| i as f64); // two rows or more, of the usual kind
/// Onnx::mean(&model, &x)?.write(&mean)?; // (batch, 4) to (batch, 3)
/// Onnx::draws(&model.posterior(Draws(8)), &x)?.write(&draws)?; // (batch, 4) to (8, batch, 3)
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The graph has one input, `input`, and one output, `output`, both in `f32` whatever the model's scalar type: runtimes have
/// kernels in it. The number of rows is free. Nothing is written for a model: the forward pass is recorded for the given rows,
/// and once more for one row more. What differs shows which axes are the batch, and that values depend on the inputs
/// in a way that a graph does not show, which is an error. What does not depend on the inputs, such as a drawn weight, is
/// computed here and stored.
///
/// Draws are separate subgraphs, whose outputs are joined, so a file of K draws has K times the weights and nodes.
#[derive(Clone, Debug)]
pub struct Onnx(Vec<u8>);

impl Onnx {
    /// The model at its posterior's means: (batch, ..) to the model's outputs (batch, ..).
    ///
    /// # Errors
    /// If x has fewer than two rows, an operation of the forward pass has no counterpart in ONNX, or the forward pass depends on
    /// its inputs in another way than by its operations, as by lengths that it reads from them.
    ///
    /// # Panics
    /// As the model's forward.
    #[track_caller]
    pub fn mean<M: Model + Sync>(model: &M, x: &Tensor<M::Scalar>) -> Result<Onnx, OnnxError> {
        export(&PointEstimate::new(model), x, &Own, false)
    }

    /// All draws in one graph: (batch, ..) to the outputs (draws, batch, ..).
    ///
    /// # Errors
    /// As [`mean`](Onnx::mean), or if the samples are of outputs in place of weights.
    ///
    /// # Panics
    /// As the model's forward.
    #[track_caller]
    pub fn draws<S: Samples<Model: Model>>(samples: &S, x: &Tensor<ScalarOf<S>>) -> Result<Onnx, OnnxError> {
        export(samples, x, &Own, true)
    }

    /// [`draws`](Onnx::draws) with your own `forward`, as in [`Predict::predict_with`](crate::Predict::predict_with).
    ///
    /// # Errors
    /// As [`draws`](Onnx::draws).
    ///
    /// # Panics
    /// As the forward.
    #[track_caller]
    pub fn draws_with<S, F>(samples: &S, x: &Tensor<ScalarOf<S>>, forward: F) -> Result<Onnx, OnnxError>
    where
        S: Samples,
        F: for<'t> Fn(DrawOf<'t, S>, crate::engine::Var<'t, ScalarOf<S>>) -> crate::engine::Var<'t, ScalarOf<S>>,
    {
        export(samples, x, &By(forward), true)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Writes the file, in one step: the one before stays until it is whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, file: impl AsRef<File>) -> Result<(), FileError> {
        replace_file(file.as_ref(), &self.0)
    }
}

#[track_caller]
fn export<S: Samples>(
    samples: &S,
    x: &Tensor<ScalarOf<S>>,
    forward: &impl Outputs<S::Model>,
    are_stacked: bool,
) -> Result<Onnx, OnnxError>
where
    S::Model: Bayesian,
{
    if samples.serves_once() {
        return Err(OnnxError::SampledOutputs);
    }
    let batches = trace::batches(x)?;
    let mut graph = Graph::new(x.shape());
    let mut outputs = Vec::new();
    for index in 0..samples.count() {
        let prefix = if are_stacked { format!("draws.{index}.") } else { String::new() };
        outputs.push(trace::add_draw(&mut graph, samples, index, &batches, forward, &prefix)?);
    }
    let (name, mut shape) = match &outputs[..] {
        [(name, shape)] if !are_stacked => (name.clone(), shape.clone()),
        _ => (graph.stack(outputs.iter().map(|(name, _)| &name[..])), outputs[0].1.clone()),
    };
    if are_stacked {
        shape.insert(0, graph::Dim::Fixed(outputs.len()));
    }
    let bytes = graph.finish(&name, &shape);
    if bytes.len() > MOST {
        return Err(OnnxError::Size { bytes: bytes.len() });
    }
    Ok(Onnx(bytes))
}
