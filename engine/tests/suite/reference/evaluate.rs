//! Evaluates the operations of the reference cases.

use elbo_engine::{Real, Tape, Var};
use serde_json::Value;

#[path = "elementwise.rs"]
mod elementwise;
#[path = "moving.rs"]
mod moving;
#[path = "networks.rs"]
mod networks;

pub(crate) use elementwise::indices;

/// Reference operations without a counterpart, and the name that such a method would have: if a variable has it, the
/// operation must be checked. The list is empty.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[];

/// The value of a case's operation, or `None` if it is not implemented here.
pub(crate) fn evaluate<'t, T: Real>(
    tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    integers: &[&[i64]],
) -> Option<Var<'t, T>> {
    if let Some(value) = networks::evaluate(tape, case, x, integers) {
        return Some(value);
    }
    if let Some(value) = moving::evaluate(tape, case, x, integers) {
        return Some(value);
    }
    let attrs = &case["attrs"];
    if let Some(value) = elementwise::evaluate(tape, case, x, integers) {
        return Some(value);
    }
    Some(match (case["op"].as_str()?, x) {
        ("tanh", &[x]) => x.tanh(),
        ("sigmoid", &[x]) => x.sigmoid(),
        ("sqrt", &[x]) => x.sqrt(),
        ("square", &[x]) => x.square(),
        ("exp", &[x]) => x.exp(),
        ("softplus", &[x]) => x.softplus(),
        ("reciprocal", &[x]) => x.recip(),
        ("add", &[a, b]) => a + b,
        ("sub", &[a, b]) => a - b,
        ("mul", &[a, b]) => a * b,
        ("div", &[a, b]) => a / b,
        ("mul_self", &[a]) => a * a,
        ("matmul", &[a, b]) => a.matmul(b),
        ("linear", &[x, w]) => x.linear(w),
        ("linear", &[x, w, b]) => x.affine(w, b),
        ("reshape", &[x]) => x.reshape(sizes(&attrs["shape"])),
        ("sum", &[x]) => x.sum_axes(&axes(attrs, x), keep(attrs)),
        ("mean", &[x]) => x.mean_axes(&axes(attrs, x), keep(attrs)),
        ("log_softmax", &[x]) => x.log_softmax(attrs["axis"].as_i64()? as isize),
        _ => return None,
    })
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The axes of a reduction; by default, all.
pub(crate) fn axes<T: Real>(attrs: &Value, x: Var<'_, T>) -> Vec<isize> {
    match attrs["axes"].as_array() {
        Some(axes) => axes.iter().map(|axis| axis.as_i64().unwrap() as isize).collect(),
        None => (0..x.shape().len() as isize).collect(),
    }
}

pub(crate) fn keep(attrs: &Value) -> bool {
    attrs["keepdims"] == true
}

pub(crate) fn reduced<'t, T: Real>(losses: Var<'t, T>, attrs: &Value) -> Var<'t, T> {
    match attrs["reduction"].as_str() {
        Some("mean") => losses.mean(),
        Some("sum") => losses.sum(),
        _ => losses,
    }
}
