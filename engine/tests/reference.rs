//! Values and gradients against other systems' (`reference/*.json` names each source), in double and single precision.

mod common;
#[path = "reference/evaluate.rs"]
mod evaluate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use elbo_engine::{Gradients, Real, Running, Shape, Tape, Tensor};
use evaluate::{LEFT_OUT, evaluate, indices};
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
    /// `rounded` is what the reference's inputs, rounded to `T`, give in double precision: how far that is from the
    /// reference is the case's condition, which no arithmetic in single precision can better.
    fn check<T: Real>(&self, what: &str, ours: &[T], rounded: &[f64], reference: &[f64]) {
        assert_eq!(ours.len(), reference.len(), "{what}");
        let largest = reference.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        for (i, (&x, &expected)) in ours.iter().zip(reference).enumerate() {
            // What single precision cannot hold is infinite in it, and correctly so.
            let representable = T::from_f64(expected).to_f64();
            let scale = if self.elementwise { expected.abs() } else { largest };
            let condition = if T::NAME == "f64" { 0.0 } else { (rounded[i] - expected).abs() };
            let bound = self.relative * scale + self.absolute + if condition.is_finite() { condition } else { 0.0 };
            let error = (x.to_f64() - expected).abs();
            // An input that single precision cannot hold is infinite in it.
            let unrepresentable = !rounded[i].is_finite() && x.to_f64().total_cmp(&rounded[i]).is_eq();
            assert!(
                error <= bound || x.to_f64() == representable || unrepresentable,
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

/// What a case gives in `T`, its inputs rounded to `R` before.
struct Outcome<T: Real> {
    shape: Shape,
    value: Vec<T>,
    /// One for each entry of the case's gradients.
    gradients: Vec<Vec<T>>,
}

/// Runs one case; `None` if the engine has not the operation.
fn outcome<R: Real, T: Real>(family: &Family, case: &Value) -> Option<Outcome<T>> {
    let mut model: Vec<Tensor<T>> = Vec::new();
    let (mut names, mut integers) = (Vec::new(), Vec::new());
    for input in case["inputs"].as_array().unwrap() {
        match &family.arrays[input.as_str().unwrap()] {
            Array::Numbers(numbers) => {
                names.push(input.as_str().unwrap());
                model.push(numbers.cast::<R>().cast());
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

/// Checks one case; `false` if the engine has not the operation.
fn check<T: Real>(family: &Family, case: &Value) -> bool {
    if let Some(found) = check_indices::<T>(family, case) {
        return found;
    }
    let Some(ours) = outcome::<T, T>(family, case) else {
        return false;
    };
    let rounded = outcome::<T, f64>(family, case).expect("computed in one type, so in the other");
    let name = format!("{} in {}", case["name"], T::NAME);
    let outputs = outputs(family, case, ours.value.len());
    let [expected, cotangent] = [0, 1].map(|k| outputs.iter().flat_map(|pair| pair[k].clone()).collect::<Vec<f64>>());
    if let [_] = &outputs[..] {
        assert_eq!(&ours.shape[..], family.numbers(&case["outputs"][0]).shape(), "{name}: the shape");
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
    tolerance(1e-10).check(&format!("{name}, value"), &ours.value, &rounded.value, &expected);
    for (k, (input, gradient)) in case["grads"].as_object().unwrap().iter().enumerate() {
        let (ours, rounded) = (&ours.gradients[k], &rounded.gradients[k]);
        let expected = family.numbers(gradient).data();
        tolerance(1e-8).check(&format!("{name}, gradient of {input}"), ours, rounded, expected);
    }
    true
}

/// Checks a case whose outcome are indices; `None` if it is another one.
fn check_indices<T: Real>(family: &Family, case: &Value) -> Option<bool> {
    let Array::Integers(expected) = &family.arrays[case["outputs"][0].as_str().unwrap()] else {
        return None;
    };
    let x: Tensor<T> = family.numbers(&case["inputs"][0]).cast();
    let tape = Tape::new();
    let found = indices(case, &[tape.input(&x)])?;
    assert!(found.iter().map(|&index| index as i64).eq(expected.iter().copied()), "{}: {found:?}", case["name"]);
    Some(true)
}

#[test]
fn values_and_gradients_are_the_references() {
    let exist = common::operations();
    let (mut checked, mut left_out) = (0, BTreeSet::new());
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
                (false, None) => {
                    panic!("{name}: nothing computes `{op}`, and it is not in the list of what is left out")
                }
            }
        }
    }
    println!("{checked} reference cases are checked, in f64 and in f32");
    println!("left out, because the engine has no such operation: {left_out:?}");
    assert!(checked >= 80, "only {checked} cases were checked");
}

#[test]
fn running_statistics_are_the_references() {
    let family = Family::read("nn");
    let mut checked = 0;
    for case in family.cases.iter().filter(|case| case["op"] == "batch_norm" && case["attrs"]["training"] == true) {
        let [x, _, _, mean, variance] = std::array::from_fn(|k| family.numbers(&case["inputs"][k]));
        let buffers = [mean.clone(), variance.clone()];
        let mut gradients = Gradients::of(&buffers);
        let momentum = case["attrs"]["momentum"].as_f64().unwrap();
        let tape = Tape::new();
        let running = Running { mean: &buffers[0], variance: &buffers[1], momentum };
        let y = tape.input(x).batch_norm((), Some(running), case["attrs"]["eps"].as_f64().unwrap());
        y.sum().backward(&mut gradients);
        for (k, name) in ["0", "1"].iter().enumerate() {
            let tolerance = Tolerance { relative: 1e-12, absolute: 0.0, elementwise: true };
            let reference = family.numbers(&case["outputs"][1 + k]).data();
            tolerance.check(&case["name"].to_string(), gradients.get(name).unwrap(), reference, reference);
        }
        checked += 1;
    }
    assert!(checked >= 3, "only {checked} cases were checked");
}
