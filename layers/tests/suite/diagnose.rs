//! `diagnose` against closed forms, the known figures of a 3-D network, and every posterior family.

use std::cmp::Ordering;

use crate::common::{examples, nested};
use elbo::diagnose::{Diagnose, Diagnosis, DominantTerm, Parameter, TermGradients, diagnose};
use elbo::engine::random::normals;
use elbo::nn::Conv3d;
use elbo::prelude::*;

/// conv 3×3×3, relu, conv 3×3×3, relu, global average, dense, without biases.
#[bayesian]
struct Volumes {
    first: Conv3d,
    second: Conv3d,
    #[prior(Normal(0.0, 1.0))]
    head: MeanField,
}

#[bayesian]
impl Volumes {
    fn forward(&self, x: Var) -> Var {
        let x = self.first.forward(x).relu();
        let x = self.second.forward(x).relu();
        x.mean_axes(&[2, 3, 4], false).linear(self.head)
    }
}

fn standard_normals(shape: &[usize], name: &'static str) -> Tensor {
    let mut tensor = Tensor::zeros(shape);
    normals(Key::new(1).at(name), 0, tensor.data_mut());
    tensor
}

/// σ = softplus(−3) everywhere, under N(0, 1); He-initialised means, those of the last layer 0.1 · N(0, 1).
fn volumes() -> (Volumes, Examples) {
    let conv = |channels| Conv3d::new(channels, 128, [3; 3]).padding([1; 3]).without_bias();
    let mut model = Volumes { first: conv(1), second: conv(128), head: MeanField::new([10, 128]) };
    model.initialise(Key::new(1));
    model.head.mean = standard_normals(&[10, 128], "head");
    model.head.mean.data_mut().iter_mut().for_each(|mean| *mean *= 0.1);
    model.visit_mut(&elbo::Path::ROOT, &mut |_, role, tensor| {
        if role == elbo::Role::Scale {
            tensor.data_mut().fill(-3.0);
        }
    });
    let labels = (0..32).map(|i| i * 7 % 10).collect();
    (model, Examples::new(standard_normals(&[32, 1, 12, 12, 12], "volumes"), labels).unwrap())
}

/// The figures of PyTorch, with its own random numbers.
#[test]
fn a_network_of_volumes_has_the_known_gradient_ratios() {
    let (model, data) = volumes();
    let d = Diagnose::new().examples(200).draws(1).run(&model, &data, &Categorical);
    assert_eq!(d.total.weights, 447_104);
    let within_2 = |what: &str, found: f64, known: f64| {
        assert!(found > known / 2.0 && found < known * 2.0, "{what}: {found}, but {known} is known\n{d}");
    };
    within_2("KL/N to NLL", d.kl_to_nll(), 1455.0);
    within_2("gradient ratio of means", d.total.means.unwrap().ratio(), 0.009);
    within_2("gradient ratio of scales", d.total.scales.unwrap().ratio(), 5.6);
    assert_eq!(d.total.means.unwrap().dominant(), DominantTerm::Data);
    assert_eq!(d.total.scales.unwrap().dominant(), DominantTerm::Prior);
    // Each weight counts 1 − σ².
    let sd = (-3f64).exp().ln_1p();
    let effective = 447_104.0 * (1.0 - sd * sd);
    assert!((d.total.effective.unwrap() / effective - 1.0).abs() < 1e-4, "{:?}", d.total.effective);
    assert_eq!(d.total.fallen_back, Some(0.0));
    let said = d.findings().join("\n");
    for part in [
        "For the means the likelihood dominates",
        "For the scales the prior dominates",
        "N = 200 examples",
        "447,104 weights",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[bayesian]
struct Two {
    #[prior(Normal(0.5, 2.0))]
    weight: MeanField<f64>,
    #[prior(Normal(0.0, 1.0))]
    bias: MeanField<f64>,
}

#[bayesian]
impl Two {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.affine(self.weight, self.bias)
    }
}

fn two() -> (Two, Examples<f64, Tensor<f64>>) {
    let weight = MeanField::with_sds(Tensor::new([1, 3], [1.0, -2.0, 0.5]), &Tensor::new([1, 3], [0.1, 1.0, 1.9]));
    let bias = MeanField::with_sds(Tensor::new([1], [0.1]), &Tensor::new([1], [0.95]));
    let x = Tensor::from_fn([20, 3], |i| (i as f64 * 1.7).sin());
    let y = Tensor::from_fn([20, 1], |i| (i as f64).cos());
    (Two { weight, bias }, Examples::new(x, y).unwrap())
}

fn find<'d>(d: &'d Diagnosis, name: &str) -> &'d Parameter {
    d.parameters.iter().find(|parameter| parameter.name == name).unwrap()
}

#[track_caller]
fn close(found: f64, exact: f64, tolerance: f64) {
    assert!((found - exact).abs() <= tolerance * exact.abs().max(1e-300), "{found} is not {exact}");
}

#[test]
fn the_figures_agree_with_closed_forms() {
    let (model, data) = two();
    let d = Diagnose::new().draws(2).run(&model, &data, &Gaussian::new(1.0));
    let (weight, bias) = (find(&d, "weight"), find(&d, "bias"));
    let kl = |mu: f64, sd: f64, m: f64, s: f64| (s / sd).ln() + (sd * sd + (mu - m) * (mu - m)) / (2.0 * s * s) - 0.5;
    close(weight.kl, kl(1.0, 0.1, 0.5, 2.0) + kl(-2.0, 1.0, 0.5, 2.0) + kl(0.5, 1.9, 0.5, 2.0), 1e-12);
    close(bias.kl, kl(0.1, 0.95, 0.0, 1.0), 1e-12);
    close(d.total.kl, model.kl(), 1e-12);
    close(d.kl_share(weight) + d.kl_share(bias), 1.0, 1e-12);
    close(weight.kl_per_weight() * 3.0, weight.kl, 1e-12);
    // MacKay's γ: Σ (1 − σ²/s²).
    close(weight.effective.unwrap(), 3.0 - (0.01 + 1.0 + 3.61) / 4.0, 1e-10);
    close(bias.effective.unwrap(), 1.0 - 0.9025, 1e-10);
    close(d.total.effective.unwrap(), weight.effective.unwrap() + bias.effective.unwrap(), 1e-12);
    // The weights' ratios are 10, 2 and 0.26, the bias's 0.11.
    close(weight.signal_to_noise.unwrap(), 2.0, 1e-12);
    close(d.total.signal_to_noise.unwrap(), (2.0 + 0.5 / 1.9) / 2.0, 1e-12);
    // The last of the three weights is 0.0013 nats from the prior, and the bias 0.0076.
    close(weight.fallen_back.unwrap(), 1.0 / 3.0, 1e-12);
    close(d.total.fallen_back.unwrap(), 0.5, 1e-12);
    // ∂KL/∂μ = (μ − m)/s², over N.
    let by_mean = [0.5f64, -2.5, 0.0].map(|away| away / 4.0 / 20.0);
    close(weight.means.unwrap().kl(), by_mean.iter().map(|g| g * g).sum::<f64>().sqrt(), 1e-12);
}

/// Compared with the gradient of all data in one backward pass for each draw.
#[test]
fn batches_add_up_to_the_gradient_of_all_data() {
    let (model, data) = two();
    let likelihood = Gaussian::new(0.5);
    let d = Diagnose::new().draws(3).batch_size(7).examples(50).seed(9).run(&model, &data, &likelihood);
    let whole = Diagnose::new().draws(3).batch_size(20).examples(50).seed(9).run(&model, &data, &likelihood);
    close(d.nll, whole.nll, 1e-12);
    let mut nll = Gradients::of(&model);
    let mut kl = Gradients::of(&model);
    for draw in 0..3 {
        let tape = Tape::new();
        let net = model.draw(&tape, Key::new(9).at("diagnose").draw(draw));
        let mean = likelihood.nll(net.forward(tape.input(data.inputs())), data.targets());
        Objective::new(50).loss_of(mean, &net, 0).backward_apart(&mut nll, &mut kl);
    }
    for parameter in &d.parameters {
        for (gradients, tensor) in [(parameter.means, "mean"), (parameter.scales, "rho")] {
            let gradients: TermGradients = gradients.unwrap();
            let name = format!("{}.{tensor}", parameter.name);
            let [nll, kl] = [&nll, &kl].map(|gradients| gradients.get(&name).unwrap());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b / 9.0).sum::<f64>();
            close(gradients.nll(), dot(nll, nll).sqrt(), 1e-11);
            close(gradients.kl(), dot(kl, kl).sqrt(), 1e-11);
            close(gradients.cosine(), dot(nll, kl) / (dot(nll, nll) * dot(kl, kl)).sqrt(), 1e-10);
        }
    }
}

#[test]
fn every_parameter_of_a_nested_model_is_listed_once() {
    let model = nested(6, 8, 3);
    let (x, labels) = examples(30, 6, 3);
    let d = diagnose(&model, &Examples::new(x, labels).unwrap(), &Categorical);
    let names: Vec<&str> = d.parameters.iter().map(|parameter| &parameter.name[..]).collect();
    let mut expected: Vec<String> = model.kl_terms().into_iter().map(|(name, _)| name).collect();
    // A learned deterministic parameter without a prior is listed by itself, after the weights.
    expected.push("gain".to_owned());
    assert_eq!(names, expected);
    for ((_, nats), parameter) in model.kl_terms().iter().zip(&d.parameters) {
        close(parameter.kl, *nats, 1e-4);
    }
    let gain = find(&d, "gain");
    assert_eq!((gain.weights, gain.kl, gain.scales, gain.effective), (8, 0.0, None, None));
    assert_eq!(gain.means.unwrap().kl(), 0.0);
    assert!(gain.means.unwrap().nll() > 0.0);
    // Parameters without a prior do not count in the total.
    let weights: usize = d.parameters.iter().map(|parameter| parameter.weights).sum();
    assert_eq!(d.total.weights, weights - 8);
}

#[bayesian]
struct Any<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    layer: Dense<Q, P>,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Any<Q, P> {
    fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.layer.forward(x)
    }
}

fn effective_of<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(layer: Dense<Q, P>, draws: usize) -> [f64; 2] {
    let x = Tensor::from_fn([4, 5], |i| (i as f64).sin());
    let data = Examples::new(x, vec![0, 1, 1, 0]).unwrap();
    let d = Diagnose::new().draws(draws).run(&Any { layer }, &data, &Categorical);
    ["layer.weight", "layer.bias"].map(|name| find(&d, name).effective.unwrap())
}

/// For dependent elements it is estimated from draws.
#[test]
fn the_effective_number_agrees_with_its_closed_form_for_every_family() {
    let prior = Normal(0.0, 2.0);
    let full: Dense<FullCovariance<f64>> = Dense::of(
        5,
        2,
        |shape| {
            let len: usize = shape.iter().product();
            let factor = Tensor::from_fn([len, len], |i| match (i / len).cmp(&(i % len)) {
                Ordering::Less => 0.0,
                Ordering::Equal => 0.8,
                Ordering::Greater => 0.1,
            });
            FullCovariance::with_factor(Tensor::full(shape, 0.3), &factor)
        },
        prior,
    );
    let [weight, bias] = effective_of(full, 4000);
    // k − Tr Σ/s².
    let exact = |k: f64| k - (k * 0.64 + k * (k - 1.0) / 2.0 * 0.01) / 4.0;
    close(weight, exact(10.0), 0.02);
    close(bias, exact(2.0), 0.04);

    let laplace: Dense<MeanField<f64>, LaplacePrior> =
        Dense::of(5, 2, |shape| MeanField::with_sd(Tensor::zeros(shape), 0.5), LaplacePrior(0.0, 1.0));
    // E|w|/b = σ √(2/π) about zero, whose derivative with respect to ln σ is itself, so each counts 1 minus that.
    let each = 1.0 - 0.5 * (2.0 / std::f64::consts::PI).sqrt();
    let [weight, bias] = effective_of(laplace, 1);
    close(weight, 10.0 * each, 1e-9);
    close(bias, 2.0 * each, 1e-9);
}

#[test]
fn scales_that_have_vanished_have_infinite_signal_to_noise() {
    let (mut model, data) = two();
    model.weight.rho.data_mut().fill(-1e4);
    let d = Diagnose::new().draws(1).run(&model, &data, &Gaussian::new(1.0));
    close(find(&d, "weight").effective.unwrap(), 3.0, 1e-12);
    assert_eq!(find(&d, "weight").fallen_back, Some(0.0));
    assert_eq!(find(&d, "weight").signal_to_noise, Some(f64::INFINITY));
    #[cfg(feature = "json")]
    assert!(d.json().contains("\"signal_to_noise\": null"));
    assert!(d.to_string().contains("weight"));
}

#[cfg(feature = "json")]
#[test]
fn the_json_has_every_figure() {
    let (model, data) = two();
    let d = Diagnose::new().draws(2).run(&model, &data, &Gaussian::new(1.0));
    let json: serde_json::Value = serde_json::from_str(&d.json()).unwrap();
    assert_eq!(json["examples"], 20);
    assert_eq!(json["parameters"].as_array().unwrap().len(), 2);
    let weight = &json["parameters"][0];
    for (name, value) in [
        ("kl", find(&d, "weight").kl),
        ("effective", find(&d, "weight").effective.unwrap()),
        ("fallen_back", 1.0 / 3.0),
        ("kl_share", d.kl_share(find(&d, "weight"))),
    ] {
        close(weight[name].as_f64().unwrap(), value, 1e-15);
    }
    close(weight["means"]["ratio"].as_f64().unwrap(), find(&d, "weight").means.unwrap().ratio(), 1e-15);
    assert_eq!(json["findings"].as_array().unwrap().len(), d.findings().len());
}

#[test]
fn the_svg_has_two_bars_for_each_parameter_and_for_the_total() {
    let (model, data) = two();
    let svg = diagnose(&model, &data, &Gaussian::new(1.0)).svg();
    assert_eq!(svg.matches("<title>").count(), 6, "{svg}");
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains(">weight</text>"));
}

#[test]
fn a_model_without_a_prior_says_that_it_has_no_divergence() {
    let x: Tensor = Tensor::from_fn([6, 2], |i| (i as f64).sin());
    #[bayesian]
    struct Certain {
        weight: Point,
    }
    #[bayesian]
    impl Certain {
        fn forward(&self, x: Var) -> Var {
            x.linear(self.weight)
        }
    }
    let model = Certain { weight: Point::new([2, 2]) };
    let d = diagnose(&model, &Examples::new(x, vec![0, 1, 0, 1, 0, 1]).unwrap(), &Categorical);
    assert_eq!(d.findings().len(), 1);
    assert_eq!((d.total.effective, d.total.fallen_back, d.total.signal_to_noise), (None, None, None));
}

#[test]
#[should_panic(expected = "Diagnose: 20 examples of N = 10")]
fn more_examples_than_n_are_refused() {
    let (model, data) = two();
    Diagnose::new().examples(10).run(&model, &data, &Gaussian::new(1.0));
}
