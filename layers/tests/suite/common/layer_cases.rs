//! Reference cases of layers from PyTorch, one JSON file for each kind: weights, an input, an output, a cotangent and gradients.

use elbo::Path;
use elbo::prelude::*;
use serde_json::Value;

use super::assert_near;

pub fn cases(json: &str) -> Vec<Value> {
    let reference: Value = serde_json::from_str(json).unwrap();
    reference["cases"].as_array().unwrap().clone()
}

pub fn tensor(value: &Value) -> Tensor<f64> {
    let shape: Vec<usize> = serde_json::from_value(value["shape"].clone()).unwrap();
    let data: Vec<f64> = serde_json::from_value(value["data"].clone()).unwrap();
    Tensor::new(shape, data)
}

/// Sets all weights of a model from those of a case, by their names, and returns the names.
pub fn set_weights(case: &str, weights: &Value, model: &mut impl Parameters<Scalar = f64>) -> Vec<String> {
    let weights = weights.as_object().unwrap();
    let mut names = Vec::new();
    model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
        let path = path.to_string();
        let value = tensor(weights.get(&path).unwrap_or_else(|| panic!("{case}: no weight {path}")));
        assert_eq!(value.shape(), parameter.shape(), "{case}: {path}");
        *parameter = value;
        names.push(path);
    });
    assert_eq!(names.len(), weights.len(), "{case}: {names:?}");
    names
}

/// Compares gradients to those of a case, to 1e-10: pairs of our name and the case's.
pub fn agree_in_gradients<'a>(
    case: &Value,
    gradients: &Gradients<f64>,
    names: impl IntoIterator<Item = (String, &'a str)>,
) {
    for (ours, theirs) in names {
        let expected = tensor(&case["gradients"][theirs]);
        let found = gradients.get(&ours).unwrap_or_else(|| panic!("{}: no gradient of {ours}", case["name"]));
        assert_near(found, expected.data(), 1e-10);
    }
}

/// Sets the weights of a case, and compares the output of `x` and all gradients to 1e-10.
pub fn agrees<M>(case: &Value, model: M)
where
    M: Bayesian + Parameters<Scalar = f64>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    agrees_on(case, model, &[("x", &case["x"])], |draw, inputs| draw.forward(inputs[0]));
}

/// Sets the weights of a case, runs `forward` on these inputs, by name, and compares the output and all gradients to 1e-10.
pub fn agrees_on<M>(
    case: &Value,
    mut model: M,
    inputs: &[(&str, &Value)],
    forward: impl for<'t> Fn(M::Draw<'t>, &[Var<'t, f64>]) -> Var<'t, f64>,
) where
    M: Bayesian + Parameters<Scalar = f64>,
{
    let name = case["name"].as_str().unwrap();
    let names = set_weights(name, &case["weights"], &mut model);
    // The inputs are deterministic parameters beside the model, so that one pass collects all gradients.
    let values: Vec<Point<f64>> = inputs.iter().map(|(_, value)| Point(tensor(value))).collect();
    let both = (model, values);
    let (cotangent, expected) = (tensor(&case["cotangent"]), tensor(&case["output"]));
    let (tape, mut gradients) = (Tape::new(), Gradients::of(&both));
    let (draw, values) = both.draw(&tape, Key::new(1));
    let y = forward(draw, values);
    assert_eq!(y.shape(), expected.shape(), "{name}");
    assert_near(y.value(), expected.data(), 1e-10);
    (y * tape.input(&cotangent)).sum().backward(&mut gradients);
    let of_weights = names.iter().map(|path| (format!("0.{path}"), &path[..]));
    let of_inputs = inputs.iter().enumerate().map(|(i, (name, _))| (format!("1.{i}"), *name));
    agree_in_gradients(case, &gradients, of_weights.chain(of_inputs));
}
