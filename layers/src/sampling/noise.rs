//! Standard normal noise of a draw: generated from a key (`Noise`), or given by name (`FixedNoise`).

use super::estimator::{key_at, key_of};
use super::{Cx, Mode};
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::{BLOCK, Block, Philox};
use crate::engine::{Adjoints, Evaluation, Operation, Shape};
use crate::engine::{Key, Path, Real, Tensor, Var};

/// Given noise by weight name, used in a draw instead of the key's standard normal noise.
///
/// A weight's noise has the weight's name, as [`Bayesian::kl_terms`](crate::Bayesian::kl_terms) writes it
/// (`hidden.0.weight`), and its shape. Other random numbers of a weight have names below it: with
/// [`Estimator::Local`](crate::Estimator::Local) the noise of the outputs (`hidden.0.weight.output`, of the output's
/// shape), with [`Estimator::Flipout`](crate::Estimator::Flipout) the signs (`….signs_in` of shape (examples, inputs)
/// and `….signs_out` of shape (examples, outputs)), and the names in a posterior's documentation. With several draws at
/// once, the first axis is the draws.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct FixedNoise<T: Real = f32> {
    tensors: Vec<(Key, Tensor<T>)>,
}

impl<T: Real> FixedNoise<T> {
    /// Without noise for any weight.
    pub fn new() -> Self {
        FixedNoise { tensors: Vec::new() }
    }

    /// Sets the noise called `name`.
    pub fn set(mut self, name: &str, noise: Tensor<T>) -> Self {
        self.tensors.push((key_of(name), noise));
        self
    }

    fn get(&self, path: &Path<'_>) -> Option<&Tensor<T>> {
        let named = |(name, _): &&(Key, Tensor<T>)| *name == key_at(Key::new(0), path);
        self.tensors.iter().find(named).map(|(_, noise)| noise)
    }
}

/// Standard normal noise that an operation can generate again in its backward pass instead of storing it.
#[derive(Clone, Copy, Debug)]
pub struct Noise<'t, T> {
    source: Source<'t, T>,
    antithetic: bool,
}

#[derive(Clone, Copy, Debug)]
enum Source<'t, T> {
    Zero,
    Key(Key),
    /// The elements of all draws, and the number in each draw.
    Given(&'t [T], usize),
}

impl<'t, T: Real> Noise<'t, T> {
    /// No noise: zero.
    pub(crate) const NONE: Noise<'static, T> = Noise { source: Source::Zero, antithetic: false };

    /// The noise of a draw, as [`Evaluation::draw`] and [`Adjoints::draw`](crate::engine::Adjoints::draw) number them.
    pub fn of_draw(&self, draw: usize) -> DrawNoise<'t, T> {
        // The second draw of an antithetic pair has the negated noise of the first.
        let (number, negative) = if self.antithetic { (draw / 2, draw % 2 == 1) } else { (draw, false) };
        let source = match self.source {
            Source::Zero => DrawSource::Zero,
            Source::Key(key) => DrawSource::Philox(key.draw(key.current_draw() as usize + number).philox()),
            Source::Given(all, each) => DrawSource::Given(all.get(number * each..).map_or(all, |all| &all[..each])),
        };
        DrawNoise { source, negative }
    }
}

/// The noise of one draw.
#[derive(Clone, Copy, Debug)]
pub struct DrawNoise<'t, T> {
    source: DrawSource<'t, T>,
    negative: bool,
}

#[derive(Clone, Copy, Debug)]
enum DrawSource<'t, T> {
    Zero,
    Philox(Philox),
    Given(&'t [T]),
}

impl<'t, T: Real> DrawNoise<'t, T> {
    /// The block of noise from element `start` on, which must be a multiple of [`BLOCK`]. For use inside a kernel, with
    /// whose SIMD level it is compiled. Zero past the end of given noise.
    #[inline(always)]
    pub fn block(&self, start: usize) -> Block<T> {
        let mut block = match self.source {
            DrawSource::Zero => Block::of(T::ZERO),
            DrawSource::Philox(source) => T::block(&source, (start / BLOCK) as u64),
            DrawSource::Given(noise) => {
                let mut block = Block::of(T::ZERO);
                let rest = &noise[start..];
                let len = BLOCK.min(rest.len());
                block[..len].copy_from_slice(&rest[..len]);
                block
            }
        };
        if self.negative {
            block.iter_mut().for_each(|x| *x = -*x);
        }
        block
    }
}

impl<'t, T: Real> Cx<'t, T> {
    /// The noise of this weight, of this shape, for an operation that generates it again in the backward pass.
    ///
    /// # Panics
    /// If noise was given, but not for this weight or with another shape.
    #[track_caller]
    pub fn source(self, shape: &[usize]) -> Noise<'t, T> {
        let Mode::Random(how) = self.mode else {
            return Noise::NONE;
        };
        let source = match self.fixed_noise(shape) {
            Some(noise) => Source::Given(noise.data(), shape.iter().product()),
            None => Source::Key(self.key),
        };
        Noise { source, antithetic: how.antithetic }
    }

    /// The noise of this weight, of this shape, as a value on the tape, for each draw.
    ///
    /// # Panics
    /// As [`Cx::source`].
    #[track_caller]
    pub fn noise(self, shape: &[usize]) -> Var<'t, T> {
        let noise = self.source(shape);
        self.record(noise, 0, shape)
    }

    /// [`source`](Cx::source) of noise whose first axis is the examples of a batch, at a path of [`Cx::for_examples`].
    #[track_caller]
    pub(crate) fn source_of_examples(self, shape: &[usize]) -> Noise<'t, T> {
        let noise = self.source(shape);
        let Source::Key(key) = noise.source else { return noise };
        match self.first_element(key, shape) {
            (key, 0) => Noise { source: Source::Key(key), ..noise },
            (key, start) => {
                // Operations read noise in whole blocks from its start.
                let values = self.record(Noise { source: Source::Key(key), ..noise }, start, shape);
                Noise { source: Source::Given(values.value(), values.len()), antithetic: false }
            }
        }
    }

    /// The noise key, and the number of the first element, of noise whose first axis is the examples of a batch.
    fn first_element(self, key: Key, shape: &[usize]) -> (Key, usize) {
        let (rows, each) = shape.split_first().map_or((1, 1), |(&rows, each)| (rows, each.iter().product()));
        let (key, row) = self.first_row(key, rows);
        (key, row * each)
    }

    /// Puts noise from element `start` on on the tape, for each draw.
    #[track_caller]
    fn record(self, noise: Noise<'t, T>, start: usize, shape: &[usize]) -> Var<'t, T> {
        self.tape().record_draws(self.draws(), NoiseValues { noise, start }, &[], [shape])[0]
    }

    /// Standard normal noise for a layer that makes noise without weights, such as dropout, as a value on the tape, for each
    /// draw. Its first axis is the examples. `call` counts the layer's calls in a forward pass, each of which gets its own
    /// noise. `None` if there is none: at the posterior's means, and at given weights.
    #[track_caller]
    pub fn layer_noise(self, call: usize, shape: &[usize]) -> Option<Var<'t, T>> {
        let key = self.key_of_layer(call)?;
        let (key, start) = self.first_element(key, shape);
        Some(self.record(Noise { source: Source::Key(key), antithetic: self.is_antithetic() }, start, shape))
    }

    /// [`layer_noise`](Cx::layer_noise) whose first axis is not the examples, but one of a weight.
    #[track_caller]
    pub(crate) fn layer_noise_of_weight(self, call: usize, shape: &[usize]) -> Option<Var<'t, T>> {
        let key = self.key_of_layer(call)?;
        Some(self.record(Noise { source: Source::Key(key), antithetic: self.is_antithetic() }, 0, shape))
    }

    /// The noise key of a layer without weights; `None` if it makes no noise.
    fn key_of_layer(self, call: usize) -> Option<Key> {
        match self.mode {
            Mode::Random(_) | Mode::PointEstimate { .. } => {}
            Mode::At { weights, .. } if weights.noise().is_some() => {}
            Mode::Mean | Mode::Fixed { .. } | Mode::At { .. } => return None,
        }
        Some(self.key_of_batch().index(call))
    }

    /// The given noise of this weight, if noise was given.
    #[track_caller]
    pub(crate) fn fixed_noise(self, shape: &[usize]) -> Option<&'t Tensor<T>> {
        let Mode::Random(how) = self.mode else {
            return None;
        };
        let fixed = how.noise?;
        let Some(noise) = fixed.get(&self.path) else {
            panic!("the given noise has no tensor `{}`, of shape {shape:?}; add it with `FixedNoise::set`", self.path);
        };
        let given = if how.antithetic { self.draws() / 2 } else { self.draws() };
        let leading: Shape = if given > 1 { [given].into() } else { Shape::default() };
        let expected: Shape = leading.iter().chain(shape).copied().collect();
        assert!(
            noise.shape() == &expected[..],
            "the given noise for `{}` has shape {:?}, but {expected:?} is needed",
            self.path,
            noise.shape()
        );
        Some(noise)
    }
}

/// The operation that writes noise from element `start` on to the tape.
#[derive(Clone, Copy)]
struct NoiseValues<'t, T> {
    noise: Noise<'t, T>,
    start: usize,
}

impl<T: Real> Operation<T> for NoiseValues<'_, T> {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let noise = self.noise.of_draw(io.draw());
        dispatch(Fill { noise, start: self.start, out: io.output(0) });
    }

    /// A constant has no gradient to pass on.
    fn adjoint(&self, _: &mut Adjoints<'_, T>) {}
}

struct Fill<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Fill<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut block, mut skip) = (self.start / BLOCK, self.start % BLOCK);
        let mut rest = self.out;
        // One call, so that the code of a block is there once.
        while !rest.is_empty() {
            let (out, later) = rest.split_at_mut(rest.len().min(BLOCK - skip));
            out.copy_from_slice(&self.noise.block(block * BLOCK)[skip..][..out.len()]);
            (rest, skip, block) = (later, 0, block + 1);
        }
    }
}
