//! The operators of ONNX for the operations of a tape.

use crate::engine::Description;
use crate::onnx::graph::{Dim, Graph};
use crate::onnx::{elementwise, linear, normalisation, shapes, windows};

/// An operation to be written.
pub(super) struct Node<'n> {
    pub(super) description: &'n Description,
    /// The inputs, with their axes.
    pub(super) inputs: &'n [(String, Vec<Dim>)],
    /// The axes of the outputs; `None` for one that is not written.
    pub(super) outputs: &'n [Option<Vec<Dim>>],
}

impl Node<'_> {
    pub(super) fn input(&self, k: usize) -> &str {
        &self.inputs[k].0
    }

    pub(super) fn dims(&self, k: usize) -> &[Dim] {
        &self.inputs[k].1
    }

    /// The axes of the first output.
    ///
    /// # Errors
    /// If they are unknown.
    pub(super) fn output(&self) -> Result<&[Dim], String> {
        self.outputs[0]
            .as_deref()
            .ok_or_else(|| "the number of its elements depends on the rows in no simple way".to_owned())
    }
}

/// Adds an operation; returns the names of its outputs, of which those that are kept for the adjoint may be missing.
///
/// # Errors
/// What is missing in ONNX.
pub(super) fn operator(graph: &mut Graph, node: &Node<'_>) -> Result<Vec<String>, String> {
    use Description as D;
    let one = |name: String| Ok(vec![name]);
    match node.description {
        D::Elementwise(name, numbers) => one(elementwise::map(graph, name, numbers, node.input(0))?),
        D::ElementwisePair(name) => one(elementwise::pair(graph, name, [node.input(0), node.input(1)])?),
        D::Select => {
            let mask = graph.truth(node.input(0));
            one(graph.plain("Where", &[&mask, node.input(1), node.input(2)]))
        }
        D::Affine(activation) => one(linear::affine(graph, node, *activation)),
        D::Matmul => one(graph.plain("MatMul", &[node.input(0), node.input(1)])),
        D::Cell(name, step) => linear::cell(graph, node, name, *step),
        D::ScaledDotProductAttention { causal, scale, allows } => {
            one(linear::attention(graph, node, *causal, *scale, *allows)?)
        }
        D::Convolve { windows, groups } => one(windows::convolution(graph, node, windows, *groups)),
        D::ConvolveTransposed { windows, groups } => one(windows::transposed(graph, node, windows, *groups)),
        D::MaxPooling(windows) => one(windows::max_pool(graph, node, windows)),
        D::AveragePooling { windows, divisors } => one(windows::avg_pool(graph, node, windows, divisors)),
        D::AdaptiveAveragePooling { input, output } => one(windows::adaptive(graph, node, *input, *output)?),
        D::BatchNormalization { mean, variance, eps } => one(normalisation::batch(graph, node, mean, variance, *eps)),
        D::LayerNormalization { axes, eps, centred } => one(normalisation::layer(graph, node, *axes, *eps, *centred)),
        D::GroupNormalization { groups, eps } => one(normalisation::group(graph, node, *groups, *eps)?),
        _ => shapes::operator(graph, node),
    }
}
