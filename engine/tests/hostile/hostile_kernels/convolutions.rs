//! Convolutions with inconsistent sizes or slices are rejected.

use elbo_engine::kernels::Write;
use elbo_engine::kernels::conv::{Geometry, convolve, to_bias, to_input, to_weight};
use elbo_engine::kernels::window::{Axis, sizes};

use super::{Random, at_every_level, count, hostile, is_rejected, near, outcome, panics};

/// Three taps, stride 1 and no padding.
fn axis(input: usize) -> Axis {
    Axis { input, output: input - 2, kernel: 3, stride: 1, padding: 0, dilation: 1 }
}

fn geometry() -> Geometry {
    Geometry { batch: 8, groups: 1, channels: 2, outputs: 8, axes: [Axis::NONE, axis(5), axis(6)] }
}

struct Slices {
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    y: Vec<f32>,
    scratch: Vec<f32>,
}

impl Slices {
    fn of(g: &Geometry) -> Slices {
        let [elements, places, taps] = sizes(g.axes);
        let scratch = [g.convolve_scratch(), g.to_input_scratch(), g.to_weight_scratch()];
        let zeros = |factors: [usize; 4]| vec![0.0; factors.into_iter().product()];
        Slices {
            x: zeros([g.batch, g.groups, g.channels, elements]),
            w: zeros([g.groups, g.outputs, g.channels, taps]),
            bias: zeros([g.groups, g.outputs, 1, 1]),
            y: zeros([g.batch, g.groups, g.outputs, places]),
            scratch: zeros([scratch.into_iter().max().unwrap(), 1, 1, 1]),
        }
    }
}

#[test]
fn slices_of_other_lengths_are_rejected() {
    at_every_level(|| {
        let g = &geometry();
        for write in [Write::Store, Write::Add] {
            for change in [-1, 1] {
                let resize = |x: &mut Vec<f32>| x.resize(x.len().checked_add_signed(change).unwrap(), 0.0);
                let changed = |which: usize| {
                    let mut all = Slices::of(g);
                    let Slices { x, w, bias, y, .. } = &mut all;
                    resize([x, w, bias, y][which]);
                    all
                };
                for which in 0..4 {
                    let Slices { x, w, bias, mut y, mut scratch } = changed(which);
                    let words: &[&str] = &["convolve: ", if which == 2 { "bias" } else { "elements" }];
                    panics(words, || convolve(g, &x, &w, Some(&bias), &mut y, write, &mut scratch));
                }
                for which in [0, 1, 3] {
                    let Slices { mut x, w, y, mut scratch, .. } = changed(which);
                    panics(&["to_input: ", "elements"], || to_input(g, &y, &w, None, &mut x, write, &mut scratch));
                    let Slices { x, mut w, y, mut scratch, .. } = changed(which);
                    panics(&["to_weight: ", "elements"], || to_weight(g, &x, &y, &mut w, write, &mut scratch));
                }
            }
        }
    });
}

#[test]
fn scratch_memory_that_is_too_short_is_rejected() {
    let wide = Geometry { channels: 16, outputs: 16, axes: [Axis::NONE, axis(6), axis(6)], ..geometry() };
    at_every_level(|| {
        for g in &[geometry(), wide, Geometry { batch: 2, ..geometry() }, Geometry { batch: 40, ..wide }] {
            let Slices { mut x, mut w, mut y, .. } = Slices::of(g);
            // The need depends on the processor; the functions that compute it return the maximum.
            let none = &mut [0.0; 1][..0];
            panics(&["convolve: ", "scratch"], || convolve(g, &x, &w, None, &mut y, Write::Store, none));
            panics(&["to_input: ", "scratch"], || to_input(g, &y, &w, None, &mut x, Write::Store, none));
            if g.batch > 2 {
                panics(&["to_weight: ", "scratch"], || to_weight(g, &x, &y, &mut w, Write::Store, none));
            }
        }
    });
}

#[test]
fn windows_beyond_the_input_are_rejected() {
    at_every_level(|| {
        let x = axis(6);
        for (wrong, words) in [
            // The last tap is 2⁶⁴ elements away, which wraps to 0; those before it do not.
            (Axis { input: 1, output: 1, kernel: 33, dilation: 1 << 59, ..x }, "33 taps"),
            (Axis { output: 5, ..x }, "5 places"),
            (Axis { dilation: 3, ..x }, "dilation: 3"),
            (Axis { output: 5, stride: 1 << 62, ..x }, "5 places"),
            (Axis { output: 1 << 62, padding: 1 << 63, ..x }, "padding"),
            (Axis { stride: 0, ..x }, "stride"),
            (Axis { dilation: 0, ..x }, "dilation"),
        ] {
            for place in 0..3 {
                let mut g = Geometry { batch: 8, groups: 1, channels: 1, outputs: 8, axes: [axis(6); 3] };
                g.axes[place] = wrong;
                let of = |factors: &[usize], lengths: fn(&Axis) -> usize| {
                    vec![0.0_f32; count(factors).zip(count(&g.axes.each_ref().map(lengths))).map_or(0, |(a, b)| a * b)]
                };
                let (mut x, mut w) = (of(&[8], |axis| axis.input), of(&[8], |axis| axis.kernel));
                let (mut y, mut scratch) = (of(&[64], |axis| axis.output), vec![0.0; 100_000]);
                panics(&["convolve: ", words], || convolve(&g, &x, &w, None, &mut y, Write::Store, &mut scratch));
                panics(&["to_input: ", words], || to_input(&g, &y, &w, None, &mut x, Write::Store, &mut scratch));
                panics(&["to_weight: ", words], || to_weight(&g, &x, &y, &mut w, Write::Store, &mut scratch));
            }
        }
    });
}

#[test]
fn sizes_that_overflow_are_rejected() {
    let many = Axis { input: 1 << 32, output: 1 << 32, ..Axis::NONE };
    panics(&["more elements than memory can address"], || sizes([many; 3]));
    let g = Geometry { batch: 0, axes: [many; 3], ..geometry() };
    let (none, w) = (&mut [0.0_f32; 1][..0], &[0.0; 16]);
    panics(&["more elements than memory can address"], || convolve(&g, &[], w, None, none, Write::Store, &mut []));
}

#[test]
fn adjoints_of_biases_need_whole_images() {
    for (len, places, channels) in [(5, 2, 2), (4, 3, 1), (4, 1 << 63, 2), (4, (1 << 63) + 1, 2), (4, 0, 2), (4, 2, 0)]
    {
        let (y, mut target) = (vec![1.0_f32; len], vec![0.0; channels]);
        let words = [format!("to_bias: {len} elements"), format!("{channels} channels")];
        panics(&words.each_ref().map(|word| &word[..]), || to_bias(&y, places, &mut target, Write::Store));
    }
    let mut target = [1.0_f32; 2];
    to_bias(&[], 1 << 40, &mut target, Write::Add);
    assert_eq!(target, [1.0; 2]);
}

fn hostile_axis(random: &mut Random) -> Axis {
    let mut axis = match random.below(3) {
        0 => Axis::NONE,
        _ => {
            let [kernel, padding, dilation] = [1 + random.below(3), random.below(3), 1 + random.below(2)];
            let stride = 1 + random.below(4) / 3;
            let input = dilation * (kernel - 1) + 1 + random.below(9);
            let output = (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
            Axis { input, output, kernel, stride, padding, dilation }
        }
    };
    let Axis { input, output, kernel, stride, padding, dilation } = &mut axis;
    for field in [input, output, kernel, stride, padding, dilation] {
        if random.below(20) == 0 {
            *field = hostile(random);
        }
    }
    axis
}

#[test]
fn random_sizes_are_rejected_or_agree_with_double_precision() {
    let mut random = Random::new(16);
    let (mut rejected, mut done) = (0, 0);
    let (mut scratch, mut scratch_exact) = (vec![f32::NAN; 200_000], vec![f64::NAN; 200_000]);
    for _ in 0..15_000 {
        let axes = std::array::from_fn(|_| hostile_axis(&mut random));
        let [groups, channels, outputs] = [1 + random.below(2), 1 + random.below(20), 1 + random.below(20)];
        let mut g = Geometry { batch: random.below(12), groups, channels, outputs, axes };
        let Geometry { batch, groups, channels, outputs, .. } = &mut g;
        for field in [batch, groups, channels, outputs] {
            if random.below(30) == 0 {
                *field = hostile(&mut random);
            }
        }
        let [elements, places, taps] =
            [axes.map(|axis| axis.input), axes.map(|axis| axis.output), axes.map(|axis| axis.kernel)]
                .map(|lengths| count(&lengths));
        let all =
            |factors: [usize; 3], each: Option<usize>| count(&factors).zip(each).and_then(|(a, b)| count(&[a, b]));
        let mut x = near(&mut random, all([g.batch, g.groups, g.channels], elements));
        let mut w = near(&mut random, all([g.groups, g.outputs, g.channels], taps));
        let mut y = near(&mut random, all([g.batch, g.groups, g.outputs], places));
        let scratch = if random.below(10) == 0 { &mut scratch[..random.below(2000)] } else { &mut scratch[..] };
        let wide = |x: &[f32]| x.iter().copied().map(f64::from).collect::<Vec<_>>();
        let (mut x_exact, mut w_exact, mut y_exact) = (wide(&x), wide(&w), wide(&y));
        let which = random.below(3);
        // Skip cases that would take too long.
        if all([g.batch, g.groups, g.outputs], places)
            .zip(all([g.channels, 1, 1], taps))
            .is_some_and(|(a, b)| a * b > 300_000)
        {
            continue;
        }
        let found = outcome(|| match which {
            0 => convolve(&g, &x, &w, None, &mut y, Write::Store, scratch),
            1 => to_input(&g, &y, &w, None, &mut x, Write::Store, scratch),
            _ => to_weight(&g, &x, &y, &mut w, Write::Store, scratch),
        });
        let name = ["convolve: ", "to_input: ", "to_weight: "][which];
        if is_rejected(&[name, "a tensor of shape"], found, &g).is_none() {
            rejected += 1;
            continue;
        }
        done += 1;
        match which {
            0 => convolve(&g, &x_exact, &w_exact, None, &mut y_exact, Write::Store, &mut scratch_exact),
            1 => to_input(&g, &y_exact, &w_exact, None, &mut x_exact, Write::Store, &mut scratch_exact),
            _ => to_weight(&g, &x_exact, &y_exact, &mut w_exact, Write::Store, &mut scratch_exact),
        }
        let (found, expected) = [(&y, &y_exact), (&x, &x_exact), (&w, &w_exact)][which];
        for (&found, &expected) in found.iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < 1e-3, "{found} for {expected} in {g:?}, way {which}");
        }
    }
    assert!(rejected > 1000 && done > 1000, "{rejected} rejected, {done} done");
}
