//! Convolutions and their transposes against the definition (seven loops) over a grid of settings: values and
//! gradients.

use crate::common::{Random, with_threads};
use elbo_engine::{Convolution, Gradients, Real, Tape, Tensor, Transposed, Var};

/// A convolution over three axes; if there are fewer, they are the last ones.
#[derive(Clone, Copy, Debug)]
struct Case {
    dimensions: usize,
    batch: usize,
    groups: usize,
    /// Channels and outputs per group.
    channels: usize,
    outputs: usize,
    input: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
    output_padding: [usize; 3],
}

impl Case {
    /// Output places along an axis.
    fn places(&self, axis: usize) -> usize {
        let span = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
        (self.input[axis] + 2 * self.padding[axis] - span) / self.stride[axis] + 1
    }

    /// Whether the output padding of the transposed convolution can reach the input size: several input sizes of a
    /// convolution have the same output size, and the output padding selects one.
    fn fits(&self) -> bool {
        (0..3).all(|axis| {
            let span = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            span <= self.input[axis] + 2 * self.padding[axis]
        })
    }

    fn settings<const D: usize>(&self) -> Convolution<D> {
        let last = |values: [usize; 3]| std::array::from_fn(|axis| values[3 - D + axis]);
        let (stride, padding, dilation) = (last(self.stride), last(self.padding), last(self.dilation));
        Convolution::new().stride(stride).padding(padding).dilation(dilation).groups(self.groups)
    }

    /// The shape (first, second, the existing axes).
    fn shape(&self, first: usize, second: usize, axes: [usize; 3]) -> Vec<usize> {
        [first, second].into_iter().chain(axes[3 - self.dimensions..].iter().copied()).collect()
    }

    /// Random input, weight, bias and output of the convolution.
    fn operands(&self, random: &mut Random) -> [Tensor<f64>; 4] {
        let places = std::array::from_fn(|axis| self.places(axis));
        let [inputs, outputs] = [self.groups * self.channels, self.groups * self.outputs];
        [
            self.shape(self.batch, inputs, self.input),
            self.shape(outputs, self.channels, self.kernel),
            vec![outputs],
            self.shape(self.batch, outputs, places),
        ]
        .map(|shape| random.tensor(&shape))
    }

    /// The definition: calls `visit` with the indices of input, weight and output of each product.
    fn for_each_product(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let places: [usize; 3] = std::array::from_fn(|axis| self.places(axis));
        let flat = |index: [usize; 3], lengths: [usize; 3]| (index[0] * lengths[1] + index[1]) * lengths[2] + index[2];
        let all = |lengths: [usize; 3]| {
            (0..lengths[0])
                .flat_map(move |z| (0..lengths[1]).flat_map(move |y| (0..lengths[2]).map(move |x| [z, y, x])))
        };
        let size = |lengths: [usize; 3]| lengths.iter().product::<usize>();
        for n in 0..self.batch {
            for output in 0..self.groups * self.outputs {
                for channel in 0..self.channels {
                    let input = output / self.outputs * self.channels + channel;
                    for place in all(places) {
                        for tap in all(self.kernel) {
                            let at: [isize; 3] = std::array::from_fn(|i| {
                                (place[i] * self.stride[i] + tap[i] * self.dilation[i]) as isize
                                    - self.padding[i] as isize
                            });
                            if (0..3).any(|i| at[i] < 0 || at[i] >= self.input[i] as isize) {
                                continue;
                            }
                            let at = at.map(|i| i as usize);
                            visit(
                                (n * self.groups * self.channels + input) * size(self.input) + flat(at, self.input),
                                (output * self.channels + channel) * size(self.kernel) + flat(tap, self.kernel),
                                (n * self.groups * self.outputs + output) * size(places) + flat(place, places),
                            );
                        }
                    }
                }
            }
        }
    }

    /// The value by the definition, and the adjoints of input, weight and bias for the cotangent `g`.
    fn definition(&self, [x, w, b, g]: &[Tensor<f64>; 4]) -> [Vec<f64>; 4] {
        let outputs = b.len();
        let places = g.len() / (self.batch * outputs);
        let mut y: Vec<f64> = (0..g.len()).map(|i| b.data()[i / places % outputs]).collect();
        let [mut to_x, mut to_w, mut to_b] = [x, w, b].map(|tensor| vec![0.0; tensor.len()]);
        self.for_each_product(|i, j, k| {
            y[k] += x.data()[i] * w.data()[j];
            to_x[i] += g.data()[k] * w.data()[j];
            to_w[j] += g.data()[k] * x.data()[i];
        });
        g.data().iter().enumerate().for_each(|(k, g)| to_b[k / places % outputs] += g);
        [y, to_x, to_w, to_b]
    }

    /// The same for the transposed convolution, whose input is the convolution's output `y`, and whose output has the
    /// cotangent `g`.
    fn transposed_definition(
        &self,
        y: &Tensor<f64>,
        w: &Tensor<f64>,
        b: &Tensor<f64>,
        g: &Tensor<f64>,
    ) -> [Vec<f64>; 4] {
        let outputs = b.len();
        let places = g.len() / (self.batch * outputs);
        let mut x: Vec<f64> = (0..g.len()).map(|i| b.data()[i / places % outputs]).collect();
        let [mut to_y, mut to_w, mut to_b] = [y, w, b].map(|tensor| vec![0.0; tensor.len()]);
        self.for_each_product(|i, j, k| {
            x[i] += y.data()[k] * w.data()[j];
            to_y[k] += g.data()[i] * w.data()[j];
            to_w[j] += g.data()[i] * y.data()[k];
        });
        g.data().iter().enumerate().for_each(|(k, g)| to_b[k / places % outputs] += g);
        [x, to_y, to_w, to_b]
    }

    fn convolve<'t, T: Real>(&self, x: Var<'t, T>, w: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        match self.dimensions {
            1 => x.convolve(w, Some(b), self.settings::<1>()),
            2 => x.convolve(w, Some(b), self.settings::<2>()),
            _ => x.convolve(w, Some(b), self.settings::<3>()),
        }
    }

    fn convolve_transposed<'t, T: Real>(&self, x: Var<'t, T>, w: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        fn settings<const D: usize>(case: &Case) -> Transposed<D> {
            let output_padding = std::array::from_fn(|axis| case.output_padding[3 - D + axis]);
            case.settings().transposed().output_padding(output_padding)
        }
        match self.dimensions {
            1 => x.convolve_transposed(w, Some(b), settings::<1>(self)),
            2 => x.convolve_transposed(w, Some(b), settings::<2>(self)),
            _ => x.convolve_transposed(w, Some(b), settings::<3>(self)),
        }
    }

    fn check(&self, random: &mut Random) {
        let operands = self.operands(random);
        let [x, w, b, g] = &operands;
        let ours = results([x, w, b], g, |[x, w, b]| self.convolve(x, w, b));
        assert_close(self, ours, self.definition(&operands));
    }

    /// The convolution's output becomes the input, in a case whose input size the output padding can reach.
    fn check_transposed(&self, random: &mut Random) {
        let mut case = *self;
        for axis in 0..3 {
            let span = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            case.output_padding[axis] = (self.input[axis] + 2 * self.padding[axis] - span) % self.stride[axis];
        }
        let [x, w, _, y] = case.operands(random);
        let b = random.tensor(&[self.groups * self.channels]);
        let ours = results([&y, &w, &b], &x, |[y, w, b]| case.convolve_transposed(y, w, b));
        assert_close(&case, ours, case.transposed_definition(&y, &w, &b, &x));
    }
}

/// The value, and the adjoints of the three inputs for the cotangent `g`.
fn results<T: Real>(
    inputs: [&Tensor<T>; 3],
    g: &Tensor<T>,
    f: impl for<'t> Fn([Var<'t, T>; 3]) -> Var<'t, T>,
) -> [Vec<T>; 4] {
    let model = inputs.map(Tensor::clone);
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let value = f(model.each_ref().map(|tensor| tape.param(tensor)));
    assert_eq!(value.shape(), g.shape());
    (value * tape.input(g)).sum().backward(&mut gradients);
    let gradient = |name: &str| gradients.get(name).unwrap().to_vec();
    [value.value().to_vec(), gradient("0"), gradient("1"), gradient("2")]
}

fn assert_close(case: &Case, ours: [Vec<f64>; 4], definition: [Vec<f64>; 4]) {
    for (what, (ours, definition)) in
        ["value", "input adjoint", "weight adjoint", "bias adjoint"].iter().zip(ours.iter().zip(&definition))
    {
        assert_eq!(ours.len(), definition.len(), "{what} of {case:?}");
        let largest = definition.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        for (i, (x, expected)) in ours.iter().zip(definition).enumerate() {
            let error = (x - expected).abs() / largest;
            assert!(error < 1e-13, "{what}, element {i}: {x} and {expected} by definition, in {case:?}");
        }
    }
}

/// All combinations of dimension, kernel, stride, padding, dilation and groups; the axes differ from each other.
fn grid() -> Vec<Case> {
    let kernels = [[1, 1, 1], [2, 2, 2], [3, 3, 3], [2, 1, 3], [1, 3, 2]];
    let strides = [[1, 1, 1], [2, 2, 2], [1, 2, 3], [3, 1, 1]];
    let paddings = [[0, 0, 0], [1, 1, 1], [0, 2, 1]];
    let dilations = [[1, 1, 1], [2, 2, 2], [1, 3, 2]];
    // (groups, channels and outputs of each); the third is depthwise.
    let groups = [(1, 3, 2), (2, 2, 3), (3, 1, 1), (4, 1, 2)];
    let mut cases = Vec::new();
    for dimensions in 1..=3 {
        for kernel in kernels {
            for stride in strides {
                for padding in paddings {
                    for dilation in dilations {
                        for (groups, channels, outputs) in groups {
                            // Unused axes.
                            let trim = |mut values: [usize; 3], nothing: usize| {
                                values[..3 - dimensions].fill(nothing);
                                values
                            };
                            cases.push(Case {
                                dimensions,
                                batch: 2,
                                groups,
                                channels,
                                outputs,
                                input: trim([4, 7, 6], 1),
                                kernel: trim(kernel, 1),
                                stride: trim(stride, 1),
                                padding: trim(padding, 0),
                                dilation: trim(dilation, 1),
                                output_padding: [0; 3],
                            });
                        }
                    }
                }
            }
        }
    }
    cases.retain(Case::fits);
    cases
}

/// Large enough for several blocks, partial sums and chunks of channels, all with remainders.
fn large() -> [Case; 5] {
    let case = Case {
        dimensions: 2,
        batch: 3,
        groups: 1,
        channels: 70,
        outputs: 9,
        input: [1, 23, 21],
        kernel: [1, 3, 3],
        stride: [1; 3],
        padding: [0, 1, 1],
        dilation: [1; 3],
        output_padding: [0; 3],
    };
    [
        case,
        Case { batch: 1, channels: 5, outputs: 40, input: [1, 90, 31], stride: [1, 2, 1], ..case },
        Case { batch: 2, kernel: [1, 1, 1], padding: [0; 3], input: [1, 40, 30], outputs: 37, ..case },
        Case {
            dimensions: 3,
            batch: 2,
            groups: 2,
            channels: 8,
            input: [9, 10, 11],
            kernel: [3; 3],
            padding: [1; 3],
            ..case
        },
        Case {
            dimensions: 1,
            padding: [0, 0, 1],
            batch: 40,
            channels: 3,
            input: [1, 1, 700],
            kernel: [1, 1, 5],
            dilation: [1, 1, 2],
            ..case
        },
    ]
}

#[test]
fn every_convolution_of_the_grid_matches_the_definition() {
    let grid = grid();
    assert!(grid.len() >= 500, "only {} combinations", grid.len());
    for (seed, case) in grid.iter().enumerate() {
        case.check(&mut Random::new(seed as u64));
    }
    println!("{} combinations agree with the definition, values and gradients", grid.len());
}

#[test]
fn every_transpose_of_the_grid_matches_the_definition() {
    for (seed, case) in grid().iter().enumerate() {
        case.check_transposed(&mut Random::new(seed as u64));
    }
}

#[test]
fn large_convolutions_match_the_definition() {
    for case in large() {
        case.check(&mut Random::new(1));
        case.check_transposed(&mut Random::new(2));
    }
}

#[test]
fn a_convolution_has_the_same_bits_for_any_thread_count() {
    for case in large() {
        let [x, w, b, g] = case.operands(&mut Random::new(3)).map(|tensor| tensor.cast::<f32>());
        let run = |threads| with_threads(threads, || results([&x, &w, &b], &g, |[x, w, b]| case.convolve(x, w, b)));
        let alone = run(1);
        for threads in [2, 3, 5] {
            assert!(run(threads) == alone, "{case:?} on {threads} threads");
        }
    }
}

#[test]
fn an_axis_without_elements_is_all_padding() {
    let [x, w, b] = [[2, 1, 0].as_slice(), &[3, 1, 2], &[3]].map(|shape| Random::new(4).tensor(shape));
    let tape = Tape::new();
    let [x, w, b] = [&x, &w, &b].map(|tensor| tape.input(tensor));
    let y = x.convolve(w, Some(b), Convolution::new().padding([1]));
    assert_eq!(y.shape(), [2, 3, 1]);
    assert_eq!(y.value(), [b.value(), b.value()].concat());
}

#[test]
fn convolutions_without_examples_channels_or_outputs_return_the_bias() {
    for (x, w) in [([0, 2, 4], [3, 2, 2]), ([2, 0, 4], [3, 0, 2]), ([2, 2, 4], [0, 2, 2])] {
        let [x, w, b] = [&x[..], &w, &w[..1]].map(|shape| Random::new(5).tensor(shape));
        let g = Random::new(6).tensor(&[x.shape()[0], b.len(), 3]);
        let model = [x, w, b];
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let [x, w, b] = model.each_ref().map(|tensor| tape.param(tensor));
        let y = x.convolve(w, Some(b), Convolution::<1>::new());
        assert_eq!(y.shape(), g.shape());
        assert!(y.value().iter().enumerate().all(|(i, y)| *y == b.value()[i / 3 % b.value().len()]));
        (y * tape.input(&g)).sum().backward(&mut gradients);
        for (name, tensor) in ["0", "1"].iter().zip(&model) {
            // There are no products, so the gradients are zero.
            assert!(tensor.is_empty() || gradients.get(name).unwrap().iter().all(|&g| g == 0.0));
        }
    }
}
