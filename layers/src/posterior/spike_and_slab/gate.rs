//! The gate operation of the spike-and-slab posterior: keeps or zeroes each element, with a straight-through gradient.

use super::sigmoid;
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::BLOCK;
use crate::engine::threads::{GRAIN, for_each_part};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};
use crate::sampling::Cx;
use crate::sampling::{DrawNoise, Noise};

/// The slab where its gate is open, and zero elsewhere. A gate is open if Φ(ν) < sigmoid(λ), with the noise ν at the path of
/// `cx`. The derivative with respect to sigmoid(λ) is the slab, for open and for closed gates.
pub(super) fn gate<'t, T: Real>(log_odds: Var<'t, T>, slab: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation = Gate { noise: cx.source(slab.shape()) };
    cx.tape().record_draws(cx.draws(), operation, &[log_odds, slab], [slab.shape()])[0]
}

#[derive(Clone, Copy)]
struct Gate<'t, T> {
    noise: Noise<'t, T>,
}

impl<T: Real> Gate<'_, T> {
    /// Writes, or adds, `x` to `out` where the gate is open; zero elsewhere.
    fn apply(&self, draw: usize, log_odds: &[T], x: &[T], out: &mut [T], write: Write) {
        let noise = self.noise.of_draw(draw);
        for_each_part(out, x.len(), GRAIN / 16, BLOCK, &|range, out| {
            let (start, log_odds) = (range.start, &log_odds[range.clone()]);
            dispatch(Apply { noise, start, log_odds, x: &x[range], out, write });
        });
    }
}

impl<T: Real> Operation<T> for Gate<'_, T> {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (log_odds, slab, draw) = (io.input(0).data, io.input(1).data, io.draw());
        self.apply(draw, log_odds, slab, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (log_odds, slab, draw) = (io.input(0).data, io.input(1).data, io.draw());
        let g = io.upstream(0).expect("the only output");
        io.give(0, |i| {
            let log_odds = log_odds[i].to_f64();
            g[i] * slab[i] * T::from_f64(sigmoid(log_odds) * sigmoid(-log_odds))
        });
        io.accumulate(1, |target, write| self.apply(draw, log_odds, g, target, write));
    }
}

struct Apply<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    log_odds: &'a [T],
    x: &'a [T],
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Apply<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let from = i * BLOCK;
            let noise = self.noise.block(self.start + from);
            let inputs = self.log_odds[from..].iter().zip(&self.x[from..]).zip(noise.iter());
            for (out, ((log_odds, &x), noise)) in out.iter_mut().zip(inputs) {
                // Φ(ν), precise also for tiny values.
                let below = 0.5 * libm::erfc(-noise.to_f64() * std::f64::consts::FRAC_1_SQRT_2);
                let value = if below < sigmoid(log_odds.to_f64()) { x } else { T::ZERO };
                *out = if self.write == Write::Store { value } else { *out + value };
            }
        }
    }
}
