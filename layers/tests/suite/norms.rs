//! Normalisations: against PyTorch (`reference/norm_layers.py`); learned, random and absent affine parts; mistakes.

use elbo::nn::{Affine, Bias, FilterResponseNorm, GroupNorm, InstanceNorm, LayerNorm, Relu, RmsNorm, Sequential};
use elbo::prelude::*;
use elbo::{Path, Role, Shape, Yes};

use crate::common::assert_near;
use crate::common::layer_cases::{agrees, cases};
use crate::common::panics::panics;

#[test]
fn layers_agree_with_pytorch() {
    let cases = cases(include_str!("../reference/norm_layers.json"));
    assert_eq!(cases.len(), 24);
    for case in &cases {
        let attrs = &case["attrs"];
        let shape: Vec<usize> = serde_json::from_value(attrs["shape"].clone()).unwrap();
        let is_affine = attrs["affine"] == true;
        macro_rules! compare {
            ($layer:expr) => {
                if is_affine { agrees(case, $layer) } else { agrees(case, $layer.without_affine()) }
            };
        }
        match case["kind"].as_str().unwrap() {
            "group" => compare!(GroupNorm::new(attrs["groups"].as_u64().unwrap() as usize, shape[0])),
            "layer" => compare!(LayerNorm::new(shape)),
            "rms" => compare!(RmsNorm::new(shape)),
            "instance" => compare!(InstanceNorm::new(shape[0])),
            _ => compare!(FilterResponseNorm::new(shape[0])),
        }
    }
}

type Random = elbo::nn::Bias<MeanField<f64>>;

/// Every normalisation, of (examples, 4, 3, 2).
#[bayesian]
#[derive(Clone)]
struct Every<A: Affine<Scalar = f64>> {
    group: GroupNorm<f64, A>,
    layer: LayerNorm<f64, A>,
    root_mean_square: RmsNorm<f64, A>,
    instance: InstanceNorm<f64, A>,
    filter_response: FilterResponseNorm<f64, A>,
}

#[bayesian]
impl<A: Affine<Scalar = f64>> Every<A> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let parts = [
            self.group.forward(x),
            self.layer.forward(x),
            self.root_mean_square.forward(x),
            self.instance.forward(x),
            self.filter_response.forward(x),
        ];
        Var::concat(&parts, 1)
    }
}

fn learned() -> Every<Point<f64>> {
    Every {
        group: GroupNorm::new(2, 4),
        layer: LayerNorm::new([3, 2]),
        root_mean_square: RmsNorm::new([2]),
        instance: InstanceNorm::new(4),
        filter_response: FilterResponseNorm::new(4),
    }
}

fn random() -> Every<Random> {
    let every = learned();
    Every {
        group: every.group.bayesian().initial_sd(0.3),
        layer: every.layer.bayesian().initial_sd(0.3),
        root_mean_square: every.root_mean_square.bayesian().initial_sd(0.3),
        instance: every.instance.bayesian().initial_sd(0.3),
        filter_response: every.filter_response.bayesian().initial_sd(0.3),
    }
}

fn x(examples: usize) -> Tensor<f64> {
    Tensor::from_fn([examples, 4, 3, 2], |i| (0.7 * i as f64 + 0.3).sin() * 2.0 + 0.4)
}

fn names(model: &impl Parameters<Scalar = f64>) -> Vec<String> {
    let mut names = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
    names
}

fn set_rho(model: &mut Every<Random>, rho: f64) {
    model.visit_mut(&Path::ROOT, &mut |_, role, parameter| {
        if role == Role::Scale {
            parameter.data_mut().fill(rho);
        }
    });
}

#[test]
fn names_are_weight_and_bias_whatever_the_affine_part() {
    let learned = learned();
    assert_eq!(names(&learned.group), ["weight", "bias"]);
    assert_eq!(names(&learned.filter_response), ["weight", "bias", "threshold"]);
    assert_eq!(names(&random().layer), ["weight.mean", "weight.rho", "bias.mean", "bias.rho"]);
    assert_eq!(names(&learned.layer.without_affine()), [""; 0]);
    let terms: Vec<_> = random().kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(terms[..2], ["group.weight", "group.bias"]);
    assert_eq!(terms.len(), 2 + 2 + 1 + 2 + 3);
}

#[test]
fn a_random_scale_starts_about_1_and_its_prior_is_about_1() {
    let mut model = random();
    model.initialise(Key::new(4));
    assert!(model.group.weight.value.mean.data().iter().all(|&mean| mean == 1.0));
    assert!(model.layer.weight.value.mean.data().iter().all(|&mean| mean == 1.0));
    let one = |mean: f64| {
        let element = MeanField::<f64>::with_sd(Tensor::full([1], mean), 0.3);
        elbo::Divergence::kl(&element, &Normal(mean, 1.0))
    };
    // 4 + 4 of the groups, 6 + 6 of the layer, 2 of the root mean square, 4 + 4 and 3 · 4 of the others.
    assert!((model.kl() - 42.0 * one(1.0)).abs() < 1e-10, "{}", model.kl());
    let data = Examples::new(x(12), Tensor::from_fn([12, 20, 3, 2], |i| (i as f64).cos())).unwrap();
    Elbo::new(Gaussian::new(0.5)).quiet().fit(&mut model, &data, Epochs(2)).unwrap();
    let scale = model.group.weight.value.mean.data()[0];
    assert!(scale != 1.0 && (scale - 1.0).abs() < 0.5, "{scale}");
}

/// Only means that are 1, or 0 in a bias, are an affine part's: others of that name are drawn again.
#[test]
fn a_matrix_that_is_called_bias_is_drawn_like_any_other() {
    #[bayesian]
    struct Net {
        bias: Bias<MeanField<f64>>,
    }
    let mut net = Net { bias: Bias { value: MeanField::new([3, 4]), prior: Normal(0.0, 1.0) } };
    let before = net.bias.value.mean.clone();
    net.initialise(Key::new(4));
    let after = net.bias.value.mean.data();
    assert!(after != before.data() && after.iter().all(|&mean| mean != 0.0));
}

#[test]
fn without_noise_a_random_part_is_a_learned_one_for_every_estimator() {
    let mut model = random();
    set_rho(&mut model, -40.0);
    let (plain, tape, x) = (learned(), Tape::new(), x(3));
    let expected = plain.mean(&tape).forward(tape.input(&x));
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let draw = model.draw(&tape, Drawing::new(Key::new(3)).estimator(estimator));
        assert_near(draw.forward(tape.input(&x)).value(), expected.value(), 1e-12);
    }
}

#[test]
fn several_draws_are_those_of_one_after_another() {
    let (model, x, key) = (random(), x(3), Key::new(5));
    let tape = Tape::new();
    let all = model.draw(&tape, Drawing::new(key).draws(3)).forward(tape.input(&x)).to_tensor();
    for (draw, all) in all.data().chunks(all.len() / 3).enumerate() {
        let one = model.draw(&tape, key.draw(draw)).forward(tape.input(&x));
        assert_near(all, one.value(), 1e-13);
    }
}

#[test]
fn gradients_of_a_random_part_agree_with_differences() {
    elbo::engine::gradcheck(&mut random(), |tape, model| {
        let draw = model.draw(tape, Key::new(5));
        let x = tape.constant([2, 4, 3, 2], |i| (i as f64 * 0.37).sin());
        draw.forward(x).square().sum() + draw.kl().var().unwrap()
    })
    .assert_within(1e-6);
}

#[test]
fn examples_are_independent_and_layers_are_saved() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let (model, order, x) = (random(), [3, 0, 4, 1], x(5));
    is_independent(&learned());
    is_independent(&model);
    let chosen = Tensor::from_fn([4, 4, 3, 2], |i| x.data()[order[i / 24] * 24 + i % 24]);
    let [all, some] = [&x, &chosen].map(|x| model.outputs(x, Draws(3)));
    for draw in 0..3 {
        for (row, &example) in order.iter().enumerate() {
            let found = &some.tensor().data()[(draw * 4 + row) * 120..][..120];
            assert_near(found, &all.tensor().data()[(draw * 5 + example) * 120..][..120], 1e-12);
        }
    }
    #[cfg(feature = "files")]
    {
        let mut read = random();
        set_rho(&mut read, 0.5);
        read.load_from_bytes("norms", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), all);
    }
}

#[test]
fn numbers_stay_finite_for_any_scale() {
    let x = x(2);
    for rho in [-1e4, -700.0, 0.0, 1e4] {
        let mut model = random();
        set_rho(&mut model, rho);
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let draw = model.draw(&tape, Key::new(1));
        let y = draw.forward(tape.input(&x));
        (y.sum() + draw.kl().var().unwrap()).backward(&mut gradients);
        assert!(y.value().iter().all(|y| y.is_finite()), "{rho}");
        assert!(gradients.first_non_finite().is_none(), "{rho}: {:?}", gradients.first_non_finite());
    }
}

#[test]
fn any_family_and_prior_and_containers() {
    let scale = |shape: Shape, start: f64| {
        LogNormal::<f32>::with_log_moments(Tensor::full(shape.clone(), start - 1.0), &Tensor::full(shape, 0.1))
    };
    let norm = RmsNorm::new([3]).bayesian_of(scale, [LogNormalPrior(0.0, 1.0)]);
    let model = Sequential((Dense::new(2, 3), norm, Relu::new(), LayerNorm::new([3]).bayesian()));
    assert!(model.kl().is_finite());
    assert_eq!(model.outputs(&Tensor::full([4, 2], 0.7), Draws(2)).tensor().shape(), [2, 4, 3]);
    let learned = LearnedNormal::new(1.0);
    let group = GroupNorm::<f32>::new(1, 2)
        .bayesian_of(|shape, start| MeanField::with_sd(Tensor::full(shape, start), 0.1), [learned.clone(), learned]);
    let names: Vec<_> = group.kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight", "bias"]);
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let (tape, key) = (Tape::new(), Key::new(1));
    let [x, flat, wide] = [&[2, 4, 3, 2][..], &[2, 4], &[2, 5, 3]].map(|shape| tape.constant(shape, |i| i as f64));
    // All axes, that of the examples among them.
    let (layer, rms) = (LayerNorm::new([2, 4]), RmsNorm::new([2, 4]));
    let words = ["x of shape [2, 4] over axes [2, 4]", "couple the examples"];
    panics(&["LayerNorm", words[0], words[1]], || layer.draw(&tape, key).forward(flat));
    panics(&["RmsNorm", words[0], words[1]], || rms.draw(&tape, key).forward(flat));
    let absent = LayerNorm::new([2, 4]).without_affine();
    panics(&["LayerNorm", words[0], words[1]], || absent.draw(&tape, key).forward(flat));
    let line = tape.constant([4], |i| i as f64);
    let layer = LayerNorm::new([4]);
    panics(&["LayerNorm", "[4]", "couple the examples"], || layer.draw(&tape, key).forward(line));
    panics(&["LayerNorm", "[2, 5, 3]", "[4]"], || layer.draw(&tape, key).forward(wide));
    let group = GroupNorm::new(2, 4).without_affine();
    panics(&["GroupNorm", "[2, 5, 3]", "(examples, 4, ..)"], || group.draw(&tape, key).forward(wide));
    panics(&["GroupNorm", "[4]", "(examples, 4, ..)"], || group.draw(&tape, key).forward(line));
    let instance = InstanceNorm::new(4).bayesian();
    panics(&["InstanceNorm", "[2, 4]", "more than one element"], || instance.draw(&tape, key).forward(flat));
    let response = FilterResponseNorm::new(4);
    panics(&["FilterResponseNorm", "[2, 4]", "more than one element"], || response.draw(&tape, key).forward(flat));
    panics(&["FilterResponseNorm", "[2, 5, 3]"], || response.draw(&tape, key).forward(wide));
    assert_eq!(response.draw(&tape, key).forward(x).shape(), [2, 4, 3, 2]);
    panics(&["LayerNorm: at least one axis"], || LayerNorm::<f32>::new([]));
    panics(&["RmsNorm: at least one axis"], || RmsNorm::<f32>::new([]));
    panics(&["GroupNorm: 6 channels"], || GroupNorm::<f32>::new(4, 6));
    panics(&["-1"], || RmsNorm::<f32>::new([2]).bayesian().initial_sd(-1.0));
}
