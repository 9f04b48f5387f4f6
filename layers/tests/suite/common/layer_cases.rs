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

/// Sets the weights of a case, and compares the output and all gradients to 1e-10.
pub fn agrees<M>(case: &Value, mut model: M)
where
    M: Bayesian + Parameters<Scalar = f64>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    let name = case["name"].as_str().unwrap();
    let weights = case["weights"].as_object().unwrap();
    let mut names = Vec::new();
    model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
        let path = path.to_string();
        let value = tensor(weights.get(&path).unwrap_or_else(|| panic!("{name}: no weight {path}")));
        assert_eq!(value.shape(), parameter.shape(), "{name}: {path}");
        *parameter = value;
        names.push(path);
    });
    assert_eq!(names.len(), weights.len(), "{name}: {names:?}");
    // The input is a deterministic parameter beside the model, so that one pass collects all gradients.
    let both = (model, Point(tensor(&case["x"])));
    let (cotangent, expected) = (tensor(&case["cotangent"]), tensor(&case["output"]));
    let (tape, mut gradients) = (Tape::new(), Gradients::of(&both));
    let (draw, x) = both.draw(&tape, Key::new(1));
    let y = draw.forward(x);
    assert_eq!(y.shape(), expected.shape(), "{name}");
    assert_near(y.value(), expected.data(), 1e-10);
    (y * tape.input(&cotangent)).sum().backward(&mut gradients);
    names.iter().map(|path| (format!("0.{path}"), &path[..])).chain([("1".to_owned(), "x")]).for_each(
        |(ours, theirs)| {
            let expected = tensor(&case["gradients"][theirs]);
            assert_near(gradients.get(&ours).unwrap_or_else(|| panic!("{name}: {ours}")), expected.data(), 1e-10);
        },
    );
}
