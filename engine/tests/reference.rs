//! Values and gradients against other systems' (`reference/*.json` names each source), in double and single precision.

mod common;
#[path = "reference/evaluate.rs"]
mod evaluate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use elbo_engine::{Gradients, Real, Tape, Tensor};
use evaluate::{LEFT_OUT, evaluate};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A tensor of a reference file.
enum Array {
    Numbers(Tensor<f64>),
    Integers(Vec<i64>),
}

/// A reference file: its cases, and the tensors they name.
struct Family {
    cases: Vec<Value>,
    arrays: BTreeMap<String, Array>,
}

impl Family {
    fn read(name: &str) -> Self {
        let file = |ending: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
            std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap()
        };
        let mut manifest: Value = serde_json::from_slice(&file("json")).unwrap();
        let bytes = file("safetensors");
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let arrays = tensors.iter().map(|(key, view)| {
            let (words, _) = view.data().as_chunks::<8>();
            let array = match view.dtype() {
                Dtype::F64 => {
                    let numbers: Vec<f64> = words.iter().map(|&word| f64::from_le_bytes(word)).collect();
                    Array::Numbers(Tensor::new(view.shape(), numbers))
                }
                Dtype::I64 => Array::Integers(words.iter().map(|&word| i64::from_le_bytes(word)).collect()),
                other => panic!("{key} is of type {other:?}"),
            };
            (key.to_owned(), array)
        });
        let arrays = arrays.collect();
        let Value::Array(cases) = manifest["cases"].take() else { panic!("{name}.json has no cases") };
        Family { cases, arrays }
    }

    fn numbers(&self, key: &Value) -> &Tensor<f64> {
        match &self.arrays[key.as_str().unwrap()] {
            Array::Numbers(numbers) => numbers,
            Array::Integers(_) => panic!("{key} holds integers"),
        }
    }
}

/// How far a result may be from the reference. The manifests' conventions: relative to the largest element, or for
/// extreme values to each element.
struct Tolerance {
    relative: f64,
    absolute: f64,
    elementwise: bool,
}

impl Tolerance {
    fn check<T: Real>(&self, what: &str, ours: &[T], reference: &[f64]) {
        assert_eq!(ours.len(), reference.len(), "{what}");
        let largest = reference.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        for (i, (&x, &expected)) in ours.iter().zip(reference).enumerate() {
            // What single precision cannot hold is infinite in it, and correctly so.
            let representable = T::from_f64(expected).to_f64();
            let scale = if self.elementwise { expected.abs() } else { largest };
            let bound = self.relative * scale + self.absolute;
            let error = (x.to_f64() - expected).abs();
            assert!(
                error <= bound || x.to_f64() == representable,
                "{what}, element {i}: {x:e}, and the reference is {expected:e}; allowed is {bound:e}"
            );
        }
    }
}

/// Values and cotangents of a case's outputs: of the first, or of all if it takes all to have `len` elements. What the
/// reference gives no cotangent for counts zero times.
fn outputs(family: &Family, case: &Value, len: usize) -> Vec<[Vec<f64>; 2]> {
    let of = |output: &Value| {
        let values = family.numbers(output).data().to_vec();
        let cotangent = case["cotangents"].get(output.as_str().unwrap());
        let cotangent = cotangent.map_or(vec![0.0; values.len()], |key| family.numbers(key).data().to_vec());
        [values, cotangent]
    };
    let all = case["outputs"].as_array().unwrap();
    let first = of(&all[0]);
    if first[0].len() == len { vec![first] } else { all.iter().map(of).collect() }
}

/// Runs one case; `false` if the engine has not the operation.
fn check<T: Real>(family: &Family, case: &Value) -> bool {
    let mut model: Vec<Tensor<T>> = Vec::new();
    let (mut names, mut integers) = (Vec::new(), Vec::new());
    for input in case["inputs"].as_array().unwrap() {
        match &family.arrays[input.as_str().unwrap()] {
            Array::Numbers(numbers) => {
                names.push(input.as_str().unwrap());
                model.push(numbers.cast());
            }
            Array::Integers(values) => integers.push(&values[..]),
        }
    }
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let inputs: Vec<_> = model.iter().map(|tensor| tape.param(tensor)).collect();
    let Some(value) = evaluate(&tape, case, &inputs, &integers) else {
        return false;
    };
    let name = format!("{} in {}", case["name"], T::NAME);
    let outputs = outputs(family, case, value.value().len());
    let [expected, cotangent] = [0, 1].map(|k| outputs.iter().flat_map(|pair| pair[k].clone()).collect::<Vec<f64>>());
    if let [_] = &outputs[..] {
        assert_eq!(value.shape(), family.numbers(&case["outputs"][0]).shape(), "{name}: the shape");
    }

    let elementwise = case["kind"] == "extreme";
    let largest_cotangent = cotangent.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    let single = T::NAME == "f32";
    let tolerance = |double: f64| match (single, elementwise) {
        (true, true) => Tolerance { relative: 1e-4, absolute: 1e-6 * largest_cotangent, elementwise },
        (true, false) => Tolerance { relative: 1e-4, absolute: 1e-6, elementwise },
        (false, true) => Tolerance { relative: 1e-9, absolute: 2e-15 * largest_cotangent, elementwise },
        (false, false) => Tolerance { relative: double, absolute: 1e-13, elementwise },
    };
    tolerance(1e-10).check(&format!("{name}, value"), value.value(), &expected);

    let cotangent = tape.constant(value.shape(), |i| T::from_f64(cotangent[i]));
    (value * cotangent).sum().backward(&mut gradients);
    for (input, gradient) in case["grads"].as_object().unwrap() {
        let place = names.iter().position(|name| name == input).unwrap();
        let ours = gradients.get(&place.to_string()).unwrap();
        tolerance(1e-8).check(&format!("{name}, gradient of {input}"), ours, family.numbers(gradient).data());
    }
    true
}

#[test]
fn values_and_gradients_are_the_references() {
    let exist = common::operations();
    let (mut checked, mut left_out, mut variants) = (0, BTreeSet::new(), Vec::new());
    for family in ["ops", "nn"] {
        let family = Family::read(family);
        for case in &family.cases {
            let (op, name) = (case["op"].as_str().unwrap(), &case["name"]);
            let known = LEFT_OUT.iter().find(|(left_out, _)| *left_out == op);
            if let Some((_, method)) = known {
                assert!(!exist.contains(*method), "`{method}` exists, so the reference op `{op}` is to be checked");
            }
            match (check::<f64>(&family, case), known) {
                (true, None) => {
                    check::<f32>(&family, case);
                    checked += 1;
                }
                (false, Some(_)) => {
                    left_out.insert(op.to_owned());
                }
                (true, Some(_)) => panic!("{name} is computed, and yet `{op}` stands in the list of what is left out"),
                (false, None) if evaluate::is_variant(case) => variants.push(name.to_string()),
                (false, None) => {
                    panic!("{name}: nothing computes `{op}`, and it is not in the list of what is left out")
                }
            }
        }
    }
    println!("{checked} reference cases are checked, in f64 and in f32");
    println!("left out, because the engine has no such operation: {left_out:?}");
    println!("left out, because its operation has no such option: {variants:?}");
    assert!(checked >= 80, "only {checked} cases were checked");
}
