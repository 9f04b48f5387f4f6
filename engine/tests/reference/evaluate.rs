//! The reference cases' operations, as far as the engine has them or can put them together.

use elbo_engine::{Real, Tape, Var};
use serde_json::Value;

#[path = "moving.rs"]
mod moving;

/// Reference operations without a counterpart, and the name that a method for each would have: where a variable has
/// such a method, the operation must be checked.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    ("sin", "sin"),
    ("cos", "cos"),
    ("atan", "atan"),
    ("sinh", "sinh"),
    ("erf", "erf"),
    ("erfc", "erfc"),
    ("gelu_erf", "gelu"),
    ("log1p", "ln_1p"),
    ("expm1", "exp_m1"),
    ("lgamma", "ln_gamma"),
    ("digamma", "digamma"),
    ("elu", "elu"),
    ("leaky_relu", "leaky_relu"),
    ("clamp", "clamp"),
    ("maximum", "maximum"),
    ("minimum", "minimum"),
    ("pow", "pow"),
    ("logaddexp", "ln_add_exp"),
    ("atan2", "atan2"),
    ("max", "max"),
    ("min", "min"),
    ("prod", "prod"),
    ("cumsum", "cumsum"),
    ("cumprod", "cumprod"),
    ("argmax", "argmax"),
    ("where", "select_by"),
    ("masked_fill", "masked_fill"),
    ("eigvalsh", "eigenvalues"),
    ("conv1d", "convolve"),
    ("conv2d", "convolve"),
    ("conv3d", "convolve"),
    ("conv_transpose1d", "convolve_transposed"),
    ("conv_transpose2d", "convolve_transposed"),
    ("conv_transpose3d", "convolve_transposed"),
    ("max_pool1d", "max_pool"),
    ("max_pool2d", "max_pool"),
    ("max_pool3d", "max_pool"),
    ("avg_pool1d", "mean_pool"),
    ("avg_pool2d", "mean_pool"),
    ("avg_pool3d", "mean_pool"),
    ("adaptive_avg_pool1d", "adaptive_mean_pool"),
    ("adaptive_avg_pool3d", "adaptive_mean_pool"),
    ("batch_norm", "batch_norm"),
    ("group_norm", "group_norm"),
    ("instance_norm", "instance_norm"),
    ("lstm", "lstm"),
    ("gru", "gru"),
    ("rnn", "rnn"),
    ("multi_head_attention", "multi_head_attention"),
];

/// Whether a case asks for something else of an operation that exists.
pub(crate) fn is_variant(case: &Value) -> bool {
    let attrs = &case["attrs"];
    let is = |op: &str| case["op"] == op;
    let uncommon_norm = is("norm") && attrs["p"] != 2;
    let uncommon_power =
        is("pow_scalar") && attrs["exponent"].as_f64().is_some_and(|e| ![0.5, 1.0, 2.0, 3.0].contains(&e));
    let masked = is("scaled_dot_product_attention") && attrs.get("mask").is_some();
    uncommon_norm || uncommon_power || masked
}

/// The value of a case's operation, or `None` if nothing here computes it.
pub(crate) fn evaluate<'t, T: Real>(
    tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    integers: &[&[i64]],
) -> Option<Var<'t, T>> {
    if let Some(value) = moving::evaluate(tape, case, x, integers) {
        return Some(value);
    }
    let attrs = &case["attrs"];
    if is_variant(case) {
        return None;
    }
    Some(match (case["op"].as_str()?, x) {
        ("tanh", &[x]) => x.tanh(),
        ("sigmoid", &[x]) => x.sigmoid(),
        ("logsigmoid", &[x]) => -(-x).softplus(),
        ("silu", &[x]) => x * x.sigmoid(),
        ("sqrt", &[x]) => x.sqrt(),
        ("rsqrt", &[x]) => x.sqrt().recip(),
        ("square", &[x]) => x.square(),
        ("exp", &[x]) => x.exp(),
        ("softplus", &[x]) => x.softplus(),
        ("reciprocal", &[x]) => x.recip(),
        ("pow_scalar", &[x]) => match attrs["exponent"].as_f64()? {
            0.5 => x.sqrt(),
            1.0 => x * 1.0,
            2.0 => x * x,
            _ => x.square() * x,
        },
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
        ("logsumexp", &[x]) => x.exp().sum_axes(&axes(attrs, x), keep(attrs)).ln(),
        ("norm", &[x]) => x.square().sum_axes(&axes(attrs, x), keep(attrs)).sqrt(),
        ("var", &[x]) => variance(x, attrs),
        ("std", &[x]) => variance(x, attrs).sqrt(),
        ("softmax", &[x]) => x.log_softmax(attrs["axis"].as_i64()? as isize).exp(),
        ("log_softmax", &[x]) => x.log_softmax(attrs["axis"].as_i64()? as isize),
        ("layer_norm", &[x, ref affine @ ..]) => {
            let over: Vec<isize> = last_axes(attrs);
            let centred = x - x.mean_axes(&over, true);
            let y = centred / (centred.square().mean_axes(&over, true) + attrs["eps"].as_f64()?).sqrt();
            match *affine {
                [weight, bias] => y * weight + bias,
                _ => y,
            }
        }
        ("rms_norm", &[x, weight]) => {
            x / (x.square().mean_axes(&last_axes(attrs), true) + attrs["eps"].as_f64()?).sqrt() * weight
        }
        ("scaled_dot_product_attention", &[q, k, v]) => {
            let scale = 1.0 / (*q.shape().last()? as f64).sqrt();
            (q.matmul(k.transpose()) * scale).log_softmax(-1).exp().matmul(v)
        }
        _ => return None,
    })
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The axes of a reduction; none given are all.
fn axes<T: Real>(attrs: &Value, x: Var<'_, T>) -> Vec<isize> {
    match attrs["axes"].as_array() {
        Some(axes) => axes.iter().map(|axis| axis.as_i64().unwrap() as isize).collect(),
        None => (0..x.shape().len() as isize).collect(),
    }
}

fn keep(attrs: &Value) -> bool {
    attrs["keepdims"] == true
}

fn last_axes(attrs: &Value) -> Vec<isize> {
    (1..=sizes(&attrs["normalized_shape"]).len() as isize).map(|axis| -axis).collect()
}

fn variance<'t, T: Real>(x: Var<'t, T>, attrs: &Value) -> Var<'t, T> {
    let over = axes(attrs, x);
    let squares = (x - x.mean_axes(&over, true)).square().sum_axes(&over, keep(attrs));
    let count = x.value().len() / squares.value().len();
    squares / (count as f64 - attrs["ddof"].as_f64().unwrap())
}
