//! A forward pass, recorded for two batches, as a graph.

use std::collections::HashMap;

use crate::engine::{Parameters, Path, Real, Tape, Tensor, Trace, Var};
use crate::model::Drawn;
use crate::model::forward_by::Outputs;
use crate::onnx::OnnxError;
use crate::onnx::graph::{Dim, Graph};
use crate::onnx::operators::{Node, operator};
use crate::samples::{Samples, ScalarOf};

/// Two rows of x, and three of its other rows, again and again if there are fewer: what is computed in Rust from a batch, such as its
/// maximum, then differs, in whatever order it takes the rows.
///
/// # Errors
/// If there are fewer than two rows, or all are equal.
pub(super) fn batches<T: Real>(x: &Tensor<T>) -> Result<[Tensor<T>; 2], OnnxError> {
    let rows = x.shape().first().copied().unwrap_or(0);
    let row = |index: usize| &x.data()[index * (x.len() / rows)..][..x.len() / rows];
    // The first row that is another one begins the second batch.
    let Some(other) = (1..rows).find(|&index| row(index) != row(0)) else {
        return Err(OnnxError::Rows { shape: x.shape().to_vec() });
    };
    let of = |order: &[usize]| {
        let mut shape = x.shape().to_vec();
        shape[0] = order.len();
        Tensor::new(shape, order.iter().flat_map(|&index| row(index)).copied().collect::<Vec<T>>())
    };
    let after = |count: usize| if other + count < rows { other + count } else { other };
    Ok([of(&[0, 0]), of(&[other, after(1), after(2)])])
}

/// Adds the forward pass of a draw; returns its output and the axes of it.
///
/// # Errors
/// If the forward pass cannot be written as a graph.
#[track_caller]
pub(super) fn add_draw<S: Samples>(
    graph: &mut Graph,
    samples: &S,
    index: usize,
    batches: &[Tensor<ScalarOf<S>>; 2],
    forward: &impl Outputs<S::Model>,
    prefix: &str,
) -> Result<(String, Vec<Dim>), OnnxError> {
    let tapes = [Tape::inference(), Tape::inference()];
    let mut names = HashMap::new();
    let mut traces = Vec::new();
    for (tape, batch) in tapes.iter().zip(batches) {
        let input = tape.input(batch);
        let net = samples.draw(tape, index);
        let output = forward.outputs(net, input);
        let mut name = |value: &[ScalarOf<S>], path: &Path<'_>| {
            names.entry(value.as_ptr() as usize).or_insert_with(|| format!("{prefix}{path}"));
        };
        net.walk(&Path::ROOT, &mut |path, weight| name(weight.value_var().value(), path));
        samples.model_of(index).visit(&Path::ROOT, &mut |path, _, tensor| name(tensor.data(), path));
        traces.push((output.trace(), input));
    }
    let [first, second] = [&traces[0], &traces[1]];
    let rows = [0, 1].map(|i| batches[i].shape()[0]);
    Recorded { rows, traces: [&first.0, &second.0], inputs: [first.1, second.1], names, graph }.write()
}

/// The same forward pass for two batches, and the graph that it is added to.
struct Recorded<'r, 't, T: Real> {
    rows: [usize; 2],
    traces: [&'r Trace<'t, T>; 2],
    inputs: [Var<'t, T>; 2],
    /// The names of weights and buffers, by the address of their values.
    names: HashMap<usize, String>,
    graph: &'r mut Graph,
}

fn depends(what: impl Into<String>) -> OnnxError {
    OnnxError::Inputs { what: what.into() }
}

impl<T: Real> Recorded<'_, '_, T> {
    fn write(mut self) -> Result<(String, Vec<Dim>), OnnxError> {
        let [first, second] = self.traces;
        let are_same = first.operations.len() == second.operations.len() && first.values.len() == second.values.len();
        if !are_same {
            return Err(depends("has other operations for other rows"));
        }
        // Of each value: its name, if it depends on the inputs or is already in the graph.
        let mut live: Vec<bool> = Vec::new();
        let mut names: Vec<Option<String>> = Vec::new();
        let mut outputs: Vec<Option<Vec<String>>> = vec![None; first.operations.len()];
        for (index, value) in first.values.iter().enumerate() {
            let is_input = [0, 1].map(|i| same(self.traces[i].values[index].value, self.inputs[i]));
            let (is_live, name) = match value.source {
                None if is_input == [true; 2] => (true, Some(self.graph.input())),
                None if is_input != [false; 2] => {
                    return Err(depends("uses its input in another place for other rows"));
                }
                None => (false, None),
                Some((operation, output)) => {
                    let inputs = &first.operations[operation].inputs;
                    if inputs.iter().any(|&input| live[input]) {
                        if outputs[operation].is_none() {
                            outputs[operation] = Some(self.operation(operation, &mut names)?);
                        }
                        let made = outputs[operation].as_ref().and_then(|made| made.get(output));
                        (true, made.cloned())
                    } else {
                        (false, None)
                    }
                }
            };
            live.push(is_live);
            names.push(name);
        }
        let last = names.len() - 1;
        let dims = self.dims(last)?;
        Ok((self.name(last, &mut names)?, dims))
    }

    /// The name of a value: a constant is added to the graph where it is first used.
    fn name(&mut self, index: usize, names: &mut [Option<String>]) -> Result<String, OnnxError> {
        if names[index].is_none() {
            names[index] = Some(self.constant(index)?);
        }
        Ok(names[index].clone().unwrap_or_default())
    }

    /// The axes of a value.
    fn dims(&self, index: usize) -> Result<Vec<Dim>, OnnxError> {
        let [first, second] = self.traces.map(|trace| trace.values[index].value);
        if first.draws() != 1 {
            return Err(depends("makes several draws at once"));
        }
        dims(self.rows, [first.shape(), second.shape()])
    }

    /// Adds a value that does not depend on the inputs.
    fn constant(&mut self, index: usize) -> Result<String, OnnxError> {
        let values = self.traces.map(|trace| trace.values[index].value);
        let dims = self.dims(index)?;
        let wanted = self.names.get(&(values[0].value().as_ptr() as usize)).cloned().unwrap_or_default();
        // One row of those that are repeated.
        let [one, other] = values.map(|value| reduced(value.shape(), value.value(), &dims));
        let same_bits = |(a, b): (&T, &T)| a.to_f64().to_bits() == b.to_f64().to_bits();
        let (Some((shape, data)), Some((_, other))) = (one, other) else {
            return Err(depends("has constants that differ by row"));
        };
        if data.len() != other.len() || !data.iter().zip(&other).all(same_bits) {
            return Err(depends("has constants that depend on its inputs"));
        }
        let mut rounded = Vec::with_capacity(data.len());
        for x in data {
            let value = x.to_f64();
            let y = value as f32;
            if value.is_finite() && !y.is_finite() {
                return Err(OnnxError::Value { value });
            }
            rounded.push(y);
        }
        let name = self.graph.tensor(&wanted, &shape, &rounded);
        let is_whole = dims.iter().all(|dim| matches!(dim, Dim::Fixed(_)));
        Ok(if is_whole { name } else { self.graph.expand(&name, &dims) })
    }

    /// Adds an operation; returns the names of its outputs.
    fn operation(&mut self, index: usize, names: &mut [Option<String>]) -> Result<Vec<String>, OnnxError> {
        let [first, second] = self.traces.map(|trace| &trace.operations[index]);
        let failed = |reason: String| OnnxError::Operation {
            name: first.name.to_owned(),
            caller: first.caller.to_string(),
            reason,
        };
        let Some(description) = &first.description else {
            return Err(failed("it has no counterpart there".to_owned()));
        };
        if first.inputs != second.inputs || first.name != second.name {
            return Err(depends(format!("has another operation than `{}` for other rows", first.name)));
        }
        if first.description != second.description {
            let (name, caller) = (first.name, first.caller);
            return Err(depends(format!("has other settings of `{name}` ({caller}) for other rows")));
        }
        let mut inputs = Vec::new();
        for &input in &first.inputs {
            inputs.push((self.name(input, names)?, self.dims(input)?));
        }
        let mut outputs = Vec::new();
        for (a, b) in first.outputs.iter().zip(&second.outputs) {
            // What is kept for the adjoint may have any shape, and is not written.
            outputs.push(dims(self.rows, [a, b]).ok());
        }
        operator(self.graph, &Node { description, inputs: &inputs, outputs: &outputs }).map_err(failed)
    }
}

fn same<T: Real>(a: Var<'_, T>, b: Var<'_, T>) -> bool {
    a.value().as_ptr() == b.value().as_ptr() && a.shape() == b.shape()
}

/// The axes of a value with these shapes for these numbers of rows.
///
/// # Errors
/// If a length is neither fixed nor a multiple of the rows.
fn dims(rows: [usize; 2], shapes: [&[usize]; 2]) -> Result<Vec<Dim>, OnnxError> {
    let [first, second] = shapes;
    let other =
        || depends(format!("has values of the shapes {first:?} and {second:?} for {} and {} rows", rows[0], rows[1]));
    if first.len() != second.len() {
        return Err(other());
    }
    let dim = |(&a, &b): (&usize, &usize)| match a {
        _ if a == b => Ok(Dim::Fixed(a)),
        _ if a.is_multiple_of(rows[0]) && a / rows[0] * rows[1] == b => Ok(Dim::Rows(a / rows[0])),
        _ => Err(other()),
    };
    first.iter().zip(second).map(dim).collect()
}

/// The value with length 1 along the axes of the rows; `None` if it differs along them.
fn reduced<T: Real>(shape: &[usize], data: &[T], dims: &[Dim]) -> Option<(Vec<usize>, Vec<T>)> {
    let (mut shape, mut data) = (shape.to_vec(), data.to_vec());
    for (axis, _) in dims.iter().enumerate().filter(|(_, dim)| matches!(dim, Dim::Rows(_))) {
        let inner: usize = shape[axis + 1..].iter().product();
        let block = shape[axis] * inner;
        let bits = |x: &T| x.to_f64().to_bits();
        let is_repeated = data
            .chunks(block.max(1))
            .all(|block| block.iter().enumerate().all(|(i, x)| bits(x) == bits(&block[i % inner.max(1)])));
        if !is_repeated {
            return None;
        }
        data = data.chunks(block.max(1)).flat_map(|block| block[..inner].to_vec()).collect();
        shape[axis] = 1;
    }
    Some((shape, data))
}
