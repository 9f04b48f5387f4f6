//! Convolutions with stride 1 in single precision, which have tiles in registers on some processors, against those in
//! double precision, which have none and are held to the definition elsewhere.

mod common;

use common::Random;
use elbo_engine::kernels::Write;
use elbo_engine::kernels::convolve::{Geometry, convolve, to_input};
use elbo_engine::kernels::window::{Axis, sizes};
use elbo_engine::with_threads;

/// Many sizes: one, two and three axes, margins of any width, kernels wider than what is left of the input.
fn geometries() -> Vec<Geometry> {
    let mut all = Vec::new();
    for (dimensions, lengths) in [(1, [1, 1, 200]), (1, [1, 1, 5]), (2, [1, 9, 7]), (2, [1, 3, 50]), (3, [4, 3, 9])] {
        for (kernel, dilation) in [(1, 1), (2, 1), (3, 1), (5, 1), (2, 3)] {
            for padding in [0, 1, 2, 4] {
                for (groups, channels, outputs) in [(1, 1, 8), (1, 3, 4), (2, 5, 13), (1, 8, 3), (3, 4, 16)] {
                    let span = dilation * (kernel - 1) + 1;
                    let mut axes = [Axis::NONE; 3];
                    for (axis, input) in axes.iter_mut().zip(lengths).skip(3 - dimensions) {
                        let output = usize::saturating_sub(input + 2 * padding, span - 1);
                        *axis = Axis { input, output, kernel, stride: 1, padding, dilation };
                    }
                    if axes.iter().all(|axis| axis.output > 0) {
                        all.push(Geometry { batch: 9, groups, channels, outputs, axes });
                    }
                }
            }
        }
    }
    all
}

fn numbers(random: &mut Random, len: usize) -> Vec<f32> {
    (0..len).map(|_| random.between(-1.7, 1.7) as f32).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

fn compare(found: &[f32], expected: &[f64], terms: usize, g: &Geometry) {
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        // A sum of n products of numbers of variance one grows like √n, and so do the roundings of its partial sums.
        let bound = 4.0 * 2f64.powi(-24) * (terms.max(1) as f64 + expected.abs());
        assert!((f64::from(found) - expected).abs() <= bound, "element {i}: {found} for {expected} in {g:?}");
    }
}

#[test]
fn single_precision_agrees_with_double_there_and_back() {
    let mut random = Random::new(7);
    let all = geometries();
    assert!(all.len() > 300, "{}", all.len());
    for g in &all {
        let [elements, places, taps] = sizes(g.axes);
        let x = numbers(&mut random, g.batch * g.groups * g.channels * elements);
        let w = numbers(&mut random, g.groups * g.outputs * g.channels * taps);
        let y = numbers(&mut random, g.batch * g.groups * g.outputs * places);
        let [bias_out, bias_in] = [g.outputs, g.channels].map(|channels| numbers(&mut random, g.groups * channels));
        for write in [Write::Store, Write::Add] {
            // What stands there is to be kept or not to be read.
            let (mut out, mut exact) = (y.clone(), wide(&y));
            let mut scratch = vec![f32::NAN; g.convolve_scratch()];
            convolve(g, &x, &w, Some(&bias_out), &mut out, write, &mut scratch);
            let mut scratch = vec![0.0; g.convolve_scratch()];
            convolve(g, &wide(&x), &wide(&w), Some(&wide(&bias_out)), &mut exact, write, &mut scratch);
            compare(&out, &exact, g.channels * taps, g);

            let (mut back, mut exact) = (x.clone(), wide(&x));
            let bias = (write == Write::Add).then_some(&bias_in[..]);
            let mut scratch = vec![f32::NAN; g.to_input_scratch()];
            to_input(g, &y, &w, bias, &mut back, write, &mut scratch);
            let mut scratch = vec![0.0; g.to_input_scratch()];
            to_input(g, &wide(&y), &wide(&w), bias.map(wide).as_deref(), &mut exact, write, &mut scratch);
            compare(&back, &exact, g.outputs * taps, g);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let mut random = Random::new(8);
    let axis = Axis { input: 30, output: 30, kernel: 3, stride: 1, padding: 1, dilation: 1 };
    let g = Geometry { batch: 11, groups: 1, channels: 16, outputs: 20, axes: [Axis::NONE, axis, axis] };
    let [elements, places, taps] = sizes(g.axes);
    let x = numbers(&mut random, g.batch * g.channels * elements);
    let w = numbers(&mut random, g.outputs * g.channels * taps);
    let of = |threads| {
        with_threads(threads, || {
            let mut out = vec![0.0; g.batch * g.outputs * places];
            convolve(&g, &x, &w, None, &mut out, Write::Store, &mut vec![f32::NAN; g.convolve_scratch()]);
            let mut back = vec![0.0; x.len()];
            to_input(&g, &out, &w, None, &mut back, Write::Store, &mut vec![f32::NAN; g.to_input_scratch()]);
            (out, back)
        })
    };
    let alone = of(1);
    assert!(alone.0.iter().chain(&alone.1).any(|x| *x != 0.0));
    assert!([2, 3].into_iter().all(|threads| of(threads) == alone));
}
