//! The reference cases' operations, as far as the engine has them or can put them together.

use elbo_engine::{Real, Tape, Var};
use serde_json::Value;

#[path = "elementwise.rs"]
mod elementwise;
#[path = "moving.rs"]
mod moving;
#[path = "networks.rs"]
mod networks;

pub(crate) use elementwise::indices;

/// Reference operations without a counterpart, and the name that a method for each would have: where a variable has
/// such a method, the operation must be checked.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    ("atan", "atan"),
    ("sinh", "sinh"),
    ("logaddexp", "ln_add_exp"),
    ("atan2", "atan2"),
    ("einsum", "einsum"),
    ("masked_fill", "masked_fill"),
    ("huber_loss", "huber"),
    ("cholesky", "cholesky"),
    ("inverse", "inverse"),
    ("slogdet", "ln_det"),
    ("logdet", "ln_det"),
    ("solve", "solve"),
    ("triangular_solve", "triangular_solve"),
    ("cholesky_solve", "cholesky_solve"),
    ("eigvalsh", "eigenvalues"),
    ("lstm", "lstm"),
    ("gru", "gru"),
    ("rnn", "rnn"),
];

/// Whether a case asks for something else of an operation that exists.
pub(crate) fn is_variant(case: &Value) -> bool {
    let attrs = &case["attrs"];
    let is = |op: &str| case["op"] == op;
    let other_inputs = case["inputs"].as_array().unwrap().len() > 2 && (is("bce_with_logits") || is("cross_entropy"));
    let uncommon_loss = is("cross_entropy")
        && (attrs["label_smoothing"] != 0.0
            || attrs["reduction"] == "none"
            || case["name"].as_str().unwrap().contains("ignore"));
    other_inputs || uncommon_loss
}

/// The value of a case's operation, or `None` if nothing here computes it.
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
    if is_variant(case) {
        return None;
    }
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
        ("cross_entropy", &[logits]) => {
            let labels = tape.alloc_slice(integers[0].len(), |i| integers[0][i] as usize);
            // Classes last; any axes behind them are more rows.
            let rank = logits.shape().len() as isize;
            let order: Vec<isize> = [0].into_iter().chain(2..rank).chain([1]).collect();
            let mean = logits.permute(&order).reshape([labels.len(), logits.shape()[1]]).cross_entropy(labels);
            if attrs["reduction"] == "sum" { mean * labels.len() as f64 } else { mean }
        }
        ("bce_with_logits", &[x, target]) => reduced(x.softplus() - x * target, attrs),
        ("mse_loss", &[x, target]) => reduced((x - target).square(), attrs),
        ("gaussian_nll", &[mean, target, variance]) => {
            reduced((variance.ln() + (target - mean).square() / variance) * 0.5, attrs)
        }
        ("poisson_nll", &[x, target]) => reduced(x.exp() - target * x, attrs),
        _ => return None,
    })
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The axes of a reduction; none given are all.
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
