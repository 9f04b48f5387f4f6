//! Attention layers and transformer blocks: against PyTorch (`reference/sequence_layers.py`), padding, positions, memory, mistakes.

use elbo::engine::Attention;
use elbo::nn::{
    AttentionSize, LearnedPositions, MultiHeadAttention, TransformerDecoderLayer, TransformerEncoderLayer, rotary,
};
use elbo::prelude::*;
use elbo::{Path, Shape, with_threads};
use serde_json::Value;

use crate::common::assert_near;
use crate::common::layer_cases::{agrees_on, cases, tensor};

use crate::common::panics::panics;

fn point(shape: Shape) -> Point<f64> {
    Point::new(shape)
}

fn mean_field(shape: Shape) -> MeanField<f64> {
    MeanField::with_sd(Tensor::from_fn(shape, |i| 0.4 * (i as f64 * 0.37).cos()), 0.3)
}

fn prior() -> Normal {
    Normal(0.0, 1.0)
}

type Attend = MultiHeadAttention<MeanField<f64>>;

fn sizes(value: &Value) -> Option<Vec<usize>> {
    serde_json::from_value(value.clone()).ok()
}

/// [`agrees_on`] the inputs that the case has, x first.
fn compare<M>(case: &Value, model: M, forward: impl for<'t> Fn(M::Draw<'t>, &[Var<'t, f64>]) -> Var<'t, f64>)
where
    M: Bayesian + Parameters<Scalar = f64>,
{
    let inputs = ["x", "memory", "key", "value"].map(|name| (name, &case["inputs"][name]));
    let inputs: Vec<_> = inputs.into_iter().filter(|(_, value)| !value.is_null()).collect();
    agrees_on(case, model, &inputs, forward);
}

/// Masks and lengths of a case, on the tape.
fn settings<'t>(attrs: &Value, tape: &'t Tape<f64>) -> Attention<'t, f64> {
    let settings = Attention::new();
    let mask = || {
        let mask = tensor(&attrs["values"]);
        tape.constant(mask.shape(), |i| mask.data()[i])
    };
    match (attrs["mask"].as_str(), sizes(&attrs["keys"])) {
        (Some("allow"), _) => settings.allow(mask()),
        (Some(_), _) => settings.bias(mask()),
        (None, Some(keys)) => settings.lengths(tape.alloc_slice(keys.len(), |i| keys[i])),
        (None, None) => settings,
    }
}

fn multi_head(case: &Value) {
    let attrs = &case["attrs"];
    let size = match (sizes(&attrs["size"]), sizes(&attrs["memory"])) {
        (Some(size), _) => AttentionSize::new(size[0], size[1]).key_value_heads(size[2]),
        (_, Some(memory)) => AttentionSize::new(6, 3).memory(memory[0], memory[1]),
        _ => AttentionSize::new(6, 3),
    };
    let mut layer = MultiHeadAttention::of(size, point, prior());
    if attrs["causal"] == true {
        layer = layer.causal();
    }
    if attrs["bias"] == false {
        layer = layer.without_bias();
    }
    if let Some(base) = attrs["rotary"].as_f64() {
        layer = layer.rotary(base);
    }
    compare(case, layer, |draw, inputs| match (inputs, sizes(&attrs["lengths"])) {
        (&[x], Some(lengths)) => draw.forward_padded(x, &lengths),
        (&[x], None) if attrs["mask"].is_null() => draw.forward(x),
        (&[x], None) => draw.attend([x; 3], settings(attrs, x.tape())),
        (&[x, memory], _) => draw.attend([x, memory, memory], settings(attrs, x.tape())),
        (&[x, key, value], _) => draw.attend([x, key, value], settings(attrs, x.tape())),
        _ => unreachable!(),
    });
}

macro_rules! configured {
    ($block:expr, $attrs:expr) => {{
        let mut block = $block;
        if $attrs["causal"] == true {
            block = block.causal();
        }
        if $attrs["norm_first"] == true {
            block = block.norm_first();
        }
        if $attrs["activation"] == "gelu" { block.gelu() } else { block }
    }};
}

#[test]
fn layers_agree_with_pytorch() {
    let cases = cases(include_str!("../reference/sequence_layers.json"));
    assert_eq!(cases.len(), 26);
    for case in &cases {
        let (name, attrs) = (case["name"].as_str().unwrap(), &case["attrs"]);
        let lengths = sizes(&attrs["lengths"]);
        if name.starts_with("encoder") {
            let block = configured!(TransformerEncoderLayer::of((6, 2), 7, point, prior()), attrs);
            compare(case, block, |draw, inputs| match &lengths {
                Some(lengths) => draw.forward_padded(inputs[0], lengths),
                None => draw.forward(inputs[0]),
            });
        } else if name.starts_with("decoder") {
            let block = configured!(TransformerDecoderLayer::of((6, 2), 7, point, prior()), attrs);
            compare(case, block, |draw, inputs| match &lengths {
                Some(lengths) => draw.forward_padded(inputs[0], lengths, inputs[1], &sizes(&attrs["keys"]).unwrap()),
                None => draw.forward(inputs[0], inputs[1]),
            });
        } else {
            multi_head(case);
        }
    }
}

fn x(examples: usize, steps: usize, width: usize) -> Tensor<f64> {
    Tensor::from_fn([examples, steps, width], |i| (0.7 * i as f64 + 0.2).sin())
}

fn block() -> TransformerEncoderLayer<MeanField<f64>> {
    TransformerEncoderLayer::of((6, 3), 8, mean_field, prior()).norm_first().gelu()
}

#[test]
fn an_example_does_not_depend_on_the_others_or_on_padding() {
    let tape = Tape::new();
    let (block, decoder) = (block(), TransformerDecoderLayer::of((6, 3), 8, mean_field, prior()).causal());
    let (block, decoder) = (block.draw(&tape, Key::new(1)), decoder.draw(&tape, Key::new(2)));
    let (mut all, memory) = (x(3, 5, 6), x(3, 4, 6));
    let memory = tape.input(&memory);
    let lengths = [5, 2, 4];
    // Padding that is not a number.
    for (row, &length) in lengths.iter().enumerate() {
        all.data_mut()[(row * 5 + length) * 6..(row + 1) * 30].fill(f64::NAN);
    }
    let all = tape.param(&all);
    let padded = block.forward_padded(all, &lengths);
    let decoded = decoder.forward_padded(all, &lengths, memory, &[4, 3, 1]);
    for (row, &length) in lengths.iter().enumerate() {
        let own = |x: Var<'_, f64>| x.value()[row * 30..][..length * 6].to_vec();
        let alone = all.slice(0, row as isize..row as isize + 1, 1).slice(1, ..length as isize, 1);
        assert_near(&own(padded), block.forward(alone).value(), 1e-13);
        let its = memory.slice(0, row as isize..row as isize + 1, 1).slice(1, ..[4, 3, 1][row], 1);
        assert_near(&own(decoded), decoder.forward(alone, its).value(), 1e-13);
        assert!(padded.value()[(row * 5 + length) * 6..(row + 1) * 30].iter().all(|&y| y == 0.0));
    }
    fn is_independent<M: Bayesian<Batch = elbo::Yes>>() {}
    is_independent::<TransformerEncoderLayer>();
    is_independent::<TransformerDecoderLayer>();
    is_independent::<LearnedPositions>();
}

#[test]
fn without_noise_a_layer_is_its_means_and_every_estimator_is_allowed() {
    let (x, tiny) = (x(2, 5, 6), |shape: Shape| {
        let mean = mean_field(shape).mean;
        MeanField::with_sd(mean, 1e-13)
    });
    let decoder = TransformerDecoderLayer::of((6, 3), 8, tiny, prior()).causal();
    let tape = Tape::new();
    let x = tape.input(&x);
    let expected = decoder.mean(&tape).forward(x, x);
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let draw = decoder.draw(&tape, Drawing::new(Key::new(3)).estimator(estimator));
        assert_near(draw.forward(x, x).value(), expected.value(), 1e-10);
    }
}

#[test]
fn divergences_are_counted_once_and_by_pytorchs_names() {
    let names: Vec<String> = block().kl_terms().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "self_attn.in_proj_weight",
        "self_attn.in_proj_bias",
        "self_attn.out_proj.weight",
        "self_attn.out_proj.bias",
        "linear1.weight",
        "linear1.bias",
        "linear2.weight",
        "linear2.bias",
    ];
    assert_eq!(names, expected);
    let tape = Tape::new();
    let block = block();
    let draw = block.draw(&tape, Key::new(1));
    for steps in [1, 9] {
        draw.forward(tape.constant([2, steps, 6], |i| i as f64));
        assert!((draw.kl().nats() - block.kl()).abs() < 1e-9 * block.kl());
    }
}

#[test]
fn rotary_positions_make_products_depend_on_distances() {
    let tape = Tape::new();
    let x = tape.constant([4000, 6], |i| [0.3, -1.0, 0.7, 0.2, 1.4, -0.6][i % 6]);
    let y = rotary(x, 10_000.0);
    assert!(y.value().iter().all(|y: &f64| y.is_finite()));
    let product = |a: usize, b: usize| (0..6).map(|i| y.value()[a * 6 + i] * y.value()[b * 6 + i]).sum::<f64>();
    assert!((product(0, 7) - product(3990, 3997)).abs() < 1e-12);
    assert!((product(0, 7) - product(0, 8)).abs() > 1e-3);
}

/// The peak of a forward and a backward pass of causal attention over `steps` steps, in bytes.
fn peak(steps: usize) -> usize {
    let (layer, x) = (MultiHeadAttention::new(16, 2).causal(), Tensor::from_fn([1, steps, 16], |i| (i as f64).sin()));
    let mut gradients = Gradients::of(&layer);
    let tape = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
    draw.forward_padded(tape.input(&x), &[steps - 3]).square().sum().backward(&mut gradients);
    tape.memory().peak
}

#[test]
fn memory_grows_linearly_with_the_steps() {
    let [short, long] = [2048, 4096].map(|steps| with_threads(2, || peak(steps)));
    println!("{short} and {long} bytes");
    assert!(long < 2 * short + short / 10, "{short} bytes for 2,048 steps and {long} for 4,096");
    // The scores of one head alone would be 64 MiB.
    assert!(long < 16 << 20, "{long} bytes");
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let layer = MultiHeadAttention::of(AttentionSize::new(32, 4).key_value_heads(2), mean_field, prior()).causal();
    let x = x(3, 150, 32);
    let run = |threads| {
        with_threads(threads, || {
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&layer));
            let y = layer.draw(&tape, Key::new(1)).forward_padded(tape.input(&x), &[150, 90, 4]);
            y.square().sum().backward(&mut gradients);
            let mut bits: Vec<u64> = y.value().iter().map(|y| y.to_bits()).collect();
            layer.visit(&Path::ROOT, &mut |path, _, _| {
                bits.extend(gradients.get(&path.to_string()).unwrap().iter().map(|g| g.to_bits()));
            });
            bits
        })
    };
    let alone = run(1);
    assert!([2, 3].into_iter().all(|threads| run(threads) == alone));
}

#[test]
fn numbers_stay_finite_for_any_scale() {
    let (x, memory) = (x(2, 5, 6), x(2, 4, 6));
    for rho in [-1e4, 0.0, 1e4] {
        let mut both = (block(), TransformerDecoderLayer::of((6, 3), 8, mean_field, prior()).causal());
        both.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
            if role == elbo::Role::Scale && path.to_string().ends_with("rho") {
                parameter.data_mut().fill(rho);
            }
        });
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&both));
        let (encoder, decoder) = both.draw(&tape, Key::new(1));
        let y = decoder.forward(encoder.forward(tape.input(&x)), tape.input(&memory));
        assert!(y.value().iter().all(|y| y.is_finite()), "{rho}");
        y.square().sum().backward(&mut gradients);
        both.visit(&Path::ROOT, &mut |path, _, _| {
            let path = path.to_string();
            assert!(gradients.get(&path).unwrap().iter().all(|g| g.is_finite()), "{path} at {rho}");
        });
    }
}

/// A constant that shares the memory of x is another input than x: no gradient flows through it.
#[test]
fn constant_keys_and_values_get_no_gradient() {
    let (layer, elements): (Attend, _) = (MultiHeadAttention::of((6, 3), mean_field, prior()), x(2, 5, 6));
    let both = (layer, Point(elements.clone()));
    let gradient = |held: &dyn for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>| {
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&both));
        let (draw, query) = both.draw(&tape, Key::new(1));
        let held = held(query);
        draw.attend([query, held, held], Attention::new()).square().sum().backward(&mut gradients);
        gradients.get("1").unwrap().to_vec()
    };
    let of_a_copy = gradient(&|query| query.tape().constant(query.shape(), |i| elements.data()[i]));
    assert_near(&gradient(&|query| query.stop_gradient()), &of_a_copy, 1e-12);
    assert!(gradient(&|query| query) != of_a_copy);
}

#[test]
fn layers_are_saved_and_loaded() {
    type Saved = (TransformerEncoderLayer<MeanField<f64>>, TransformerDecoderLayer<MeanField<f64>>, Attend);
    let build = |posterior: fn(Shape) -> MeanField<f64>| -> Saved {
        let cross = MultiHeadAttention::of(AttentionSize::new(6, 3).memory(4, 5), posterior, prior());
        (block(), TransformerDecoderLayer::of((6, 3), 8, posterior, prior()), cross)
    };
    let (saved, mut loaded) = (build(mean_field), build(|shape| MeanField::new(shape)));
    loaded.load_from_bytes("layers", saved.save_to_bytes()).unwrap();
    let (x, key, value) = (x(2, 5, 6), x(2, 3, 4), x(2, 3, 5));
    let outputs = |model: &Saved| {
        let tape = Tape::new();
        let (x, key, value) = (tape.input(&x), tape.input(&key), tape.input(&value));
        let (encoder, decoder, cross) = model.draw(&tape, Key::new(4));
        let y = cross.attend([decoder.forward(encoder.forward(x), x), key, value], Attention::new());
        y.value().to_vec()
    };
    assert_eq!(outputs(&loaded), outputs(&saved));
}

#[test]
fn mistakes_name_the_layer_and_what_it_expects() {
    panics(&["MultiHeadAttention", "width of 10", "3 heads"], || MultiHeadAttention::new(10, 3));
    panics(&["got a memory of 0 features", "at least 1"], || AttentionSize::new(8, 4).memory(0, 3));
    let wide = AttentionSize::new(6, 3).memory(6, 6);
    panics(&["TransformerEncoderLayer", "memory"], || TransformerEncoderLayer::of(wide, 8, mean_field, prior()));
    panics(&["TransformerDecoderLayer", "memory"], || TransformerDecoderLayer::of(wide, 8, mean_field, prior()));
    panics(&["standard deviation", "-1"], || MultiHeadAttention::new(6, 3).initial_sd(-1.0));
    panics(&["standard deviation", "-1"], || TransformerEncoderLayer::new(6, 3, 8).initial_sd(-1.0));
    panics(&["4 heads", "3 heads of keys"], || AttentionSize::new(8, 4).key_value_heads(3));
    panics(&["even", "3"], || MultiHeadAttention::new(6, 2).rotary(10_000.0));
    for base in [0.5, f64::NAN, f64::INFINITY] {
        panics(&["rotary", "base"], || MultiHeadAttention::new(8, 2).rotary(base));
    }
    let tape = Tape::new();
    let [wide, flat, other] = [&[2, 5, 7][..], &[5, 6], &[3, 4, 6]].map(|shape| tape.constant(shape, |_| 0.0));
    let good = tape.constant([2, 5, 6], |_| 0.0);
    let attention: Attend = MultiHeadAttention::of((6, 3), mean_field, prior());
    let attention = attention.draw(&tape, Key::new(1));
    panics(&["MultiHeadAttention", "[2, 5, 7]", "(examples, steps, 6)"], || attention.forward(wide));
    panics(&["MultiHeadAttention", "[5, 6]"], || attention.forward(flat));
    let others = [good, other, other];
    panics(&["[3, 4, 6]", "as many examples"], || attention.attend(others, Attention::new()));
    panics(&["MultiHeadAttention", "1 lengths", "2 examples"], || attention.forward_padded(good, &[5]));
    panics(&["MultiHeadAttention", "row 1 is 6", "5 steps"], || attention.forward_padded(good, &[5, 6]));
    let (encoder, decoder) = (block(), TransformerDecoderLayer::of((6, 3), 8, mean_field, prior()));
    let (encoder, decoder) = (encoder.draw(&tape, Key::new(1)), decoder.draw(&tape, Key::new(1)));
    panics(&["TransformerEncoderLayer", "[2, 5, 7]", "(examples, steps, 6)"], || encoder.forward(wide));
    panics(&["TransformerEncoderLayer", "1 lengths"], || encoder.forward_padded(good, &[5]));
    panics(&["TransformerDecoderLayer", "memory", "[3, 4, 6]", "as many examples"], || decoder.forward(good, other));
    let too_long = [9, 5];
    panics(&["memory", "row 0 is 9"], || decoder.forward_padded(good, &[5, 5], good, &too_long));
    let positions = LearnedPositions::of(4, 6, mean_field, prior());
    let positions = positions.draw(&tape, Key::new(1));
    panics(&["LearnedPositions", "[2, 5, 6]", "[4, 6]"], || positions.forward(good));
}
