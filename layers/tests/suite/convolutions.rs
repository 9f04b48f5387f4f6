//! Convolutional layers: against PyTorch (`reference/convolution_layers.py`), noise, independence of examples, files, mistakes.

use elbo::nn::{Conv, Conv1d, Conv2d, ConvTranspose, ConvTranspose1d, PaddingMode, SeparableConv, SeparableConv2d};
use elbo::prelude::*;
use elbo::{Path, Role, Yes};
use serde_json::Value;

use crate::common::assert_near;
use crate::common::layer_cases::{agrees, cases};
use crate::common::panics::panics;

fn prior() -> Normal {
    Normal(0.0, 1.0)
}

fn point(shape: &[usize]) -> Point<f64> {
    Point::new(shape)
}

fn random(shape: &[usize]) -> MeanField<f64> {
    MeanField::with_sd(Tensor::from_fn(shape, |i| 0.4 * (i as f64 * 0.37).cos()), 0.3)
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// The setting of this name of a case, if it has one for each axis.
fn axes<const D: usize>(attrs: &Value, name: &str) -> Option<[usize; D]> {
    attrs[name].as_array().map(|axes| std::array::from_fn(|axis| number(&axes[axis])))
}

macro_rules! configured {
    ($layer:expr, $attrs:expr, $($setting:ident),*) => {{
        let mut layer = $layer;
        $(if let Some(value) = axes($attrs, stringify!($setting)) {
            layer = layer.$setting(value);
        })*
        if $attrs["bias"] == false { layer.without_bias() } else { layer }
    }};
}

fn mode(attrs: &Value) -> PaddingMode {
    match attrs["mode"].as_str() {
        Some("reflect") => PaddingMode::Reflect,
        Some("replicate") => PaddingMode::Replicate,
        Some("circular") => PaddingMode::Circular,
        _ => PaddingMode::Zeros,
    }
}

fn compare<const D: usize>(case: &Value) {
    let attrs = &case["attrs"];
    let (channels, outputs) = (number(&attrs["channels"]), number(&attrs["outputs"]));
    let (kernel, groups) = (axes::<D>(attrs, "kernel").unwrap(), attrs["groups"].as_u64().unwrap_or(1) as usize);
    let is_same = attrs["padding"] == "same";
    match attrs["kind"].as_str().unwrap() {
        "transposed" => {
            let layer = ConvTranspose::of_grouped(channels, outputs, kernel, groups, point, prior());
            agrees(case, configured!(layer, attrs, stride, padding, output_padding, dilation));
        }
        "separable" => {
            let layer = SeparableConv::of(channels, outputs, kernel, point, prior());
            let layer = configured!(layer, attrs, stride, padding, dilation).padding_mode(mode(attrs));
            agrees(case, if is_same { layer.same_padding() } else { layer });
        }
        _ => {
            let layer = Conv::of_grouped(channels, outputs, kernel, groups, point, prior());
            let layer = configured!(layer, attrs, stride, padding, dilation).padding_mode(mode(attrs));
            agrees(case, if is_same { layer.same_padding() } else { layer });
        }
    }
}

#[test]
fn layers_agree_with_pytorch() {
    let cases = cases(include_str!("../reference/convolution_layers.json"));
    assert_eq!(cases.len(), 19);
    for case in &cases {
        match case["attrs"]["kernel"].as_array().unwrap().len() {
            1 => compare::<1>(case),
            2 => compare::<2>(case),
            _ => compare::<3>(case),
        }
    }
}

/// Every kind of layer with (examples, 4, 6, 5) as its input.
#[bayesian]
#[derive(Clone)]
struct Every {
    grouped: Conv<2, MeanField<f64>>,
    same: Conv<2, MeanField<f64>>,
    circular: Conv<2, MeanField<f64>>,
    reflected: Conv<2, MeanField<f64>>,
    transposed: ConvTranspose<2, MeanField<f64>>,
    separable: SeparableConv<2, MeanField<f64>>,
}

#[bayesian]
impl Every {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let parts = [
            self.grouped.forward(x),
            self.same.forward(x),
            self.circular.forward(x),
            self.reflected.forward(x),
            self.transposed.forward(x),
            self.separable.forward(x),
        ];
        let examples = x.shape()[0];
        Var::concat(&parts.map(|part| part.reshape([examples, part.len() / examples])), -1)
    }
}

fn every() -> Every {
    let of = |kernel| Conv::of(4, 2, kernel, random, prior());
    Every {
        grouped: Conv::of_grouped(4, 2, [3, 2], 2, random, prior()).stride([2, 1]),
        same: of([2, 3]).same_padding(),
        circular: of([2, 3]).padding([2, 1]).padding_mode(PaddingMode::Circular),
        reflected: of([3, 2]).same_padding().padding_mode(PaddingMode::Reflect),
        transposed: ConvTranspose::of_grouped(4, 2, [3, 2], 2, random, prior()).stride([2, 1]).output_padding([1, 0]),
        separable: SeparableConv::of(4, 2, [3, 3], random, prior()).same_padding().without_bias(),
    }
}

fn x(examples: usize) -> Tensor<f64> {
    Tensor::from_fn([examples, 4, 6, 5], |i| (0.7 * i as f64 + 0.3).sin() + 0.1)
}

fn set_rho(model: &mut Every, rho: f64) {
    model.visit_mut(&Path::ROOT, &mut |_, role, parameter| {
        if role == Role::Scale {
            parameter.data_mut().fill(rho);
        }
    });
}

#[test]
fn without_noise_a_layer_is_its_means_for_every_estimator() {
    let mut model = every();
    set_rho(&mut model, -40.0);
    let (tape, x) = (Tape::new(), x(3));
    let expected = model.mean(&tape).forward(tape.input(&x));
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let draw = model.draw(&tape, Drawing::new(Key::new(3)).estimator(estimator));
        assert_near(draw.forward(tape.input(&x)).value(), expected.value(), 1e-12);
    }
}

/// The moments of the outputs over many draws: those of Flipout and local reparameterisation are those of sampled weights.
#[test]
fn every_estimator_has_the_moments_of_sampled_weights() {
    let (draws, x) = (6000, x(2));
    let mut model = every();
    // Two layers in a row are not normal: their moments are compared by the first.
    model.separable.pointwise.weight = MeanField::with_sd(model.separable.pointwise.weight.mean.clone(), 1e-9);
    let moments = |estimator| {
        let tape = Tape::inference();
        let draw = model.draw(&tape, Drawing::new(Key::new(5)).draws(draws).estimator(estimator));
        let y = draw.forward(tape.input(&x));
        let columns = y.len();
        let all = y.to_tensor();
        let mut sums = vec![[0.0; 2]; columns];
        for row in all.data().chunks(columns) {
            for (sum, y) in sums.iter_mut().zip(row) {
                sum[0] += y / draws as f64;
                sum[1] += y * y / draws as f64;
            }
        }
        sums.into_iter().map(|[mean, square]| [mean, square - mean * mean]).collect::<Vec<_>>()
    };
    let [sampled, local, flipout] = [Estimator::Sample, Estimator::Local, Estimator::Flipout].map(moments);
    let n = draws as f64;
    for other in [local, flipout] {
        for (i, ([mean, variance], [found, other])) in sampled.iter().zip(&other).enumerate() {
            let slack = 5.0 * (2.0 * variance / n).sqrt();
            assert!((mean - found).abs() < slack, "{i}: {mean} {found}");
            // Products of signs and normals have the kurtosis of normals or less.
            assert!((other / variance - 1.0).abs() < 5.5 * (4.0 / n).sqrt(), "{i}: {variance} {other}");
        }
    }
}

#[test]
fn examples_are_independent_and_layers_are_saved() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let model = every();
    is_independent(&model);
    let (order, x) = ([3, 0, 4, 1], x(5));
    let size = 4 * 6 * 5;
    let chosen = Tensor::from_fn([4, 4, 6, 5], |i| x.data()[order[i / size] * size + i % size]);
    let [all, some] = [&x, &chosen].map(|x| model.outputs(x, Draws(3)));
    let columns = all.tensor().shape()[2];
    for draw in 0..3 {
        for (row, &example) in order.iter().enumerate() {
            let found = &some.tensor().data()[(draw * 4 + row) * columns..][..columns];
            assert_near(found, &all.tensor().data()[(draw * 5 + example) * columns..][..columns], 1e-12);
        }
    }
    #[cfg(feature = "files")]
    {
        let mut read = every();
        set_rho(&mut read, 0.5);
        read.load_from_bytes("layers", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), all);
    }
}

#[test]
fn numbers_stay_finite_for_any_scale() {
    let x = x(2);
    for rho in [-1e4, -700.0, 0.0, 1e4] {
        let mut model = every();
        set_rho(&mut model, rho);
        for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
            let draw = model.draw(&tape, Drawing::new(Key::new(1)).estimator(estimator));
            let y = draw.forward(tape.input(&x));
            (y.sum() + draw.kl().var().unwrap()).backward(&mut gradients);
            assert!(y.value().iter().all(|y| y.is_finite()), "{rho}");
            assert!(gradients.first_non_finite().is_none(), "{rho} {estimator:?}: {:?}", gradients.first_non_finite());
        }
    }
}

#[test]
fn a_dense_layer_without_a_bias_is_a_convolution_of_one_tap_without_one() {
    let dense = Dense::of(3, 2, |shape| random(&shape), prior()).without_bias();
    let conv = Conv1d::of(3, 2, [1], random, prior()).without_bias();
    let (tape, x) = (Tape::new(), Tensor::from_fn([4, 3], |i| (0.7 * i as f64 + 0.3).sin()));
    let x = tape.input(&x);
    for key in [1, 2].map(Key::new) {
        let (dense, conv) = (dense.draw(&tape, key), conv.draw(&tape, key));
        let y = conv.forward(x.reshape([4, 3, 1]));
        assert_near(dense.forward(x).value(), y.value(), 1e-14);
        assert_near(&[dense.kl().nats()], &[conv.kl().nats()], 1e-12);
    }
    let (layer, other) = (Dense::new(3, 2).initial_sd(0.2).without_bias(), Dense::new(3, 2).without_bias());
    assert_eq!(layer.weight.rho, other.initial_sd(0.2).weight.rho);
}

#[test]
fn a_divergence_counts_the_weights_of_the_groups_only() {
    let names: Vec<_> = every().kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..2], ["grouped.weight", "grouped.bias"]);
    assert_eq!(names[names.len() - 2..], ["separable.depthwise.weight", "separable.pointwise.weight"]);
    assert_eq!(Conv2d::grouped(6, 9, [3, 3], 3).weight.mean.shape(), [9, 2, 3, 3]);
    assert_eq!(ConvTranspose1d::grouped(6, 9, [4], 3).weight.mean.shape(), [6, 3, 4]);
    let sd = |layer: &SeparableConv2d| layer.pointwise.weight.sd().data()[0];
    assert!((sd(&SeparableConv2d::new(2, 3, [2, 2]).initial_sd(0.3)) - 0.3).abs() < 1e-6);
    let transposed = ConvTranspose1d::new(2, 3, [2]).prior(LaplacePrior(0.0, 1.0)).initial_sd(0.2);
    assert!(transposed.kl() > 0.0 && (transposed.weight.sd().data()[0] - 0.2).abs() < 1e-6);
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    panics(&["Conv: 4 channels and 6 outputs in 3 groups"], || Conv1d::grouped(4, 6, [2], 3));
    panics(&["ConvTranspose: 4 channels and 6 outputs in 4 groups"], || ConvTranspose1d::grouped(4, 6, [2], 4));
    panics(&["SeparableConv", "got 0"], || SeparableConv2d::new(0, 6, [2, 2]));
    panics(&["-1"], || ConvTranspose1d::new(2, 3, [2]).initial_sd(-1.0));
    panics(&["-1"], || SeparableConv2d::new(2, 3, [2, 2]).initial_sd(-1.0));
    let tape = Tape::new();
    let x = tape.constant([2, 3, 4], |i| i as f32);
    let same = Conv1d::new(3, 2, [3]).same_padding().stride([2]);
    panics(&["convolve", "`same`", "[2]", "expected 1"], || same.draw(&tape, Key::new(1)).forward(x));
    for (mode, most) in [(PaddingMode::Reflect, 3), (PaddingMode::Circular, 4)] {
        let layer = Conv1d::new(3, 2, [3]).padding([5]).padding_mode(mode);
        let most = format!("expected at most {most}");
        panics(&["[2, 3, 4]", "5 elements", "spatial axis 0", &most], || layer.draw(&tape, Key::new(1)).forward(x));
    }
    let wide = Conv1d::new(5, 2, [3]).same_padding();
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let draw = wide.draw(&tape, Drawing::new(Key::new(1)).estimator(estimator));
        panics(&["convolve", "[2, 3, 4]"], || draw.forward(x));
    }
    let transposed = ConvTranspose1d::new(5, 2, [3]);
    panics(&["convolve_transposed", "[2, 3, 4]"], || transposed.draw(&tape, Key::new(1)).forward(x));
    let longer = ConvTranspose1d::new(3, 2, [3]).output_padding([1]);
    panics(&["output padding", "is 1"], || longer.draw(&tape, Key::new(1)).forward(x));
    let filled = elbo::engine::Convolution::<1>::new().padding_mode(PaddingMode::Circular).transposed();
    let mut transposed = ConvTranspose1d::new(3, 2, [3]);
    transposed.settings = filled;
    panics(&["Circular", "transposed"], || transposed.draw(&tape, Key::new(1)).forward(x));
}
