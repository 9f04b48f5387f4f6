//! Whole networks with given noise against PyTorch: both terms of the bound and their gradients, apart.

mod common;

use std::collections::BTreeMap;

use common::Reference;
use elbo::engine::{Convolution, Pooling};
use elbo::nn::{Bias, Conv, Conv2d, Conv3d, Lstm};
use elbo::prelude::*;
use elbo::{FixedNoise, Kl, KlWeight};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

/// A layer of the references' networks.
#[bayesian]
enum Block<P: Prior>
where
    MeanField<f64>: Divergence<P>,
{
    Dense(Box<Dense<MeanField<f64>, P>>),
    Conv2d(Box<Conv2d<MeanField<f64>, P>>),
    Conv3d(Box<Conv3d<MeanField<f64>, P>>),
    Lstm(Box<Lstm<MeanField<f64>, P>>),
    Tanh,
    Relu,
    Softplus,
    /// Two per axis.
    MaxPool2d,
    Flatten,
}

#[bayesian]
impl<P: Prior> Block<P>
where
    MeanField<f64>: Divergence<P>,
{
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Tanh => x.tanh(),
            Self::Relu => x.relu(),
            Self::Softplus => x.softplus(),
            Self::Conv2d(layer) => layer.forward(x),
            Self::Conv3d(layer) => layer.forward(x),
            // The references' steps come before their examples, and the head reads the last output.
            Self::Lstm(layer) => layer.forward(x.permute(&[1, 0, 2])).at(1, -1),
            Self::MaxPool2d => x.max_pool(Pooling::new([2, 2])),
            Self::Flatten => x.reshape([x.shape()[0], x.shape()[1..].iter().product()]),
        }
    }
}

#[bayesian]
struct Network<P: Prior>
where
    MeanField<f64>: Divergence<P>,
{
    layers: Vec<Block<P>>,
}

#[bayesian]
impl<P: Prior> Network<P>
where
    MeanField<f64>: Divergence<P>,
{
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x))
    }
}

fn settings<const D: usize>(layer: &Value) -> Convolution<D> {
    // A list by axis, or one number for all.
    let each = |key: &str, unless: u64| {
        std::array::from_fn(|i| layer[key][i].as_u64().or(layer[key].as_u64()).unwrap_or(unless) as usize)
    };
    Convolution::new().stride(each("stride", 1)).padding(each("padding", 0)).dilation(each("dilation", 1))
}

/// A network of the references, with all that belongs to it.
struct Case<'r> {
    reference: &'r Reference,
    name: String,
    attrs: Value,
    /// The weights' names, ours and theirs.
    weights: Vec<(String, String)>,
}

impl<'r> Case<'r> {
    fn new(reference: &'r Reference, name: &str, attrs: &Value) -> Self {
        let mut weights = Vec::new();
        for (i, layer) in attrs["layers"].as_array().unwrap().iter().enumerate() {
            if let Some(name) = layer["name"].as_str() {
                let lstm = [("weight_ih", "w_ih"), ("weight_hh", "w_hh"), ("bias_ih", "b_ih"), ("bias_hh", "b_hh")];
                let plain = [("weight", "w"), ("bias", "b")];
                for (ours, theirs) in if layer["type"] == "lstm" { &lstm[..] } else { &plain } {
                    weights.push((format!("layers.{i}.{ours}"), format!("{name}_{theirs}")));
                }
            }
        }
        Case { reference, name: name.to_owned(), attrs: attrs.clone(), weights }
    }

    fn shared(&self, name: &str) -> Tensor<f64> {
        self.reference.tensor(&format!("shared/{}.{name}", self.name))
    }

    fn has(&self, name: &str) -> bool {
        self.reference.has(&format!("shared/{}.{name}", self.name))
    }

    fn model<P: Prior + Copy>(&self, prior: P) -> Network<P>
    where
        MeanField<f64>: Divergence<P>,
    {
        let weight = |name: String| MeanField {
            mean: self.shared(&format!("{name}_mu")),
            rho: self.shared(&format!("{name}_rho")),
        };
        let layers = self.attrs["layers"].as_array().unwrap().iter().map(|layer| {
            let name = layer["name"].as_str().unwrap_or_default();
            let [w, b] = ["w", "b"].map(|part| format!("{name}_{part}"));
            match layer["type"].as_str().unwrap() {
                "linear" => Block::Dense(Box::new(Dense { weight: weight(w), bias: weight(b), prior })),
                "lstm" => {
                    let mut parts =
                        ["w_ih", "w_hh", "b_ih", "b_hh"].map(|part| weight(format!("{name}_{part}"))).into_iter();
                    let sizes = ["in", "hidden"].map(|key| layer[key].as_u64().unwrap() as usize);
                    Block::Lstm(Box::new(Lstm::of(sizes[0], sizes[1], |_| parts.next().unwrap(), prior)))
                }
                "tanh" => Block::Tanh,
                "relu" => Block::Relu,
                "softplus" => Block::Softplus,
                "conv2d" => Block::Conv2d(Box::new(Conv {
                    weight: weight(w),
                    bias: Some(Bias { value: weight(b), prior }),
                    prior,
                    settings: settings(layer),
                })),
                "conv3d" => Block::Conv3d(Box::new(Conv {
                    weight: weight(w),
                    bias: Some(Bias { value: weight(b), prior }),
                    prior,
                    settings: settings(layer),
                })),
                "max_pool2d" => Block::MaxPool2d,
                "flatten" => Block::Flatten,
                other => panic!("{other}"),
            }
        });
        Network { layers: layers.collect() }
    }

    /// All noise there is: of the weights, or of outputs, and signs.
    fn noise(&self) -> FixedNoise<f64> {
        let mut noise = FixedNoise::new();
        for (ours, theirs) in &self.weights {
            let layer = theirs.split('_').next().unwrap();
            let kinds = [
                (format!("{theirs}_eps"), ours.clone()),
                (format!("{layer}_act_eps"), format!("{ours}.output")),
                (format!("{layer}_sign_in"), format!("{ours}.signs_in")),
                (format!("{layer}_sign_out"), format!("{ours}.signs_out")),
            ];
            for (theirs, ours) in kinds {
                if self.has(&theirs) {
                    noise = noise.set(&ours, self.shared(&theirs));
                }
            }
        }
        noise
    }

    fn number(&self, key: &str) -> usize {
        self.attrs[key].as_u64().unwrap() as usize
    }

    /// Compares a value and the gradients that a sweep left.
    fn check(&self, term: &str, value: f64, gradients: &Gradients<f64>, kind: &str) {
        let case = format!("{}.{term}", self.name);
        let cotangent = self.reference.scalar(&format!("{case}/g_{kind}"));
        let expected = self.reference.scalar(&format!("{case}/{kind}"));
        close(&format!("{case} value"), value, expected, expected.abs());
        self.check_gradients(&case, |name| {
            gradients.get(name).unwrap().iter().map(|value| value * cotangent).collect()
        });
    }

    /// Compares the gradients of a case with theirs; `of` gives ours by the parameter's name.
    fn check_gradients(&self, case: &str, of: impl Fn(&str) -> Vec<f64>) {
        for (ours, theirs) in &self.weights {
            for (part, role) in [("mean", "mu"), ("rho", "rho")] {
                let name = format!("{case}/d_{theirs}_{role}");
                let expected = self.reference.tensor(&name);
                let scale = expected.data().iter().fold(0.0f64, |max, x| max.max(x.abs()));
                let actual = of(&format!("{ours}.{part}"));
                assert_eq!(actual.len(), expected.len(), "{name}");
                for (actual, expected) in actual.iter().zip(expected.data()) {
                    close(&name, *actual, *expected, scale);
                }
            }
        }
    }

    fn run<P: Prior + Copy>(&self, prior: P)
    where
        MeanField<f64>: Divergence<P>,
    {
        let model = self.model(prior);
        let (x, target) = (self.shared("x"), self.shared("target"));
        let labels: Vec<usize> = target.data().iter().map(|&label| label as usize).collect();
        let noise = self.noise();
        let estimator = match self.attrs["estimator"].as_str().unwrap() {
            "reparam" => Estimator::Sample,
            "local" => Estimator::Local,
            "flipout" => Estimator::Flipout,
            other => panic!("{other}"),
        };
        let drawing = Drawing::new(Key::new(0)).estimator(estimator).draws(self.number("S")).noise(&noise);

        let tape = Tape::new();
        let draw = model.draw(&tape, drawing);
        let nll = self.nll(draw.forward(tape.input(&x)), &labels, &target);
        let kl = draw.kl();
        let mut gradients = Gradients::of(&model);
        nll.backward(&mut gradients);
        self.check("nll", nll.item(), &gradients, "nll");
        gradients.clear();
        kl.var().unwrap().backward(&mut gradients);
        self.check("kl", kl.nats(), &gradients, "kl");
        if self.reference.has(&format!("{}.kl_stl/g_kl", self.name)) {
            gradients.clear();
            let kl = model.draw(&tape, drawing.path_derivative()).kl();
            kl.var().unwrap().backward(&mut gradients);
            self.check("kl_stl", kl.nats(), &gradients, "kl");
        }

        self.check_losses(&model, target.shape()[0], nll, kl);
    }

    /// The losses under each weighting, as the objective joins the terms; theirs are of sums over the batch, ours of
    /// means per example.
    fn check_losses<M: Bayesian<Scalar = f64>>(&self, model: &M, batch: usize, nll: Var<'_, f64>, kl: Kl<'_, f64>) {
        let (n, m) = (self.number("N"), self.number("M"));
        let nll = elbo::MeanNll::new(nll * (1.0 / batch as f64), batch);
        let epoch = Objective::new(n).batches(m);
        let halving = epoch.clone().kl_weight(KlWeight::Halving);
        let unit = n as f64 / m as f64;
        let mut losses = vec![
            ("loss_per_datum", 0, Objective::new(n).loss(nll, kl, 0), 1.0),
            ("loss_uniform", 0, epoch.loss(nll, kl, 0), unit),
        ];
        losses.extend((0..m).map(|i| ("loss_blundell", i, halving.loss(nll, kl, i), unit)));
        let mut total = BTreeMap::<String, Vec<f64>>::new();
        for (name, i, loss, unit) in losses {
            let expected = self.reference.tensor(&format!("{}.loss/{name}", self.name)).data()[i];
            close(&format!("{}.{name}[{i}]", self.name), loss.value() * unit, expected, expected.abs());
            let cotangent = self.reference.tensor(&format!("{}.loss/g_{name}", self.name)).data()[i] * unit;
            let mut gradients = Gradients::of(model);
            loss.backward(&mut gradients);
            for (name, _, values) in gradients.iter() {
                let sums = total.entry(name.to_owned()).or_insert_with(|| vec![0.0; values.len()]);
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += cotangent * value);
            }
        }
        self.check_gradients(&format!("{}.loss", self.name), |name| total[name].clone());
    }

    /// Summed over the batch, from our likelihoods' means where we have the likelihood.
    fn nll<'t>(&self, out: Var<'t, f64>, labels: &'t [usize], target: &'t Tensor<f64>) -> Var<'t, f64> {
        let rows = out.shape()[0] as f64;
        let likelihood = &self.attrs["likelihood"];
        match likelihood["type"].as_str().unwrap() {
            "categorical" => Categorical.nll(out, labels).var() * rows,
            "gaussian" => Gaussian::new(likelihood["noise_sd"].as_f64().unwrap()).nll(out, target).var() * rows,
            "gaussian_hetero" => {
                let tape = out.tape();
                let pick = |column: usize| out.matmul(tape.constant([2, 1], |i| if i == column { 1.0 } else { 0.0 }));
                let (mean, log_variance) = (pick(0), pick(1));
                let y = tape.input(target).reshape(mean.shape());
                let squares = (y - mean).square() / log_variance.exp();
                ((squares + log_variance + std::f64::consts::TAU.ln()) * 0.5).sum()
            }
            other => panic!("{other}"),
        }
    }
}

#[track_caller]
fn close(what: &str, actual: f64, expected: f64, scale: f64) {
    assert!((actual - expected).abs() <= TOLERANCE * scale + 1e-13, "{what}: {actual} instead of {expected}");
}

#[test]
fn both_terms_and_their_gradients_are_pytorch_s() {
    let reference = Reference::new(include_str!("reference/elbo.json"), include_bytes!("reference/elbo.safetensors"));
    let mut checked = 0;
    for case in &reference.cases {
        let Some(name) = case["name"].as_str().unwrap().strip_suffix(".nll") else {
            continue;
        };
        let network = Case::new(&reference, name, &case["attrs"]);
        let number = |key: &str| network.attrs["prior"][key].as_f64().unwrap();
        let normal = || Normal(number("loc"), number("scale"));
        let mixture = || ScaleMixture::two(number("pi"), number("sigma1"), number("sigma2"));
        match (network.attrs["prior"]["type"].as_str().unwrap(), network.attrs["kl"].as_str().unwrap()) {
            ("normal", "closed") => network.run(normal()),
            ("normal", "mc") => network.run(MonteCarlo(normal())),
            ("scale_mixture", "mc") => network.run(MonteCarlo(mixture())),
            other => panic!("{other:?}"),
        }
        checked += 1;
    }
    assert_eq!(checked, 18);
}
