//! `OnnxError`: why a model cannot be written as an ONNX graph.

use thiserror::Error;

/// Why a model cannot be written as an ONNX graph. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// Too few example rows, or only equal ones.
    #[error(
        "the example inputs have the shape {shape:?}, or all their rows are equal; give two rows or more that differ, which show what \
         depends on them"
    )]
    Rows {
        /// Their shape.
        shape: Vec<usize>,
    },

    /// The samples are of outputs.
    #[error("samples of outputs have no weights to export; take the model's posterior, or `KeptDraws`")]
    SampledOutputs,

    /// An operation has no counterpart.
    #[error("{caller}: the operation `{name}` cannot be written in ONNX: {reason}")]
    Operation {
        /// Its name.
        name: String,
        /// The line that called it.
        caller: String,
        /// What is missing.
        reason: String,
    },

    /// The forward pass depends on its inputs in another way than by its operations.
    #[error(
        "the forward pass {what}: a graph would be right for these inputs only. Values of the inputs that are read in Rust, such \
         as lengths, cannot be exported"
    )]
    Inputs {
        /// What depends on them.
        what: String,
    },

    /// A number that `f32` cannot represent.
    #[error("a weight or constant is {value:e}, which `f32` cannot hold")]
    Value {
        /// The number.
        value: f64,
    },

    /// The file would be larger than protocol buffers allow.
    #[error("the graph has {bytes} bytes, and the format allows 2 GiB; export fewer draws")]
    Size {
        /// Its bytes.
        bytes: usize,
    },
}

crate::engine::debug_as_display!(OnnxError);
