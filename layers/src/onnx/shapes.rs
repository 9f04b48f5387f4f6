//! Shapes, selections and reductions.

use crate::engine::Description;
use crate::onnx::graph::{Attribute, Dim, Graph};
use crate::onnx::operators::Node;

/// Adds an operation on axes; returns the names of its outputs.
///
/// # Errors
/// What is missing in ONNX.
pub(super) fn operator(g: &mut Graph, node: &Node<'_>) -> Result<Vec<String>, String> {
    use Description as D;
    let x = node.input(0);
    let along = |axis: &usize| Attribute::Int("axis", *axis as i64);
    let made = match node.description {
        D::Reshape => g.reshape(x, node.output()?),
        D::BroadcastTo => g.expand(x, node.output()?),
        D::Permute(order) => {
            let order = order.iter().map(|&axis| axis as i64).collect();
            g.node("Transpose", &[x], &[Attribute::Ints("perm", order)])
        }
        D::Slice { axis, start, .. } if node.output()?.len() < node.dims(0).len() => {
            let start = g.integer(*start as i64);
            g.node("Gather", &[x, &start], &[along(axis)])
        }
        D::Slice { axis, start, step } => {
            let count = node.output()?[*axis];
            slice(g, node, *axis, (*start, *step), count)?
        }
        D::Concatenate(axis) => {
            let inputs: Vec<&str> = node.inputs.iter().map(|(name, _)| &name[..]).collect();
            g.node("Concat", &inputs, &[along(axis)])
        }
        D::SplitInto(axis) => {
            let (mut start, mut parts) = (0, Vec::new());
            for output in node.outputs {
                let count = output.as_ref().map(|dims| dims[*axis]);
                let Some(Dim::Fixed(length)) = count else {
                    return Err("its parts depend on the rows".to_owned());
                };
                parts.push(slice(g, node, *axis, (start, 1), Dim::Fixed(length))?);
                start += length;
            }
            return Ok(parts);
        }
        D::Flip(axis) => {
            let bounds = [-1, i64::MIN, *axis as i64, -1].map(|i| g.integers(&[i]));
            g.plain("Slice", &[x, &bounds[0], &bounds[1], &bounds[2], &bounds[3]])
        }
        D::Pad { before, value } => pad(g, node, before, *value)?,
        D::Reduce(name, axes) => reduce(g, node, name, axes)?,
        D::ReduceVariance { axes, divisor, root } => {
            let all: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
            let all = g.integers(&all);
            let mean = g.plain("ReduceMean", &[x, &all]);
            let rest = g.plain("Sub", &[x, &mean]);
            let (square, divisor) = (g.plain("Mul", &[&rest, &rest]), g.number(*divisor));
            let sum = g.plain("ReduceSum", &[&square, &all]);
            let mut y = g.plain("Div", &[&sum, &divisor]);
            if *root {
                y = g.plain("Sqrt", &[&y]);
            }
            g.reshape(&y, node.output()?)
        }
        D::Softmax(axis) => g.node("Softmax", &[x], &[along(axis)]),
        D::LogSoftmax(axis) => g.node("LogSoftmax", &[x], &[along(axis)]),
        D::IndexSelect { axis, index } => {
            let index: Vec<i64> = index.iter().map(|&i| i as i64).collect();
            let shape = node.output()?.to_vec();
            let index = g.integers(&index);
            let rows = g.node("Gather", &[x, &index], &[along(axis)]);
            if shape.len() == node.dims(0).len() { rows } else { g.reshape(&rows, &shape) }
        }
        D::EmbeddingLookup => {
            let rows = g.indices(node.input(1));
            g.node("Gather", &[x, &rows], &[Attribute::Int("axis", 0)])
        }
        _ => return Err("it has no counterpart there".to_owned()),
    };
    Ok(vec![made])
}

/// Positions of an axis.
///
/// # Errors
/// If their number depends on the rows in another way than the axis itself.
fn slice(
    g: &mut Graph,
    node: &Node<'_>,
    axis: usize,
    (start, step): (usize, usize),
    count: Dim,
) -> Result<String, String> {
    let end = match count {
        Dim::Fixed(count) => start + count.saturating_sub(1) * step + count.min(1),
        Dim::Rows(_) if start == 0 && step == 1 && node.dims(0)[axis] == count => return Ok(node.input(0).to_owned()),
        Dim::Rows(_) => return Err("its positions depend on the number of rows".to_owned()),
    };
    let bounds = [start, end, axis, step].map(|i| g.integers(&[i as i64]));
    Ok(g.plain("Slice", &[node.input(0), &bounds[0], &bounds[1], &bounds[2], &bounds[3]]))
}

/// # Errors
/// If rows are added.
fn pad(g: &mut Graph, node: &Node<'_>, before: &[usize], value: f64) -> Result<String, String> {
    let mut margins = vec![0; 2 * before.len()];
    for (axis, &margin) in before.iter().enumerate() {
        margins[axis] = margin as i64;
        margins[before.len() + axis] = match (node.dims(0)[axis], node.output()?[axis]) {
            (Dim::Fixed(from), Dim::Fixed(to)) => (to - from - margin) as i64,
            (from, to) if from == to && margin == 0 => 0,
            _ => return Err("it adds rows".to_owned()),
        };
    }
    let (margins, value) = (g.integers(&margins), g.number(value));
    Ok(g.plain("Pad", &[node.input(0), &margins, &value]))
}

/// # Errors
/// If the reduction has no counterpart.
fn reduce(g: &mut Graph, node: &Node<'_>, name: &str, axes: &[usize]) -> Result<String, String> {
    let operator = match name {
        "sum" => "ReduceSum",
        "mean" => "ReduceMean",
        "max" => "ReduceMax",
        "min" => "ReduceMin",
        "prod" => "ReduceProd",
        "log_sum_exp" => "ReduceLogSumExp",
        "norm" => "ReduceL2",
        _ => return Err("the reduction has no counterpart there".to_owned()),
    };
    // Without axes it would go over all.
    if axes.is_empty() {
        return Ok(g.reshape(node.input(0), node.output()?));
    }
    let all: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
    let all = g.integers(&all);
    let reduced = g.plain(operator, &[node.input(0), &all]);
    let is_kept = node.output()?.len() == node.dims(0).len();
    Ok(if is_kept { reduced } else { g.reshape(&reduced, node.output()?) })
}
