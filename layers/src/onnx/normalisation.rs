//! Normalisations.

use crate::onnx::graph::{Attribute, Dim, Graph};
use crate::onnx::operators::Node;

/// The weight and the bias of a normalisation, if it has them.
fn scaling<'n>(node: &'n Node<'_>) -> [Option<&'n str>; 2] {
    [1, 2].map(|k| node.inputs.get(k).map(|(name, _)| &name[..]))
}

pub(super) fn batch(g: &mut Graph, node: &Node<'_>, mean: &[f64], variance: &[f64], eps: f64) -> String {
    let [weight, bias] = scaling(node);
    let weight = weight.map_or_else(|| g.numbers(&vec![1.0; mean.len()]), str::to_owned);
    let bias = bias.map_or_else(|| g.numbers(&vec![0.0; mean.len()]), str::to_owned);
    let (mean, variance) = (g.numbers(mean), g.numbers(variance));
    let inputs = [node.input(0), &weight, &bias, &mean, &variance];
    g.node("BatchNormalization", &inputs, &[Attribute::Float("epsilon", eps)])
}

pub(super) fn layer(g: &mut Graph, node: &Node<'_>, axes: usize, eps: f64, centred: bool) -> String {
    let (x, [weight, bias]) = (node.input(0), scaling(node));
    if centred {
        let dims = node.dims(0);
        let last: Vec<Dim> = dims[dims.len() - axes..].to_vec();
        let weight = weight.map_or_else(
            || {
                let one = g.number(1.0);
                g.expand(&one, &last)
            },
            str::to_owned,
        );
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias).collect();
        let attributes = [Attribute::Int("axis", -(axes as i64)), Attribute::Float("epsilon", eps)];
        return g.node("LayerNormalization", &inputs, &attributes);
    }
    let last: Vec<i64> = (1..=axes as i64).map(|axis| -axis).collect();
    let (square, last, eps) = (g.plain("Mul", &[x, x]), g.integers(&last), g.number(eps));
    let mean = g.plain("ReduceMean", &[&square, &last]);
    let sum = g.plain("Add", &[&mean, &eps]);
    let root = g.plain("Sqrt", &[&sum]);
    let mut y = g.plain("Div", &[x, &root]);
    for (operator, part) in [("Mul", weight), ("Add", bias)] {
        if let Some(part) = part {
            y = g.plain(operator, &[&y, part]);
        }
    }
    y
}

/// Groups of channels, each normalised as a channel of an instance normalisation.
///
/// # Errors
/// If the channels depend on the rows.
pub(super) fn group(g: &mut Graph, node: &Node<'_>, groups: usize, eps: f64) -> Result<String, String> {
    let dims = node.dims(0);
    let Dim::Fixed(channels) = dims[1] else { return Err("its channels depend on the rows".to_owned()) };
    // The axis of the rows is copied, and the last takes the rest.
    let shape = g.integers(&[0, groups as i64, -1]);
    let rows = g.plain("Reshape", &[node.input(0), &shape]);
    let (ones, zeros) = (g.numbers(&vec![1.0; groups]), g.numbers(&vec![0.0; groups]));
    let normal = g.node("InstanceNormalization", &[&rows, &ones, &zeros], &[Attribute::Float("epsilon", eps)]);
    let mut y = g.reshape(&normal, dims);
    let each: Vec<Dim> = [Dim::Fixed(channels)].into_iter().chain(dims[2..].iter().map(|_| Dim::Fixed(1))).collect();
    for (operator, part) in ["Mul", "Add"].into_iter().zip(scaling(node)) {
        if let Some(part) = part {
            let part = g.reshape(part, &each);
            y = g.plain(operator, &[&y, &part]);
        }
    }
    Ok(y)
}
