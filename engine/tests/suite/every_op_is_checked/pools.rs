//! Gradient checks of pools, and values against the definition.

use elbo_engine::{Pooling, Tape, Tensor};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[
    ("max_pool", |random| {
        pool::<1>(random, true);
        pool::<2>(random, true);
        pool::<3>(random, true);
    }),
    ("avg_pool", |random| {
        pool::<1>(random, false);
        pool::<2>(random, false);
        pool::<3>(random, false);
    }),
    ("adaptive_avg_pool", |random| {
        adaptive::<1>(random);
        adaptive::<2>(random);
        adaptive::<3>(random);
    }),
];

/// Settings of one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    ceil: bool,
}

impl Axis {
    fn random(random: &mut Random, ceil: bool) -> Self {
        let (kernel, dilation) = (1 + random.below(3), 1 + random.below(2));
        let span = dilation * (kernel - 1) + 1;
        // At most half of the window, so that no window covers only padding.
        let padding = random.below(kernel / 2 + 1);
        Axis { input: span + random.below(5), kernel, stride: 1 + random.below(3), padding, dilation, ceil }
    }

    /// The definition: windows begin within the input or the padding before it, and end within the padding after it;
    /// with `ceil`, the last one may extend beyond.
    fn places(&self) -> usize {
        let span = self.dilation * (self.kernel - 1) + 1;
        let begins = |place: usize| place * self.stride < self.input + self.padding;
        let fits = |place: usize| place * self.stride + span <= self.input + 2 * self.padding;
        let mut places = (0..).take_while(|&place| fits(place)).count();
        let end = (places - 1) * self.stride + span;
        if self.ceil && end < self.input + 2 * self.padding && begins(places) {
            places += 1;
        }
        places
    }

    /// The elements under a window, and the number of its taps on elements or padding.
    fn window(&self, place: usize) -> (Vec<usize>, usize) {
        let at = (0..self.kernel).map(|tap| place * self.stride + tap * self.dilation);
        let on_something = at.clone().filter(|&at| at < self.input + 2 * self.padding).count();
        let elements = at.filter(|at| (self.padding..self.padding + self.input).contains(at));
        (elements.map(|at| at - self.padding).collect(), on_something)
    }
}

fn pool<const D: usize>(random: &mut Random, is_max: bool) {
    let (ceil, count_padding) = (random.below(2) == 0, random.below(2) == 0);
    let axes: [Axis; D] = std::array::from_fn(|_| Axis::random(random, ceil));
    let settings = Pooling::new(axes.map(|axis| axis.kernel)).stride(axes.map(|axis| axis.stride));
    let settings = settings.padding(axes.map(|axis| axis.padding)).dilation(axes.map(|axis| axis.dilation));
    let settings = settings.ceil(ceil).count_padding(count_padding);
    let shape = [&[random.below(3), 1 + random.below(2)][..], &axes.map(|axis| axis.input)].concat();
    let mut x = if is_max { apart(random, &shape) } else { random.tensor(&shape) };

    let tape = Tape::new();
    let ours = if is_max { tape.input(&x).max_pool(settings) } else { tape.input(&x).avg_pool(settings) };
    let expected = definition(&x, &axes, is_max, count_padding);
    assert_eq!(ours.shape(), expected.shape(), "{axes:?}");
    for (y, expected) in ours.value().iter().zip(expected.data()) {
        assert!((y - expected).abs() < 1e-13, "{y} and {expected} by definition, {axes:?}");
    }

    match is_max {
        true => agree(&mut x, |tape, x| tape.param(x).max_pool(settings)),
        false => agree(&mut x, |tape, x| tape.param(x).avg_pool(settings).square()),
    }
}

fn definition(x: &Tensor<f64>, axes: &[Axis], is_max: bool, count_padding: bool) -> Tensor<f64> {
    let mut three = [Axis { input: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, ceil: false }; 3];
    three[3 - axes.len()..].copy_from_slice(axes);
    let [depth, height, width] = three;
    let mut values = Vec::new();
    for plane in x.data().chunks_exact(depth.input * height.input * width.input) {
        for (z, count_z) in (0..depth.places()).map(|place| depth.window(place)) {
            for (y, count_y) in (0..height.places()).map(|place| height.window(place)) {
                for (x, count_x) in (0..width.places()).map(|place| width.window(place)) {
                    let mut window = Vec::new();
                    for &z in &z {
                        for &y in &y {
                            window.extend(x.iter().map(|&x| plane[(z * height.input + y) * width.input + x]));
                        }
                    }
                    let taps = if count_padding { count_z * count_y * count_x } else { window.len() };
                    values.push(match is_max {
                        true => window.into_iter().fold(f64::NEG_INFINITY, f64::max),
                        false => window.into_iter().sum::<f64>() / taps as f64,
                    });
                }
            }
        }
    }
    let places: Vec<usize> = axes.iter().map(Axis::places).collect();
    Tensor::new([&x.shape()[..2], &places].concat(), values)
}

/// Elements that are more than 0.2 apart: the largest must not change under small steps.
fn apart(random: &mut Random, shape: &[usize]) -> Tensor<f64> {
    let mut order: Vec<usize> = (0..shape.iter().product()).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    Tensor::from_fn(shape, |i| 0.2 * order[i] as f64 - 3.0)
}

fn adaptive<const D: usize>(random: &mut Random) {
    let input: [usize; D] = std::array::from_fn(|_| 1 + random.below(6));
    let output: [usize; D] = std::array::from_fn(|_| 1 + random.below(6));
    let shape = [&[random.below(3), 1 + random.below(2)][..], &input].concat();
    let mut x = random.tensor(&shape);
    agree(&mut x, |tape, x| tape.param(x).adaptive_avg_pool(output).square());
    // One window gives the mean, and as many windows as elements give the elements.
    let tape = Tape::new();
    let x = tape.input(&x);
    let spatial: Vec<isize> = (2..2 + D as isize).collect();
    let (global, mean) = (x.adaptive_avg_pool([1; D]), x.mean_axes(&spatial, true));
    assert_eq!(global.shape(), mean.shape());
    assert!(global.value().iter().zip(mean.value()).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_eq!(x.adaptive_avg_pool(input).value(), x.value());
}

#[test]
fn the_first_of_equal_maxima_gets_the_gradient_of_a_max_pool() {
    let x: Tensor<f64> = Tensor::new([1, 1, 5], [1.0, 2.0, 2.0, 2.0, 1.0]);
    let mut gradients = elbo_engine::Gradients::of(&x);
    let tape = Tape::new();
    tape.param(&x).max_pool(Pooling::new([3]).stride([1])).sum().backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [0.0, 2.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_max_pool_propagates_nan() {
    let x: Tensor<f64> = Tensor::new([1, 1, 4], [f64::NAN, 1.0, f64::NEG_INFINITY, f64::NEG_INFINITY]);
    let tape = Tape::new();
    let y = tape.input(&x).max_pool(Pooling::new([2])).value();
    assert!(y[0].is_nan() && y[1] == f64::NEG_INFINITY);
}
