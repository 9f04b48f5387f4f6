//! Compares values and gradients with those of other systems (`reference/*.json` names each source), in double and
//! single precision.

mod compare;
mod evaluate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compare::Tolerance;
use elbo_engine::{Gradients, Real, Running, Shape, Tape, Tensor};
use evaluate::{LEFT_OUT, evaluate, indices};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A tensor of a reference file.
enum Array {
    Numbers(Tensor<f64>),
    Integers(Vec<i64>),
}

/// A reference file: its cases, and the tensors they refer to.
struct Family {
    cases: Vec<Value>,
    arrays: BTreeMap<String, Array>,
}

impl Family {
    fn read(name: &str) -> Self {
        let file = |ending: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/reference");
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

/// ψ′(x) = Σ 1/(x + k)² (DLMF 5.15.1), the terms from x + k ≥ 20 on by their asymptotic series (5.15.8).
fn trigamma(x: f64) -> f64 {
    let terms = (20.0 - x).ceil().max(0.0) as usize;
    let at = x + terms as f64;
    let square = 1.0 / (at * at);
    let series = 1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square / 30.0));
    let tail = 1.0 / at + square / 2.0 + square / at * series;
    (0..terms).rev().fold(tail, |sum, k| sum + 1.0 / (x + k as f64).powi(2))
}

/// A gradient of the reference. That of `digamma`, by PyTorch, has a relative error of up to 4.6e-10 (according to
/// mpmath with 60 digits, which finds no other error above 3e-14 in an elementwise case), so the correct one is used.
fn gradient(family: &Family, case: &Value, key: &Value) -> Vec<f64> {
    if case["name"] != "digamma" {
        return family.numbers(key).data().to_vec();
    }
    let [x, cotangent] = [&case["inputs"][0], &case["cotangent"]].map(|key| family.numbers(key).data());
    x.iter().zip(cotangent).map(|(&x, cotangent)| trigamma(x) * cotangent).collect()
}

/// Values and cotangents of a case's outputs: of the first, or of all if together they have `len` elements. Outputs
/// without a cotangent in the reference get zero.
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

/// The results of a case in `T`.
struct Outcome<T: Real> {
    shape: Shape,
    value: Vec<T>,
    /// One per entry of the case's gradients.
    gradients: Vec<Vec<T>>,
}

/// Runs one case; `None` if the engine does not implement the operation.
fn outcome<T: Real>(family: &Family, case: &Value) -> Option<Outcome<T>> {
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
    let value = evaluate(&tape, case, &inputs, &integers)?;
    let cotangent: Vec<f64> =
        outputs(family, case, value.len()).into_iter().flat_map(|[_, cotangent]| cotangent).collect();
    let cotangent = tape.constant(value.shape(), |i| T::from_f64(cotangent[i]));
    (value * cotangent).sum().backward(&mut gradients);
    let gradients = case["grads"].as_object().unwrap().keys().map(|input| {
        let place = names.iter().position(|name| name == input).unwrap();
        gradients.get(&place.to_string()).unwrap_or_default().to_vec()
    });
    let gradients = gradients.collect();
    Some(Outcome { shape: value.shape().into(), value: value.value().to_vec(), gradients })
}

/// Checks one case and returns how many numbers it compared; `None` if the engine does not implement the operation.
fn check<T: Real>(family: &Family, case: &Value) -> Option<usize> {
    if let Some(found) = check_indices::<T>(family, case) {
        return Some(found);
    }
    let ours = outcome::<T>(family, case)?;
    let name = case["name"].as_str().unwrap();
    let outputs = outputs(family, case, ours.value.len());
    let [expected, cotangent] = [0, 1].map(|k| outputs.iter().flat_map(|pair| pair[k].clone()).collect::<Vec<f64>>());
    if let [_] = &outputs[..] {
        assert_eq!(&ours.shape[..], family.numbers(&case["outputs"][0]).shape(), "{name}: the shape");
    }

    let elementwise = case["kind"] == "extreme";
    Tolerance { elementwise, absolute: 0.0 }.check(&format!("{name}, value"), &ours.value, &expected);
    let mut compared = expected.len();
    // The derivative of the sigmoid is y (1 − y); where y rounds to 1 it is 0 instead of e⁻ˣ, as in PyTorch.
    let absolute = match (name, T::NAME) {
        ("sigmoid_extreme", "f32") => f64::from(f32::EPSILON) / 2.0,
        ("sigmoid_extreme", _) => f64::EPSILON / 2.0,
        _ => 0.0,
    };
    let absolute = absolute * cotangent.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    for (ours, (input, key)) in ours.gradients.iter().zip(case["grads"].as_object().unwrap()) {
        let expected = gradient(family, case, key);
        Tolerance { elementwise, absolute }.check(&format!("{name}, gradient of {input}"), ours, &expected);
        compared += expected.len();
    }
    Some(compared)
}

/// Checks a case whose results are indices; `None` for other cases.
fn check_indices<T: Real>(family: &Family, case: &Value) -> Option<usize> {
    let Array::Integers(expected) = &family.arrays[case["outputs"][0].as_str().unwrap()] else {
        return None;
    };
    let x: Tensor<T> = family.numbers(&case["inputs"][0]).cast();
    let tape = Tape::new();
    let found = indices(case, &[tape.input(&x)])?;
    assert!(found.iter().map(|&index| index as i64).eq(expected.iter().copied()), "{}: {found:?}", case["name"]);
    Some(expected.len())
}

#[test]
fn values_and_gradients_match_the_references() {
    let exist = crate::common::operations();
    let (mut checked, mut compared, mut left_out) = (0, 0, BTreeSet::new());
    for family in ["ops", "nn"] {
        let family = Family::read(family);
        for case in &family.cases {
            let (op, name) = (case["op"].as_str().unwrap(), &case["name"]);
            let known = LEFT_OUT.iter().find(|(left_out, _)| *left_out == op);
            if let Some((_, method)) = known {
                assert!(!exist.contains(*method), "`{method}` exists, so the reference op `{op}` is to be checked");
            }
            match (check::<f64>(&family, case), known) {
                (Some(numbers), None) => {
                    assert_eq!(check::<f32>(&family, case), Some(numbers), "{name} in f32");
                    checked += 1;
                    compared += numbers;
                }
                (None, Some(_)) => {
                    left_out.insert(op.to_owned());
                }
                (Some(_), Some(_)) => {
                    panic!("{name} is computed, but `{op}` is in the list `LEFT_OUT`")
                }
                (None, None) => {
                    panic!("{name}: `{op}` is not implemented, and not in the list `LEFT_OUT`")
                }
            }
        }
    }
    println!("{checked} reference cases with {compared} numbers are checked, in f64 and in f32");
    println!("left out, because the engine has no such operation: {left_out:?}");
    assert_eq!((checked, compared), (287, 16_881));
}

#[test]
fn running_statistics_match_the_references() {
    fn check<T: Real>() -> usize {
        let family = Family::read("nn");
        let training = |case: &&Value| case["op"] == "batch_norm" && case["attrs"]["training"] == true;
        let cases = family.cases.iter().filter(training);
        cases.map(|case| check_running::<T>(&family, case)).count()
    }
    assert_eq!([check::<f64>(), check::<f32>()], [3, 3]);
}

fn check_running<T: Real>(family: &Family, case: &Value) {
    let [x, _, _, mean, variance] = std::array::from_fn(|k| family.numbers(&case["inputs"][k]).cast::<T>());
    let buffers = [mean, variance];
    let mut gradients = Gradients::of(&buffers);
    let momentum = case["attrs"]["momentum"].as_f64().unwrap();
    let tape = Tape::new();
    let running = Running { mean: &buffers[0], variance: &buffers[1], momentum };
    let y = tape.input(&x).batch_norm((), Some(running), case["attrs"]["eps"].as_f64().unwrap());
    y.sum().backward(&mut gradients);
    for (k, name) in ["0", "1"].iter().enumerate() {
        let reference = family.numbers(&case["outputs"][1 + k]).data();
        let tolerance = Tolerance { elementwise: true, absolute: 0.0 };
        tolerance.check(case["name"].as_str().unwrap(), gradients.get(name).unwrap(), reference);
    }
}
