//! The KL divergence of models: exact, and equal with and without a tape.

use crate::common::{Classifier, Reference, Single, classifier, epsilon};
use elbo::prelude::*;
use serde_json::Value;

/// Every mean and standard deviation the same.
fn fill<M: Bayesian>(model: &mut M, mean: f64, sd: f64) {
    let scale = MeanField::<M::Scalar>::with_sd(Tensor::zeros([1]), sd).rho;
    model.visit_mut(&elbo::Path::ROOT, &mut |_, role, tensor| {
        let value = match role {
            elbo::Role::Mean => M::Scalar::from_f64(mean),
            elbo::Role::Scale => scale.data()[0],
            _ => return,
        };
        tensor.data_mut().fill(value);
    });
}

#[bayesian]
struct Net<T: Real> {
    layers: Vec<Dense<MeanField<T>>>,
}

fn net<T: Real>() -> Net<T> {
    let layer = |inputs, outputs| Dense::<MeanField<T>>::mean_field(inputs, outputs);
    let mut net = Net { layers: vec![layer(784, 400), layer(400, 400), layer(400, 10)] };
    fill(&mut net, 0.05, 0.05);
    net
}

/// Within 4 units of the scalar type's epsilon; the largest error seen is 2.
#[track_caller]
fn assert_exact<T: Real>(nats: f64, expected: f64, what: &str) {
    let error = (nats / expected - 1.0).abs();
    assert!(error <= 4.0 * epsilon::<T>(), "{what} in {}: {nats} instead of {expected}", T::NAME);
}

/// 478,410 · (ln 20 + (0.05² + 0.05²)/2 − ½).
const NATS: f64 = 1_195_179.301_990_965;

#[test]
fn the_kl_of_a_large_net_is_known_before_any_forward() {
    let (single, double) = (net::<f32>(), net::<f64>());
    assert_exact::<f32>(single.kl(), NATS, "without a tape");
    assert_exact::<f64>(double.kl(), NATS, "without a tape");
    assert_eq!(format!("{:.1}", double.kl()), "1195179.3");
}

#[test]
fn the_kl_on_the_tape_is_the_same() {
    fn check<T: Real>() {
        let net = net::<T>();
        let tape = Tape::new();
        assert_exact::<T>(net.draw(&tape, Key::new(1)).kl().nats(), NATS, "on the tape");
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn the_terms_sum_to_the_whole_and_have_names() {
    let net = net::<f64>();
    let terms = net.kl_terms();
    let names: Vec<&str> = terms.iter().map(|(name, _)| &name[..]).collect();
    let expected =
        ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"];
    assert_eq!(names, expected);
    let sum: f64 = terms.iter().map(|(_, nats)| nats).sum();
    assert!((sum / net.kl() - 1.0).abs() < 1e-14);
}

#[bayesian]
struct Tied {
    layer: Dense,
}

#[bayesian]
impl Tied {
    fn forward(&self, x: Var) -> Var {
        self.layer.forward(self.layer.forward(x).tanh())
    }
}

#[test]
fn a_layer_used_twice_counts_once_and_sees_one_weight() {
    let model = Tied { layer: Dense::new(3, 3) };
    let x: Tensor = Tensor::from_fn([2, 3], |i| i as f64);
    let tape = Tape::new();
    let draw = model.draw(&tape, Key::new(5));
    let before = draw.kl().nats();
    let y = draw.forward(tape.input(&x));
    let after = draw.kl().nats();
    assert_eq!(before, after);
    assert!((before / model.kl() - 1.0).abs() < 1e-6);
    assert!((before / model.layer.kl() - 1.0).abs() < 1e-6);
    let (w, b) = (*draw.layer.weight, *draw.layer.bias);
    let by_hand = tape.input(&x).affine(w, b).tanh().affine(w, b);
    assert_eq!(y.value(), by_hand.value());
}

#[test]
fn the_kl_is_the_same_before_and_after_the_forward() {
    let model = classifier(5, 8, 3);
    let x: Tensor = Tensor::from_fn([4, 5], |i| i as f64 * 0.1);
    let ask = |forward_first: bool| {
        let tape = Tape::new();
        let draw = model.draw(&tape, Key::new(2));
        let early = (!forward_first).then(|| draw.kl().nats());
        let y = draw.forward(tape.input(&x)).to_tensor();
        (early.unwrap_or_else(|| draw.kl().nats()), y)
    };
    assert_eq!(ask(true), ask(false));
}

#[test]
fn every_architecture_of_the_reference_is_exact() {
    let reference = Reference::new(
        include_str!("../reference/kl_counts.json"),
        include_bytes!("../reference/kl_counts.safetensors"),
    );
    for case in &reference.cases {
        check_architecture::<f64>(case);
        check_architecture::<f32>(case);
    }
    assert_eq!(reference.cases.len(), 10);
}

fn check_architecture<T: Real>(case: &Value) {
    let attrs = &case["attrs"];
    let number = |key: &str| attrs[key].as_f64().unwrap();
    let skipped: Vec<&str> = attrs["not_bayesian"].as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect();
    let mut model: Vec<Single<T>> = Vec::new();
    for layer in attrs["layers"].as_array().unwrap() {
        for (name, shape) in layer[2].as_object().unwrap() {
            let shape: Vec<usize> = shape.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            if !skipped.contains(&&name[..]) {
                let weight = MeanField::with_sd(Tensor::full(shape, number("mu")), number("sigma"));
                model.push(Single { weight, prior: Normal(number("prior_loc"), number("prior_scale")) });
            }
        }
    }
    let (expected, name) = (case["kl"].as_f64().unwrap(), &case["name"]);
    assert_exact::<T>(model.kl(), expected, &format!("{name}"));
    let tape = Tape::new();
    assert_exact::<T>(model.draw(&tape, Key::new(0)).kl().nats(), expected, &format!("{name} on the tape"));
}

#[test]
fn a_point_under_a_prior_adds_its_negative_log_density() {
    #[bayesian]
    struct Map {
        #[prior(Normal(1.0, 2.0))]
        gain: Point<f64>,
        free: Point<f64>,
    }
    let model = Map { gain: Point(Tensor::new([2], [0.0, 5.0])), free: Point(Tensor::full([3], 7.0)) };
    let by_hand: f64 = [0.0f64, 5.0]
        .iter()
        .map(|w| 0.5 * ((w - 1.0) / 2.0).powi(2) + 2f64.ln() + 0.5 * std::f64::consts::TAU.ln())
        .sum();
    assert!((model.kl() - by_hand).abs() < 1e-12);
    let tape = Tape::new();
    assert!((model.draw(&tape, Key::new(1)).kl().nats() - by_hand).abs() < 1e-12);
    assert_eq!(model.kl_terms().len(), 1);
}

#[test]
fn the_monte_carlo_estimate_scatters_around_the_closed_form() {
    #[bayesian]
    struct Both {
        #[prior(Normal(0.3, 0.7))]
        #[kl(monte_carlo)]
        weight: MeanField<f64>,
    }
    let weight = || MeanField::with_sd(Tensor::from_fn([40], |i| (i as f64).sin()), 0.4);
    let exact = Single { weight: weight(), prior: Normal(0.3, 0.7) }.kl();
    let model = Both { weight: weight() };
    let mut tape = Tape::new();
    let draws: Vec<f64> = (0..4000)
        .map(|draw| {
            tape.reset();
            model.draw(&tape, Key::new(1).draw(draw)).kl().nats()
        })
        .collect();
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let error = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    assert!((mean - exact).abs() < 4.0 * error, "{mean} ± {error}, exactly {exact}");
}

#[test]
fn adding_a_field_changes_no_other_field_s_noise() {
    #[bayesian]
    struct Less {
        head: Dense,
    }
    #[bayesian]
    struct More {
        extra: Dense,
        head: Dense,
    }
    let mut less = Less { head: Dense::new(3, 2) };
    let mut more = More { extra: Dense::new(3, 3), head: Dense::new(3, 2) };
    less.initialise(Key::new(9));
    more.initialise(Key::new(9));
    let (a, b) = (Tape::new(), Tape::new());
    let (less, more) = (less.draw(&a, Key::new(1)), more.draw(&b, Key::new(1)));
    assert_eq!(less.head.weight.value(), more.head.weight.value());
}

#[test]
fn weights_can_be_set_from_a_flat_vector_and_to_their_means() {
    let model = classifier(2, 3, 2);
    let random: usize = [2 * 3 + 3, 3 * 3 + 3, 3 * 2 + 2].iter().sum();
    let flat: Vec<f32> = (0..random).map(|i| i as f32).collect();
    let (tape, mut weights) = (Tape::new(), model.mean_weights());
    weights.set_flat(&flat).unwrap();
    let at = model.at(&tape, &weights);
    assert_eq!(at.hidden[0].weight.value(), &flat[..6]);
    assert_eq!(at.head.bias.value(), &flat[random - 2..]);
    let mean = model.mean(&tape);
    assert_eq!(mean.head.weight.value(), model.head.weight.mean.data());
    let _: &Classifier = &model;
}
