//! Reference cases of elementwise operations, selections and reductions along axes.

use elbo_engine::{Real, Tape, Var};
use serde_json::Value;

use super::{axes, keep, reduced};

/// The value of a case's operation, or `None` if it is not implemented here.
pub(crate) fn evaluate<'t, T: Real>(
    tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    integers: &[&[i64]],
) -> Option<Var<'t, T>> {
    let attrs = &case["attrs"];
    let number = |name: &str| attrs[name].as_f64();
    let axis = || Some(attrs["axis"].as_i64()? as isize);
    let ddof = || Some(attrs["ddof"].as_u64()? as usize);
    // The case's mask, whose shape is not given: that of an operand, or a column.
    let mask = |operand: Var<'t, T>| {
        let elements = integers[0].len();
        let column = [elements, 1];
        let shape = if operand.value().len() == elements { operand.shape() } else { &column };
        tape.constant(shape, |i| T::from_f64(integers[0][i] as f64))
    };
    Some(match (case["op"].as_str()?, x) {
        ("logsigmoid", &[x]) => x.log_sigmoid(),
        ("silu", &[x]) => x.silu(),
        ("rsqrt", &[x]) => x.rsqrt(),
        ("log1p", &[x]) => x.ln_1p(),
        ("expm1", &[x]) => x.exp_m1(),
        ("sin", &[x]) => x.sin(),
        ("cos", &[x]) => x.cos(),
        ("atan", &[x]) => x.atan(),
        ("sinh", &[x]) => x.sinh(),
        ("atan2", &[a, b]) => a.atan2(b),
        ("logaddexp", &[a, b]) => a.ln_add_exp(b),
        ("erf", &[x]) => x.erf(),
        ("erfc", &[x]) => x.erfc(),
        ("gelu_erf", &[x]) => x.gelu(),
        ("lgamma", &[x]) => x.ln_gamma(),
        ("digamma", &[x]) => x.digamma(),
        ("pow", &[a, b]) => a.pow(b),
        ("pow_scalar", &[x]) => x.powf(number("exponent")?),
        ("elu", &[x]) => x.elu(number("alpha")?),
        ("leaky_relu", &[x]) => x.leaky_relu(number("slope")?),
        // On a bound, the reference's gradient is 0 (`clamp_kink`), although its manifest says 1.
        ("clamp", &[x]) => x.clamp(number("min").unwrap_or(f64::NEG_INFINITY), number("max").unwrap_or(f64::INFINITY)),
        ("maximum", &[a, b]) => a.maximum(b),
        ("minimum", &[a, b]) => a.minimum(b),
        ("where", &[a, b]) => mask(a).select(a, b),
        ("masked_fill", &[x]) => mask(x).select(tape.constant([], |_| T::from_f64(number("value").unwrap())), x),
        ("l1_loss", &[x, target]) => reduced((x - target).abs(), attrs),
        ("max", &[x]) => x.max_axes(&axes(attrs, x), keep(attrs)),
        ("min", &[x]) => x.min_axes(&axes(attrs, x), keep(attrs)),
        ("prod", &[x]) => x.prod_axes(&axes(attrs, x), keep(attrs)),
        ("logsumexp", &[x]) => x.log_sum_exp_axes(&axes(attrs, x), keep(attrs)),
        ("norm", &[x]) if attrs["p"] == 1 => x.abs().sum_axes(&axes(attrs, x), keep(attrs)),
        ("norm", &[x]) if attrs["p"] == 2 => x.norm_axes(&axes(attrs, x), keep(attrs)),
        ("var", &[x]) => x.variance_axes(&axes(attrs, x), keep(attrs), ddof()?),
        ("std", &[x]) => x.std_axes(&axes(attrs, x), keep(attrs), ddof()?),
        ("cumsum", &[x]) => x.cumsum(axis()?),
        ("cumprod", &[x]) => x.cumprod(axis()?),
        ("softmax", &[x]) => x.softmax(axis()?),
        _ => return None,
    })
}

/// The indices of a case whose result is an array of indices.
pub(crate) fn indices<'t, T: Real>(case: &Value, x: &[Var<'t, T>]) -> Option<&'t [usize]> {
    match (case["op"].as_str()?, x) {
        ("argmax", &[x]) => Some(x.argmax(case["attrs"]["axis"].as_i64()? as isize)),
        _ => None,
    }
}
