//! Samples the outputs of a linear map from their mean and variance (local reparameterisation).

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::kernels::map::{Elementwise, map};
use crate::engine::random::BLOCK;
use crate::engine::threads::{GRAIN, Rows, for_each_part};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};
use crate::sampling::Cx;
use crate::sampling::{DrawNoise, Noise};
use crate::scalar::flush;

/// mean + √variance · ε, with independent standard normal ε for each element.
#[track_caller]
pub(crate) fn sample_output<'t, T: Real>(mean: Var<'t, T>, variance: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation = SampleOutput { noise: cx.source_of_examples(mean.shape()) };
    cx.tape().record_draws(cx.draws(), operation, &[mean, variance], [mean.shape()])[0]
}

#[derive(Clone, Copy)]
struct SampleOutput<'t, T> {
    noise: Noise<'t, T>,
}

impl<T: Real> Operation<T> for SampleOutput<'_, T> {
    fn name(&self) -> &'static str {
        "sample of an output"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (mean, variance) = (io.input(0).data, io.input(1).data);
        let noise = self.noise.of_draw(io.draw());
        for_each_part(io.output(0), mean.len(), GRAIN, BLOCK, &|range, out| {
            dispatch(Forward {
                noise,
                start: range.start,
                mean: &mean[range.clone()],
                variance: &variance[range],
                out,
            });
        });
    }

    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let ((of_mean, means), (of_variance, variances)) = (io.input_draws(0), io.input_draws(1));
        let len = io.input(0).data.len();
        let out = io.output_draws(0);
        if len == 0 {
            return true;
        }
        let draws = out.len() / len;
        for_each_part(Rows::new(out, len), draws, GRAIN.div_ceil(len), 1, &|range, out| {
            let from = |draws: usize| if draws == 1 { 0 } else { range.start * len };
            dispatch(Draws {
                noise: self.noise,
                first: range.start,
                len,
                means: &means[from(of_mean)..],
                variances: &variances[from(of_variance)..],
                out: out.data,
            });
        });
        true
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, variance) = (io.upstream(0).expect("the only output"), io.input(1).data);
        let noise = self.noise.of_draw(io.draw());
        io.accumulate(0, |target, write| map(Flushed, [g], target, write));
        io.accumulate(1, |target, write| {
            for_each_part(target, g.len(), GRAIN, BLOCK, &|range, target| {
                dispatch(ToVariance {
                    noise,
                    start: range.start,
                    g: &g[range.clone()],
                    variance: &variance[range],
                    target,
                    write,
                });
            });
        });
    }
}

/// An adjoint, or 0 if it is so small that the gradients of weights that it gives count as 0 for every optimiser, for inputs
/// up to 2³⁰. Weights that the data do not need give such adjoints, whose products would be subnormal numbers, and arithmetic
/// with those is slow.
#[inline(always)]
fn flushed<T: Real>(g: T) -> T {
    // 2⁻³⁰.
    flush(g, T::TINY * T::from_f64(1.0 / f64::from(1 << 30)))
}

#[derive(Clone, Copy)]
struct Flushed;

impl<T: Real> Elementwise<T, 1> for Flushed {
    #[inline(always)]
    fn apply<S: Simd>(self, [g]: [T; 1]) -> T {
        flushed(g)
    }
}

struct Forward<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    mean: &'a [T],
    variance: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let from = i * BLOCK;
            let noise = self.noise.block(self.start + from);
            let inputs = self.mean[from..].iter().zip(&self.variance[from..]).zip(noise.iter());
            for (out, ((&mean, variance), &e)) in out.iter_mut().zip(inputs) {
                *out = variance.sqrt().mul_add::<S>(e, mean);
            }
        }
    }
}

/// [`Forward`] for consecutive draws; inputs that do not depend on the draw are stored once.
struct Draws<'a, 't, T> {
    noise: Noise<'t, T>,
    first: usize,
    len: usize,
    means: &'a [T],
    variances: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Draws<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut means, mut variances) = (self.means.chunks(self.len).cycle(), self.variances.chunks(self.len).cycle());
        for (draw, out) in self.out.chunks_mut(self.len).enumerate() {
            let noise = self.noise.of_draw(self.first + draw);
            let (mean, variance) = (means.next().unwrap_or(&[]), variances.next().unwrap_or(&[]));
            Forward { noise, start: 0, mean, variance, out }.run::<S>();
        }
    }
}

struct ToVariance<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    g: &'a [T],
    variance: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for ToVariance<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, target) in self.target.chunks_mut(BLOCK).enumerate() {
            let from = i * BLOCK;
            let noise = self.noise.block(self.start + from);
            let inputs = self.g[from..].iter().zip(&self.variance[from..]).zip(noise.iter());
            for (target, ((&g, &variance), &e)) in target.iter_mut().zip(inputs) {
                // The variance is zero only if the inputs are, so its gradient with respect to the weight is zero
                // for any value here; zero avoids 0/0.
                let is_zero = variance <= T::ZERO;
                let sd = if is_zero { T::ONE } else { variance.sqrt() };
                let part = if is_zero { T::ZERO } else { flushed(T::from_f64(0.5) * g * e / sd) };
                *target = if self.write == Write::Store { part } else { *target + part };
            }
        }
    }
}
