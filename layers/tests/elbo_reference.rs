//! Whole networks with given noise against PyTorch: both terms of the bound and their gradients, apart.

mod common;

use std::collections::BTreeMap;

use common::Reference;
use elbo::prelude::*;
use elbo::{FixedNoise, Kl};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

/// Why a network is not checked here, or `None` if it is.
fn left_out(attrs: &Value) -> Option<&'static str> {
    let layers = attrs["layers"].as_array().unwrap();
    let has = |kind: &str| layers.iter().any(|layer| layer["type"].as_str().unwrap().starts_with(kind));
    if has("conv") {
        Some("there are no convolutions yet")
    } else if has("lstm") {
        Some("there is no LSTM yet")
    } else if attrs["prior"]["type"] != "normal" {
        Some("there is no mixture prior yet")
    } else if attrs["estimator"] != "reparam" {
        Some("the estimator is not there yet")
    } else {
        None
    }
}

#[bayesian]
struct Mlp<P: Prior>
where
    MeanField<f64>: Divergence<P>,
{
    l1: Dense<MeanField<f64>, P>,
    l2: Dense<MeanField<f64>, P>,
    #[skip]
    activation: String,
}

#[bayesian]
impl<P: Prior> Mlp<P>
where
    MeanField<f64>: Divergence<P>,
{
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let h = self.l1.forward(x);
        let h = match &self.activation[..] {
            "tanh" => h.tanh(),
            "relu" => h.relu(),
            "softplus" => h.softplus(),
            other => panic!("{other}"),
        };
        self.l2.forward(h)
    }
}

struct Network<'r> {
    reference: &'r Reference,
    name: String,
    attrs: Value,
}

impl Network<'_> {
    fn shared(&self, name: &str) -> Tensor<f64> {
        self.reference.tensor(&format!("shared/{}.{name}", self.name))
    }

    fn model<P: Prior>(&self, prior: P) -> Mlp<P>
    where
        MeanField<f64>: Divergence<P>,
    {
        let weight = |name: &str| MeanField {
            mean: self.shared(&format!("{name}_mu")),
            rho: self.shared(&format!("{name}_rho")),
        };
        Mlp {
            l1: Dense { weight: weight("l1_w"), bias: weight("l1_b"), prior },
            l2: Dense { weight: weight("l2_w"), bias: weight("l2_b"), prior },
            activation: self.attrs["layers"][1]["type"].as_str().unwrap().to_owned(),
        }
    }

    /// The noise of draw `s` of `draws`.
    fn noise(&self, s: usize, draws: usize) -> FixedNoise<f64> {
        let names = [("l1.weight", "l1_w"), ("l1.bias", "l1_b"), ("l2.weight", "l2_w"), ("l2.bias", "l2_b")];
        names.iter().fold(FixedNoise::new(), |noise, (ours, theirs)| {
            let eps = self.shared(&format!("{theirs}_eps"));
            let (mut shape, mut data) = (eps.shape().to_vec(), eps.data());
            if draws > 1 {
                assert_eq!(shape.remove(0), draws);
                let each = data.len() / draws;
                data = &data[s * each..][..each];
            }
            noise.set(ours, Tensor::new(shape, data))
        })
    }

    /// Compares a value and the gradients that a sweep left.
    fn check(&self, term: &str, value: f64, gradients: &Gradients<f64>, cotangent: f64) {
        let case = format!("{}.{term}", self.name);
        let expected = self.reference.scalar(&format!("{case}/{term}"));
        close(&format!("{case} value"), value, expected, expected.abs());
        for ours in ["l1.weight", "l1.bias", "l2.weight", "l2.bias"] {
            let (layer, field) = ours.split_once('.').unwrap();
            for (part, role) in [("mean", "mu"), ("rho", "rho")] {
                let name = format!("{case}/d_{layer}_{}_{role}", &field[..1]);
                let expected = self.reference.tensor(&name);
                let scale = expected.data().iter().fold(0.0f64, |max, x| max.max(x.abs()));
                let actual = gradients.get(&format!("{ours}.{part}")).unwrap();
                for (actual, expected) in actual.iter().zip(expected.data()) {
                    close(&name, actual * cotangent, *expected, scale);
                }
            }
        }
    }

    fn run<P: Prior>(&self, prior: P)
    where
        MeanField<f64>: Divergence<P>,
    {
        let model = self.model(prior);
        let draws = self.attrs["S"].as_u64().unwrap() as usize;
        let (x, target) = (self.shared("x"), self.shared("target"));
        let labels: Vec<usize> = target.data().iter().map(|&label| label as usize).collect();
        let noise: Vec<_> = (0..draws).map(|s| self.noise(s, draws)).collect();
        let cotangent = |term: &str| self.reference.scalar(&format!("{0}.{term}/g_{term}", self.name));

        let tape = Tape::new();
        let (mut nlls, mut kls) = (Vec::new(), Vec::new());
        for noise in &noise {
            let draw = model.draw(&tape, Drawing::new(Key::new(0)).noise(noise));
            let nll = self.nll(draw.forward(tape.input(&x)), &labels, &target);
            nlls.push((nll, 1.0 / draws as f64));
            kls.push((draw.kl(), 1.0 / draws as f64));
        }
        let nll: f64 = nlls.iter().map(|(nll, weight)| nll.item() * weight).sum();
        let mut gradients = Gradients::of(&model);
        tape.backward(&nlls, &mut gradients);
        self.check("nll", nll, &gradients, cotangent("nll"));

        let kl: f64 = kls.iter().map(|(kl, weight): &(Kl<'_, f64>, f64)| kl.nats() * weight).sum();
        gradients.clear();
        let roots: Vec<_> = kls.iter().map(|(kl, weight)| (kl.var().unwrap(), *weight)).collect();
        tape.backward(&roots, &mut gradients);
        self.check("kl", kl, &gradients, cotangent("kl"));

        // nll/batch + kl/N, as the objective joins them.
        let attrs = |key: &str| self.attrs[key].as_u64().unwrap() as usize;
        if draws == 1 {
            let mean = elbo::MeanNll::new(nlls[0].0 * (1.0 / x.shape()[0] as f64), x.shape()[0]);
            let loss = Objective::new(attrs("N")).loss(mean, kls[0].0, 0);
            let expected = self.reference.scalar(&format!("{}.loss/loss_per_datum", self.name));
            close(&format!("{}.loss per datum", self.name), loss.value(), expected, expected.abs());
        }
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
    let mut left: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut checked = 0;
    for case in &reference.cases {
        let Some(name) = case["name"].as_str().unwrap().strip_suffix(".nll") else {
            continue;
        };
        let network = Network { reference: &reference, name: name.to_owned(), attrs: case["attrs"].clone() };
        if let Some(reason) = left_out(&network.attrs) {
            left.entry(reason).or_default().push(name.to_owned());
            continue;
        }
        let number = |key: &str| network.attrs["prior"][key].as_f64().unwrap();
        let prior = Normal(number("loc"), number("scale"));
        match network.attrs["kl"].as_str().unwrap() {
            "closed" => network.run(prior),
            "mc" => network.run(MonteCarlo(prior)),
            other => panic!("{other}"),
        }
        checked += 1;
    }
    for (reason, names) in &left {
        println!("left out, {reason}: {}", names.join(", "));
    }
    println!("{checked} networks checked");
    assert_eq!(checked, 6);
    assert_eq!(checked + left.values().map(Vec::len).sum::<usize>(), 18);
}
