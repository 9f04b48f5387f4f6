//! The tables of `docs/layers.md`: every cell is what a draw of that layer did here. `UPDATE_TABLE=1` writes them; otherwise they are
//! compared.

use std::fmt::Write;

use elbo::nn::{
    Conv, ConvTranspose, DropConnect, Embedding, Gru, LearnedPositions, Lstm, MultiHeadAttention, RandomFeatureGp,
    Rank1Conv, Rank1Dense, Rnn, SeparableConv, SpectralNorm, TransformerEncoderLayer,
};
use elbo::prelude::*;

use crate::common::panics::outcome;

/// The estimators that a layer allows: S, and L or F if two equal examples of a batch have different outputs under it. Values and
/// gradients are finite, and the divergence is not NaN.
fn cell<M>(layer: &M, x: &Tensor) -> String
where
    M: Bayesian + Parameters<Scalar = f32>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t>, Out = Var<'t>>,
{
    let mut letters = Vec::new();
    for (letter, estimator) in [("S", Estimator::Sample), ("L", Estimator::Local), ("F", Estimator::Flipout)] {
        let run = || {
            // Flipout may draw equal signs for two examples.
            (0..4).any(|seed| {
                let (tape, mut gradients) = (Tape::new(), Gradients::of(layer));
                let net = layer.draw(&tape, Drawing::new(Key::new(seed)).estimator(estimator));
                let y = net.forward(tape.input(x));
                (y.square().sum() + net.kl().var().unwrap()).backward(&mut gradients);
                assert!(y.value().iter().all(|y| y.is_finite()) && net.kl().nats().is_finite());
                assert!(gradients.first_non_finite().is_none());
                let (first, second) = y.value().split_at(y.len() / 2);
                first != second
            })
        };
        match outcome(run) {
            Ok(differs) => {
                assert!(letter != "S" || !differs, "a sampled weight is the same for both examples");
                if letter == "S" || differs {
                    letters.push(letter);
                }
            }
            Err(panic) => {
                assert!(letter != "S", "{}", panic.message);
                let is_known =
                    ["local reparameterisation of", "Flipout of"].iter().any(|why| panic.message.contains(why));
                assert!(is_known, "{}", panic.message);
            }
        }
    }
    letters.join(" ")
}

/// Calls a macro with every family: its name, what makes a weight of a shape, and a prior.
macro_rules! each_family {
    ($run:ident, $($rest:tt)*) => {
        [
            $run!(MeanField, |shape: &[usize]| MeanField::<f32>::new(shape), Normal(0.0, 1.0), $($rest)*),
            $run!(LowRank, |shape: &[usize]| LowRank::<f32>::new(shape, 1), Normal(0.0, 1.0), $($rest)*),
            $run!(FullCovariance, |shape: &[usize]| FullCovariance::<f32>::new(shape), Normal(0.0, 1.0), $($rest)*),
            $run!(MatrixNormal, |shape: &[usize]| MatrixNormal::<f32>::new(shape), Normal(0.0, 1.0), $($rest)*),
            $run!(Radial, |shape: &[usize]| Radial::<f32>::new(shape), Normal(0.0, 1.0), $($rest)*),
            $run!(Flow, |shape: &[usize]| Flow::<f32>::new(shape, 2), MonteCarlo(Normal(0.0, 1.0)), $($rest)*),
            $run!(Point, |shape: &[usize]| Point::<f32>::new(shape), Normal(0.0, 1.0), $($rest)*),
        ]
    };
}

macro_rules! run_layer {
    ($name:ident, $family:expr, $prior:expr, $x:expr, $make:ident) => {
        cell(&$make!($family, $prior), &$x)
    };
}

macro_rules! dense {
    ($f:expr, $p:expr) => {
        Dense::of(2, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! drop_connect {
    ($f:expr, $p:expr) => {
        DropConnect::of(2, 3, 0.2, |shape| $f(&shape), $p)
    };
}
macro_rules! spectral {
    ($f:expr, $p:expr) => {
        SpectralNorm::of(2, 3, 0.9, |shape| $f(&shape), $p)
    };
}
macro_rules! rank1 {
    ($f:expr, $p:expr) => {
        Rank1Dense::of(2, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! rank1_conv {
    ($f:expr, $p:expr) => {
        Rank1Conv::<1, _, _>::of(2, 3, [2], |shape| $f(&shape), $p)
    };
}
macro_rules! conv {
    ($f:expr, $p:expr) => {
        Conv::<1, _, _>::of(2, 3, [2], $f, $p)
    };
}
macro_rules! transposed {
    ($f:expr, $p:expr) => {
        ConvTranspose::<1, _, _>::of(2, 3, [2], $f, $p)
    };
}
macro_rules! separable {
    ($f:expr, $p:expr) => {
        SeparableConv::<1, _, _>::of(2, 3, [2], $f, $p)
    };
}
macro_rules! embedding {
    ($f:expr, $p:expr) => {
        Embedding::of(4, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! positions {
    ($f:expr, $p:expr) => {
        LearnedPositions::of(3, 4, |shape| $f(&shape), $p)
    };
}
macro_rules! lstm {
    ($f:expr, $p:expr) => {
        Lstm::of(4, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! gru {
    ($f:expr, $p:expr) => {
        Gru::of(4, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! rnn {
    ($f:expr, $p:expr) => {
        Rnn::of(4, 3, |shape| $f(&shape), $p)
    };
}
macro_rules! attention {
    ($f:expr, $p:expr) => {
        MultiHeadAttention::of((4, 2), |shape| $f(&shape), $p)
    };
}
macro_rules! encoder {
    ($f:expr, $p:expr) => {
        TransformerEncoderLayer::of((4, 2), 5, |shape| $f(&shape), $p)
    };
}
macro_rules! features {
    ($f:expr, $p:expr) => {
        RandomFeatureGp::of(2, 3, 5, Key::new(1), |shape| $f(&shape), $p)
    };
}

macro_rules! name {
    ($name:ident, $($rest:tt)*) => {
        stringify!($name)
    };
}

/// Two equal examples.
fn twice(shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    let both: Vec<usize> = [2].iter().chain(shape).copied().collect();
    Tensor::from_fn(both, |i| (0.7 * (i % len) as f64 + 0.3).sin() + 0.5)
}

fn layers() -> String {
    let (rows, images, steps) = (twice(&[2]), twice(&[2, 4]), twice(&[3, 4]));
    let index = Tensor::full([2, 1], 1.0);
    let names = each_family!(name, _);
    let all = [
        ("Dense", each_family!(run_layer, rows, dense)),
        ("DropConnect", each_family!(run_layer, rows, drop_connect)),
        ("SpectralNorm", each_family!(run_layer, rows, spectral)),
        ("Rank1Dense", each_family!(run_layer, rows, rank1)),
        ("RandomFeatureGp", each_family!(run_layer, rows, features)),
        ("Conv", each_family!(run_layer, images, conv)),
        ("ConvTranspose", each_family!(run_layer, images, transposed)),
        ("SeparableConv", each_family!(run_layer, images, separable)),
        ("Rank1Conv", each_family!(run_layer, images, rank1_conv)),
        ("Embedding", each_family!(run_layer, index, embedding)),
        ("LearnedPositions", each_family!(run_layer, steps, positions)),
        ("Lstm", each_family!(run_layer, steps, lstm)),
        ("Gru", each_family!(run_layer, steps, gru)),
        ("Rnn", each_family!(run_layer, steps, rnn)),
        ("MultiHeadAttention", each_family!(run_layer, steps, attention)),
        ("TransformerEncoderLayer", each_family!(run_layer, steps, encoder)),
    ];
    table("layer", &names, &all)
}

/// Whether a divergence needs draws.
fn divergence<M: Bayesian>(model: &M) -> String {
    let estimate = model.kl_estimate(Key::new(1), 2);
    assert!(estimate.mean.is_finite());
    if estimate.standard_error == 0.0 { "closed form" } else { "estimated" }.to_owned()
}

macro_rules! run_prior {
    ($name:ident, $family:expr, $unused:expr, $prior:expr) => {
        divergence(&dense!($family, $prior))
    };
}

/// Priors with a closed form for these families, and estimated for a flow.
macro_rules! closed {
    ($prior:expr) => {
        [
            divergence(&dense!(|shape: &[usize]| MeanField::<f32>::new(shape), $prior)),
            divergence(&dense!(|shape: &[usize]| LowRank::<f32>::new(shape, 1), $prior)),
            divergence(&dense!(|shape: &[usize]| FullCovariance::<f32>::new(shape), $prior)),
            divergence(&dense!(|shape: &[usize]| MatrixNormal::<f32>::new(shape), $prior)),
            divergence(&dense!(|shape: &[usize]| Radial::<f32>::new(shape), $prior)),
            divergence(&dense!(|shape: &[usize]| Flow::<f32>::new(shape, 2), MonteCarlo($prior))),
            divergence(&dense!(|shape: &[usize]| Point::<f32>::new(shape), $prior)),
        ]
    };
}

fn priors() -> String {
    let names = each_family!(name, _);
    let all = [
        ("Normal", closed!(Normal(0.0, 1.0))),
        ("Normals", closed!(Normals(0.1, 1.0))),
        ("LearnedNormal", closed!(LearnedNormal::<f32>(1.0))),
        ("MonteCarlo(LaplacePrior)", each_family!(run_prior, MonteCarlo(LaplacePrior(0.0, 1.0)))),
        ("MonteCarlo(StudentT)", each_family!(run_prior, MonteCarlo(StudentT(3.0, 0.0, 1.0)))),
        ("MonteCarlo(ScaleMixture)", each_family!(run_prior, MonteCarlo(ScaleMixture::two(0.5, 1.0, 0.1)))),
    ];
    table("prior", &names, &all)
}

fn table<const N: usize>(what: &str, families: &[&str; N], rows: &[(&str, [String; N])]) -> String {
    let mut text = format!("| {what} | {} |\n|---|{}\n", families.join(" | "), "---|".repeat(N));
    for (name, cells) in rows {
        writeln!(text, "| `{name}` | {} |", cells.join(" | ")).unwrap();
    }
    text
}

#[test]
fn the_tables_in_the_docs_are_what_the_layers_do() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/layers.md");
    let written = std::fs::read_to_string(&file).unwrap();
    let mut expected = written.clone();
    for (name, table) in [("layers", layers()), ("priors", priors())] {
        let [start, end] = [format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n")];
        let from = expected.find(&start).unwrap() + start.len();
        let to = expected.find(&end).unwrap();
        expected.replace_range(from..to, &format!("\n{table}\n"));
    }
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(&file, &expected).unwrap();
        return;
    }
    assert!(written == expected, "docs/layers.md differs; run this test with UPDATE_TABLE=1 to write:\n{expected}");
}
