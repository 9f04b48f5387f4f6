//! Shared by the tests: reference cases, models and data.

// Each test binary uses only a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod layer_cases;

#[path = "../../../../engine/tests/suite/common/panics.rs"]
pub mod panics;

use elbo::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

/// The machine epsilon of the scalar type.
pub fn epsilon<T: Real>() -> f64 {
    if T::NAME == "f32" { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// Asserts equal lengths, and elements within `tolerance` of each other; NaN fails.
#[track_caller]
pub fn assert_near<T: Real>(found: &[T], expected: &[T], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(a, b)| (a.to_f64() - b.to_f64()).abs() <= tolerance);
    assert!(near, "{found:?} is not within {tolerance:e} of {expected:?}");
}

/// A folder that is deleted at the end.
pub struct Folder(std::path::PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("elbo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A manifest of reference cases and their tensors.
pub struct Reference {
    pub cases: Vec<Value>,
    tensors: SafeTensors<'static>,
}

impl Reference {
    pub fn new(manifest: &str, bytes: &'static [u8]) -> Self {
        let manifest: Value = serde_json::from_str(manifest).unwrap();
        Reference {
            cases: manifest["cases"].as_array().unwrap().clone(),
            tensors: SafeTensors::deserialize(bytes).unwrap(),
        }
    }

    pub fn tensor(&self, name: &str) -> Tensor<f64> {
        let view = self.tensors.tensor(name).unwrap_or_else(|_| panic!("no tensor {name}"));
        let numbers: Vec<f64> = match view.dtype() {
            safetensors::Dtype::F64 => {
                view.data().chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            safetensors::Dtype::I64 => {
                view.data().chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
            }
            other => panic!("{name} holds {other:?}"),
        };
        Tensor::new(view.shape().to_vec(), numbers)
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    pub fn scalar(&self, name: &str) -> f64 {
        self.tensor(name).data()[0]
    }
}

/// A model of a single weight with a given prior.
#[bayesian]
pub struct Single<T: Real> {
    #[prior(self.prior)]
    pub weight: MeanField<T>,
    #[skip]
    pub prior: Normal,
}

/// A classifier with every kind of field and container.
#[bayesian]
pub struct Nested {
    pub first: Dense,
    pub hidden: Vec<Dense>,
    pub maybe: Option<Dense>,
    pub pair: (Dense, Box<Dense>),
    pub gain: Point,
    pub inner: Inner,
}

#[bayesian]
pub struct Inner {
    #[prior(Normal(0.0, 0.5))]
    pub scale: MeanField,
    pub head: [Dense; 1],
}

#[bayesian]
impl Nested {
    pub fn forward(&self, x: Var) -> Var {
        let mut h = self.first.forward(x).tanh();
        for layer in self.hidden {
            h = layer.forward(h).relu();
        }
        if let Some(layer) = self.maybe {
            h = layer.forward(h).softplus();
        }
        let (a, b) = self.pair;
        let h = (a.forward(h) + b.forward(h).sigmoid()) * self.gain * self.inner.scale;
        let [head] = self.inner.head;
        head.forward(h)
    }
}

pub fn nested(inputs: usize, width: usize, classes: usize) -> Nested {
    let square = || Dense::new(width, width);
    let mut model = Nested {
        first: Dense::new(inputs, width),
        hidden: vec![square(), square()],
        maybe: Some(square()),
        pair: (square(), Box::new(square())),
        gain: Point(Tensor::full([width], 1.0)),
        inner: Inner { scale: MeanField::with_sd(Tensor::full([width], 1.0), 0.1), head: [Dense::new(width, classes)] },
    };
    model.initialise(Key::new(17));
    model
}

/// The network of the crate's documentation.
#[bayesian]
#[derive(Clone)]
pub struct Classifier {
    pub hidden: [Dense; 2],
    pub head: Dense,
}

#[bayesian]
impl Classifier {
    pub fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).relu();
        let x = second.forward(x).relu();
        self.head.forward(x)
    }
}

pub fn classifier(inputs: usize, width: usize, classes: usize) -> Classifier {
    let mut model =
        Classifier { hidden: [Dense::new(inputs, width), Dense::new(width, width)], head: Dense::new(width, classes) };
    model.initialise(Key::new(3));
    model
}

/// Reproducible inputs of this shape, with one label per row.
pub fn examples(rows: usize, inputs: usize, classes: usize) -> (Tensor, Vec<usize>) {
    let x: Tensor = Tensor::from_fn([rows, inputs], |i| (i as f64 * 0.731).sin());
    let labels = x.data().chunks(inputs).map(|row| ((row[0] + row[1] + 2.0) * 1.7) as usize % classes);
    let labels = labels.collect();
    (x, labels)
}

/// All parameters of a model, one after the other.
pub fn parameters(model: &impl Bayesian<Scalar = f32>) -> Vec<f32> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
    all
}
