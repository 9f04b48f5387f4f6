//! Affine maps against their definition, at sizes with and without the transposed product.

use crate::common::with_threads;
use elbo_engine::kernels::dispatch::{Level, with_level};
use elbo_engine::random::{Key, normals};
use elbo_engine::{Activation, Real, Tape, Tensor};

/// Rows, inputs, outputs: whole and partial tiles of 16, and enough work for several threads.
const SIZES: [[usize; 3]; 9] = [
    [7, 64, 64],
    [8, 33, 70],
    [16, 64, 48],
    [17, 50, 50],
    [25, 60, 47],
    [100, 300, 257],
    [128, 400, 400],
    [129, 400, 300],
    [20, 4, 90],
];

const ACTIVATIONS: [Activation; 4] = [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid];

fn numbers<T: Real>(name: &str, shape: &[usize]) -> Tensor<T> {
    let mut numbers = vec![0.0_f32; shape.iter().product()];
    normals(Key::new(0).at(name), 0, &mut numbers);
    Tensor::from_fn(shape, |i| f64::from(numbers[i]))
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        _ => x,
    }
}

fn check<T: Real>(tolerance: f64) {
    for [rows, inputs, outputs] in SIZES {
        let x = numbers::<T>("x", &[rows, inputs]);
        let (w, b) = (numbers::<T>("w", &[outputs, inputs]), numbers::<T>("b", &[outputs]));
        for activation in ACTIVATIONS {
            let tape = Tape::new();
            let input = tape.input(&x);
            let with_bias = input.affine_activated(tape.param(&w), tape.param(&b), activation);
            let without = input.linear(tape.param(&w));
            for i in 0..rows * outputs {
                let (row, output) = (i / outputs, i % outputs);
                let pairs = x.data()[row * inputs..][..inputs].iter().zip(&w.data()[output * inputs..]);
                let products = pairs.map(|(x, w)| x.to_f64() * w.to_f64());
                let (sum, size) = products.fold((0.0, 1.0), |(sum, size), p| (sum + p, size + p.abs()));
                let exact = activated(activation, sum + b.data()[output].to_f64());
                let found = with_bias.value()[i].to_f64();
                assert!((found - exact).abs() <= tolerance * size, "{rows} {inputs} {outputs}, {i}: {found} {exact}");
                assert!((without.value()[i].to_f64() - sum).abs() <= tolerance * size);
            }
        }
    }
}

#[test]
fn values_are_those_of_the_definition_at_every_level() {
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        with_threads(1, || {
            with_level(level, || {
                check::<f32>(1e-6);
                check::<f64>(1e-14);
            });
        });
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let values = |threads| {
        with_threads(threads, || {
            let of_sizes = SIZES.into_iter().flat_map(|[rows, inputs, outputs]| {
                let x = numbers::<f32>("x", &[rows, inputs]);
                let (w, b) = (numbers("w", &[outputs, inputs]), numbers("b", &[outputs]));
                let tape = Tape::inference();
                let y = tape.input(&x).affine_activated(tape.param(&w), tape.param(&b), Activation::Tanh);
                y.value().iter().map(|y| y.to_bits()).collect::<Vec<_>>()
            });
            of_sizes.collect::<Vec<_>>()
        })
    };
    let alone = values(1);
    for threads in [2, 3] {
        assert!(values(threads) == alone, "{threads} threads");
    }
}
