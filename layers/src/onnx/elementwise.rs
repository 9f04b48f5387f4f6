//! Elementwise functions.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::onnx::graph::{Attribute, Graph};

/// Operators with the same meaning as a method.
const SAME: [(&str, &str); 15] = [
    ("abs", "Abs"),
    ("sign", "Sign"),
    ("sqrt", "Sqrt"),
    ("recip", "Reciprocal"),
    ("relu", "Relu"),
    ("tanh", "Tanh"),
    ("sigmoid", "Sigmoid"),
    ("softplus", "Softplus"),
    ("exp", "Exp"),
    ("ln", "Log"),
    ("sin", "Sin"),
    ("cos", "Cos"),
    ("atan", "Atan"),
    ("erf", "Erf"),
    ("cosh", "Cosh"),
];

/// A function of each element.
///
/// # Errors
/// If it has no counterpart.
pub(super) fn map(g: &mut Graph, name: &str, numbers: &[f64], x: &str) -> Result<String, String> {
    if let Some((_, operator)) = SAME.iter().find(|(method, _)| *method == name) {
        return Ok(g.plain(operator, &[x]));
    }
    let with = |g: &mut Graph, operator: &str, x: &str, number: f64| {
        let number = g.number(number);
        g.plain(operator, &[x, &number])
    };
    Ok(match (name, numbers) {
        ("sinh", _) => g.plain("Sinh", &[x]),
        ("square", _) => g.plain("Mul", &[x, x]),
        ("rsqrt", _) => {
            let root = g.plain("Sqrt", &[x]);
            g.plain("Reciprocal", &[&root])
        }
        ("exp_m1", _) => {
            // tanh(x/2) (eˣ + 1), which does not cancel at 0.
            let (half, exp) = (with(g, "Mul", x, 0.5), g.plain("Exp", &[x]));
            let (tanh, sum) = (g.plain("Tanh", &[&half]), with(g, "Add", &exp, 1.0));
            g.plain("Mul", &[&tanh, &sum])
        }
        ("ln_1p", _) => {
            // Near 0, 2 atanh(x / (2 + x)), which does not round x away.
            let (sum, size, limit) = (with(g, "Add", x, 1.0), g.plain("Abs", &[x]), g.number(0.5));
            let (ln, twice) = (g.plain("Log", &[&sum]), with(g, "Add", x, 2.0));
            let (ratio, is_near) = (g.plain("Div", &[x, &twice]), g.plain("Less", &[&size, &limit]));
            let atanh = g.plain("Atanh", &[&ratio]);
            let near = with(g, "Mul", &atanh, 2.0);
            g.plain("Where", &[&is_near, &near, &ln])
        }
        ("xlogx", _) => {
            let (zero, ln) = (g.number(0.0), g.plain("Log", &[x]));
            let (product, is_zero) = (g.plain("Mul", &[x, &ln]), g.plain("Equal", &[x, &zero]));
            g.plain("Where", &[&is_zero, &zero, &product])
        }
        ("log_sigmoid", _) => {
            let negative = g.plain("Neg", &[x]);
            let softplus = g.plain("Softplus", &[&negative]);
            g.plain("Neg", &[&softplus])
        }
        ("silu", _) => {
            let sigmoid = g.plain("Sigmoid", &[x]);
            g.plain("Mul", &[x, &sigmoid])
        }
        ("gelu", _) => {
            let scaled = with(g, "Mul", x, FRAC_1_SQRT_2);
            let erf = g.plain("Erf", &[&scaled]);
            let sum = with(g, "Add", &erf, 1.0);
            let product = g.plain("Mul", &[x, &sum]);
            with(g, "Mul", &product, 0.5)
        }
        ("gelu_tanh", _) => {
            let square = g.plain("Mul", &[x, x]);
            let cube = with(g, "Mul", &square, 0.044_715);
            let factor = with(g, "Add", &cube, 1.0);
            let product = g.plain("Mul", &[x, &factor]);
            let doubled = with(g, "Mul", &product, 2.0 * (2.0 / PI).sqrt());
            let sigmoid = g.plain("Sigmoid", &[&doubled]);
            g.plain("Mul", &[x, &sigmoid])
        }
        ("erfc", _) => {
            let (erf, one) = (g.plain("Erf", &[x]), g.number(1.0));
            g.plain("Sub", &[&one, &erf])
        }
        ("scale and shift", &[scale, shift]) => {
            let scaled = if scale == 1.0 { x.to_owned() } else { with(g, "Mul", x, scale) };
            if shift == 0.0 { scaled } else { with(g, "Add", &scaled, shift) }
        }
        ("leaky_relu", &[slope]) => g.node("LeakyRelu", &[x], &[Attribute::Float("alpha", slope)]),
        ("elu", &[alpha]) => g.node("Elu", &[x], &[Attribute::Float("alpha", alpha)]),
        ("clamp", &[low, high]) => {
            let mut bound = |x: f64| if x.is_finite() { g.number(x) } else { String::new() };
            let (low, high) = (bound(low), bound(high));
            g.plain("Clip", &[x, &low, &high])
        }
        ("powf", &[exponent]) => with(g, "Pow", x, exponent),
        (comparison, &[number]) => {
            let number = g.number(number);
            return pair(g, comparison, [x, &number]);
        }
        _ => return Err("the function has no counterpart there".to_owned()),
    })
}

/// A function of two inputs, broadcast.
///
/// # Errors
/// If it has no counterpart.
pub(super) fn pair(g: &mut Graph, name: &str, [a, b]: [&str; 2]) -> Result<String, String> {
    let truth = match name {
        "add" => return Ok(g.plain("Add", &[a, b])),
        "sub" => return Ok(g.plain("Sub", &[a, b])),
        "mul" => return Ok(g.plain("Mul", &[a, b])),
        "div" => return Ok(g.plain("Div", &[a, b])),
        "maximum" => return Ok(g.plain("Max", &[a, b])),
        "minimum" => return Ok(g.plain("Min", &[a, b])),
        "pow" => return Ok(g.plain("Pow", &[a, b])),
        "ln_add_exp" => {
            let (difference, greater) = (g.plain("Sub", &[a, b]), g.plain("Max", &[a, b]));
            let size = g.plain("Abs", &[&difference]);
            let negative = g.plain("Neg", &[&size]);
            let rest = g.plain("Softplus", &[&negative]);
            let sum = g.plain("Add", &[&greater, &rest]);
            // Of two equal numbers, which may be −∞, the difference may be NaN.
            let (ln_2, are_equal) = (g.number(std::f64::consts::LN_2), g.plain("Equal", &[a, b]));
            let doubled = g.plain("Add", &[a, &ln_2]);
            return Ok(g.plain("Where", &[&are_equal, &doubled, &sum]));
        }
        "gt" => g.plain("Greater", &[a, b]),
        "ge" => g.plain("GreaterOrEqual", &[a, b]),
        "lt" => g.plain("Less", &[a, b]),
        "le" => g.plain("LessOrEqual", &[a, b]),
        "eq" => g.plain("Equal", &[a, b]),
        "ne" => {
            let equal = g.plain("Equal", &[a, b]);
            g.plain("Not", &[&equal])
        }
        _ => return Err("the function has no counterpart there".to_owned()),
    };
    Ok(g.float(&truth))
}
