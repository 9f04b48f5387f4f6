//! Single-precision convolutions with stride 1, which some processors compute directly or by Winograd's algorithm,
//! against double precision, which uses neither and is checked against the definition elsewhere.

use crate::common::{Random, with_threads};
use elbo_engine::kernels::Write;
use elbo_engine::kernels::conv::{Geometry, convolve, to_input, to_weight};
use elbo_engine::kernels::dispatch::{Level, with_level};
use elbo_engine::kernels::window::{Axis, sizes};

/// Many sizes: one, two and three axes, any padding, kernels wider than the remaining input.
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
                    // A transposed convolution may have elements after the last tap.
                    if padding == 0 && dilation > 1 && lengths[2] > span {
                        for axis in axes.iter_mut().skip(3 - dimensions) {
                            let output = axis.input + span - 2;
                            *axis = Axis { output, padding: span - 1, ..*axis };
                        }
                        all.push(Geometry { batch: 9, groups, channels, outputs, axes });
                    }
                }
            }
        }
    }
    all
}

/// Three taps along the last two axes and many channels, which use Winograd's algorithm: lengths that end within a
/// tile, several bands of tile rows, partial vectors of channels, padding wider than the kernel.
fn geometries_of_tiles() -> Vec<Geometry> {
    let mut all = Vec::new();
    for [depth, height, width] in [[1, 4, 4], [1, 7, 18], [1, 13, 35], [5, 6, 7], [3, 9, 31]] {
        for (first, padding) in [(1, [0, 0, 0]), (1, [0, 1, 1]), (3, [1, 1, 1]), (2, [0, 2, 0]), (3, [3, 4, 3])] {
            for (groups, channels, outputs) in [(1, 16, 16), (2, 17, 20), (1, 33, 48), (1, 64, 70)] {
                let axis = |input: usize, kernel: usize, padding: usize| {
                    let output = (input + 2 * padding + 1).saturating_sub(kernel);
                    Axis { input, output, kernel, stride: 1, padding, dilation: 1 }
                };
                let [z, y, x] = padding;
                let axes = [axis(depth, first, z), axis(height, 3, y), axis(width, 3, x)];
                // The reference is slow, so the largest number of channels occurs once.
                let is_cheap = channels < 64 || height == 7;
                if axes.iter().all(|axis| axis.output > 0) && is_cheap {
                    all.push(Geometry { batch: 9, groups, channels, outputs, axes });
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
    assert_eq!(found.len(), expected.len(), "{g:?}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        // A sum of n products of numbers of variance one grows like √n, and so do the rounding errors of its partial
        // sums.
        let bound = 4.0 * 2f64.powi(-24) * (terms.max(1) as f64 + expected.abs());
        assert!((f64::from(found) - expected).abs() <= bound, "element {i}: {found} for {expected} in {g:?}");
    }
}

#[test]
fn single_and_double_precision_agree_forward_and_backward() {
    let mut random = Random::new(7);
    let [all, tiles] = [geometries(), geometries_of_tiles()];
    assert!(all.len() > 300 && tiles.len() > 60, "{}, {}", all.len(), tiles.len());
    for g in all.iter().chain(&tiles) {
        let [elements, places, taps] = sizes(g.axes);
        let x = numbers(&mut random, g.batch * g.groups * g.channels * elements);
        let w = numbers(&mut random, g.groups * g.outputs * g.channels * taps);
        let y = numbers(&mut random, g.batch * g.groups * g.outputs * places);
        let [bias_out, bias_in] = [g.outputs, g.channels].map(|channels| numbers(&mut random, g.groups * channels));
        for write in [Write::Store, Write::Add] {
            // Previous contents, which must be kept or not be read.
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

            let (mut adjoint, mut exact) = (w.clone(), wide(&w));
            let mut scratch = vec![f32::NAN; g.to_weight_scratch()];
            to_weight(g, &x, &y, &mut adjoint, write, &mut scratch);
            let mut scratch = vec![0.0; g.to_weight_scratch()];
            to_weight(g, &wide(&x), &wide(&y), &mut exact, write, &mut scratch);
            compare(&adjoint, &exact, g.batch * places, g);
        }
    }
}

/// The root mean square error of `found`.
fn error(found: &[f32], exact: &[f64]) -> f64 {
    let sum: f64 = found.iter().zip(exact).map(|(&found, exact)| (f64::from(found) - exact).powi(2)).sum();
    (sum / exact.len() as f64).sqrt()
}

#[test]
fn winograd_is_about_as_accurate_as_patches() {
    let mut random = Random::new(9);
    let axis = Axis { input: 16, output: 16, kernel: 3, stride: 1, padding: 1, dilation: 1 };
    let g = &Geometry { batch: 8, groups: 1, channels: 64, outputs: 64, axes: [Axis::NONE, axis, axis] };
    let [elements, places, taps] = sizes(g.axes);
    let x = numbers(&mut random, g.batch * g.channels * elements);
    let w = numbers(&mut random, g.outputs * g.channels * taps);
    let y = numbers(&mut random, g.batch * g.outputs * places);
    let [mut exact, mut exact_adjoint] = [vec![0.0; y.len()], vec![0.0; w.len()]];
    let scratch = &mut vec![0.0; g.convolve_scratch().max(g.to_weight_scratch())];
    convolve(g, &wide(&x), &wide(&w), None, &mut exact, Write::Store, scratch);
    to_weight(g, &wide(&x), &wide(&y), &mut exact_adjoint, Write::Store, scratch);
    let errors = |level| {
        with_threads(1, || {
            with_level(level, || {
                let [mut out, mut adjoint] = [vec![0.0; y.len()], vec![0.0; w.len()]];
                let scratch = &mut vec![0.0; g.convolve_scratch().max(g.to_weight_scratch())];
                convolve(g, &x, &w, None, &mut out, Write::Store, scratch);
                to_weight(g, &x, &y, &mut adjoint, Write::Store, scratch);
                [error(&out, &exact), error(&adjoint, &exact_adjoint)]
            })
        })
    };
    let patches = errors(Level::Portable);
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        let found = errors(level);
        let ratios = [found[0] / patches[0], found[1] / patches[1]];
        println!("{level:?}: {ratios:.2?} times the error of patches in portable code");
        assert!(ratios.into_iter().all(|ratio| ratio <= 2.0), "{level:?}: {found:?} after {patches:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let axis = |kernel| Axis { input: 30, output: 30, kernel, stride: 1, padding: kernel / 2, dilation: 1 };
    same_bits(&Geometry { batch: 11, groups: 1, channels: 16, outputs: 20, axes: [Axis::NONE, axis(5), axis(5)] });
    same_bits(&Geometry { batch: 11, groups: 1, channels: 16, outputs: 20, axes: [Axis::NONE, axis(3), axis(3)] });
    // A weight so large that its adjoint's sum has a single part.
    same_bits(&Geometry { batch: 9, groups: 1, channels: 160, outputs: 210, axes: [Axis::NONE, axis(3), axis(3)] });
}

fn same_bits(g: &Geometry) {
    let mut random = Random::new(8);
    let [elements, places, taps] = sizes(g.axes);
    let x = numbers(&mut random, g.batch * g.channels * elements);
    let w = numbers(&mut random, g.outputs * g.channels * taps);
    let of = |threads| {
        with_threads(threads, || {
            let mut out = vec![0.0; g.batch * g.outputs * places];
            convolve(g, &x, &w, None, &mut out, Write::Store, &mut vec![f32::NAN; g.convolve_scratch()]);
            let mut back = vec![0.0; x.len()];
            to_input(g, &out, &w, None, &mut back, Write::Store, &mut vec![f32::NAN; g.to_input_scratch()]);
            let mut adjoint = vec![0.0; w.len()];
            to_weight(g, &x, &out, &mut adjoint, Write::Store, &mut vec![f32::NAN; g.to_weight_scratch()]);
            [out, back, adjoint]
        })
    };
    let alone = of(1);
    assert!(alone.iter().flatten().all(|x| x.is_finite()) && alone.iter().all(|part| part.iter().any(|x| *x != 0.0)));
    assert!([2, 3].into_iter().all(|threads| of(threads) == alone));
}
