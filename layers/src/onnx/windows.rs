//! Convolutions and pools.

use crate::engine::kernels::window::Axis;
use crate::onnx::graph::{Attribute, Graph};
use crate::onnx::operators::Node;

/// The windows along the spatial axes that a value has.
fn spatial<'w>(node: &Node<'_>, windows: &'w [Axis; 3]) -> &'w [Axis] {
    let missing = (windows.len() + 2).saturating_sub(node.dims(0).len());
    &windows[missing..]
}

fn each(windows: &[Axis], of: impl Fn(&Axis) -> usize) -> Vec<i64> {
    windows.iter().map(|axis| of(axis) as i64).collect()
}

/// The margin after the last element that the last window reaches.
fn after(axis: &Axis) -> usize {
    let end = (axis.output.max(1) - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
    end.saturating_sub(axis.input + axis.padding)
}

fn margins(windows: &[Axis], after: impl Fn(&Axis) -> usize) -> Vec<i64> {
    [each(windows, |axis| axis.padding), each(windows, after)].concat()
}

fn attributes(windows: &[Axis], margins: Vec<i64>) -> Vec<Attribute<'static>> {
    vec![
        Attribute::Ints("kernel_shape", each(windows, |axis| axis.kernel)),
        Attribute::Ints("strides", each(windows, |axis| axis.stride)),
        Attribute::Ints("dilations", each(windows, |axis| axis.dilation)),
        Attribute::Ints("pads", margins),
    ]
}

fn names<'n>(node: &'n Node<'_>) -> Vec<&'n str> {
    node.inputs.iter().map(|(name, _)| &name[..]).collect()
}

pub(super) fn convolution(g: &mut Graph, node: &Node<'_>, windows: &[Axis; 3], groups: usize) -> String {
    let windows = spatial(node, windows);
    let mut attributes = attributes(windows, margins(windows, after));
    attributes.push(Attribute::Int("group", groups as i64));
    g.node("Conv", &names(node), &attributes)
}

pub(super) fn transposed(g: &mut Graph, node: &Node<'_>, windows: &[Axis; 3], groups: usize) -> String {
    let windows = spatial(node, windows);
    let mut attributes = attributes(windows, margins(windows, |axis| axis.padding));
    // The convolution's input, which is this one's output, may have elements that no window reaches.
    let further = |axis: &Axis| {
        let reached = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
        (axis.input + 2 * axis.padding).saturating_sub(reached)
    };
    attributes.push(Attribute::Ints("output_padding", each(windows, further)));
    attributes.push(Attribute::Int("group", groups as i64));
    g.node("ConvTranspose", &names(node), &attributes)
}

pub(super) fn max_pool(g: &mut Graph, node: &Node<'_>, windows: &[Axis; 3]) -> String {
    let windows = spatial(node, windows);
    g.node("MaxPool", &[node.input(0)], &attributes(windows, margins(windows, after)))
}

/// The means of whole windows over explicit margins of zeros, times a factor for each place.
pub(super) fn avg_pool(g: &mut Graph, node: &Node<'_>, windows: &[Axis; 3], divisors: &[usize]) -> String {
    let windows = spatial(node, windows);
    let mut x = node.input(0).to_owned();
    let margins = margins(windows, after);
    if margins.iter().any(|&margin| margin > 0) {
        let (before, after) = margins.split_at(windows.len());
        let all = g.integers(&[&[0, 0], before, &[0, 0], after].concat());
        x = g.plain("Pad", &[&x, &all]);
    }
    let means = g.node("AveragePool", &[&x], &attributes(windows, vec![0; 2 * windows.len()]));
    let taps: usize = windows.iter().map(|axis| axis.kernel).product();
    if divisors.iter().all(|&divisor| divisor == taps) {
        return means;
    }
    let factors: Vec<f32> = divisors.iter().map(|&divisor| (taps as f64 / divisor as f64) as f32).collect();
    let shape: Vec<usize> = windows.iter().map(|axis| axis.output).collect();
    let factors = g.tensor("", &shape, &factors);
    g.plain("Mul", &[&means, &factors])
}

/// # Errors
/// If the windows have different sizes.
pub(super) fn adaptive(
    g: &mut Graph,
    node: &Node<'_>,
    input: [usize; 3],
    output: [usize; 3],
) -> Result<String, String> {
    let mut windows = [Axis::NONE; 3];
    for ((axis, input), output) in windows.iter_mut().zip(input).zip(output) {
        if !input.is_multiple_of(output) {
            return Err(format!("it has windows of different sizes, {input} elements to {output} places"));
        }
        let kernel = input / output;
        *axis = Axis { input, output, kernel, stride: kernel, padding: 0, dilation: 1 };
    }
    let windows = spatial(node, &windows);
    Ok(g.node("AveragePool", &[node.input(0)], &attributes(windows, vec![0; 2 * windows.len()])))
}
