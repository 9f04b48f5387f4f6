//! Affine maps, recurrent cells and attention.

use crate::engine::Activation;
use crate::onnx::graph::{Attribute, Dim, Graph};
use crate::onnx::operators::Node;

/// x · wᵀ + b, and an activation.
pub(super) fn affine(g: &mut Graph, node: &Node<'_>, activation: Activation) -> String {
    let (x, w) = (node.input(0), node.input(1));
    let bias = node.inputs.get(2).map(|(name, _)| &name[..]);
    let sum = if node.dims(0).len() == 2 {
        let inputs: Vec<&str> = [x, w].into_iter().chain(bias).collect();
        g.node("Gemm", &inputs, &[Attribute::Int("transB", 1)])
    } else {
        let transposed = g.node("Transpose", &[w], &[Attribute::Ints("perm", vec![1, 0])]);
        let product = g.plain("MatMul", &[x, &transposed]);
        match bias {
            Some(bias) => g.plain("Add", &[&product, bias]),
            None => product,
        }
    };
    match activation {
        Activation::Relu => g.plain("Relu", &[&sum]),
        Activation::Tanh => g.plain("Tanh", &[&sum]),
        Activation::Sigmoid => g.plain("Sigmoid", &[&sum]),
        _ => sum,
    }
}

/// A step of a recurrent cell: the state.
///
/// # Errors
/// If its width is unknown.
pub(super) fn cell(g: &mut Graph, node: &Node<'_>, name: &str, step: usize) -> Result<Vec<String>, String> {
    let &[_, Dim::Fixed(hidden)] = node.output()? else { return Err("its width depends on the rows".to_owned()) };
    let of_x = if node.dims(0).len() == 3 {
        let place = g.integer(step as i64);
        g.node("Gather", &[node.input(0), &place], &[Attribute::Int("axis", 1)])
    } else {
        node.input(0).to_owned()
    };
    let gate = |g: &mut Graph, sums: &str, i: usize| {
        let bounds = [i * hidden, (i + 1) * hidden, 1].map(|i| g.integers(&[i as i64]));
        g.plain("Slice", &[sums, &bounds[0], &bounds[1], &bounds[2]])
    };
    if name == "gru_cell" {
        let [of_x, of_h] = [&of_x, node.input(1)].map(|sums| [0, 1, 2].map(|i| gate(g, sums, i)));
        let [r, z] = [0, 1].map(|i| {
            let sum = g.plain("Add", &[&of_x[i], &of_h[i]]);
            g.plain("Sigmoid", &[&sum])
        });
        let product = g.plain("Mul", &[&r, &of_h[2]]);
        let sum = g.plain("Add", &[&of_x[2], &product]);
        let n = g.plain("Tanh", &[&sum]);
        let change = g.plain("Sub", &[node.input(2), &n]);
        let part = g.plain("Mul", &[&z, &change]);
        return Ok(vec![g.plain("Add", &[&n, &part])]);
    }
    let sums = g.plain("Add", &[&of_x, node.input(1)]);
    if name == "rnn_cell" {
        return Ok(vec![g.plain("Tanh", &[&sums])]);
    }
    let gates = [(0, "Sigmoid"), (1, "Sigmoid"), (2, "Tanh"), (3, "Sigmoid")].map(|(i, activation)| {
        let sum = gate(g, &sums, i);
        g.plain(activation, &[&sum])
    });
    let [i, f, new, o] = &gates;
    let (kept, added) = (g.plain("Mul", &[f, node.input(2)]), g.plain("Mul", &[i, new]));
    let cell = g.plain("Add", &[&kept, &added]);
    let open = g.plain("Tanh", &[&cell]);
    Ok(vec![g.plain("Mul", &[o, &open]), cell])
}

/// softmax(scale q · kᵀ + mask) · v.
///
/// # Errors
/// If a causal mask depends on the rows.
pub(super) fn attention(
    g: &mut Graph,
    node: &Node<'_>,
    causal: bool,
    scale: f64,
    allows: bool,
) -> Result<String, String> {
    let [q, k, v] = [0, 1, 2].map(|i| node.input(i));
    let rank = node.dims(1).len();
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    let (transposed, scale) = (g.node("Transpose", &[k], &[Attribute::Ints("perm", order)]), g.number(scale));
    let products = g.plain("MatMul", &[q, &transposed]);
    let mut scores = g.plain("Mul", &[&products, &scale]);
    let never = g.number(f64::NEG_INFINITY);
    if causal {
        let lengths = [node.dims(0)[rank - 2], node.dims(1)[rank - 2]];
        let [Dim::Fixed(queries), Dim::Fixed(keys)] = lengths else {
            return Err("the number of its steps depends on the rows".to_owned());
        };
        let mask: Vec<f32> = (0..queries * keys).map(|i| if i % keys <= i / keys { 1.0 } else { 0.0 }).collect();
        let mask = g.tensor("", &[queries, keys], &mask);
        let mask = g.truth(&mask);
        scores = g.plain("Where", &[&mask, &scores, &never]);
    }
    if let Some((mask, _)) = node.inputs.get(3) {
        scores = if allows {
            let mask = g.truth(mask);
            g.plain("Where", &[&mask, &scores, &never])
        } else {
            g.plain("Add", &[&scores, mask])
        };
    }
    let mut weights = g.node("Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
    if allows {
        // A query that attends to no key has the value 0.
        let (is_none, zero) = (g.plain("IsNaN", &[&weights]), g.number(0.0));
        weights = g.plain("Where", &[&is_none, &zero, &weights]);
    }
    Ok(g.plain("MatMul", &[&weights, v]))
}
