//! The perturbation σε of a draw, without its mean, for Flipout.

use super::backward::put;
use super::block::block_of;
use super::scale::{Slopes, exponentials, scales};
use super::{ITEM, PARALLEL};
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::{BLOCK, Block};
use crate::engine::threads::for_each_part;
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Tensor, Var};
use crate::sampling::{Cx, DrawNoise, Noise};

/// σε, with the noise of the weight at the path of `cx`.
pub(crate) fn perturbation<'t, T: Real>(rho: &'t Tensor<T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation = Perturbation { noise: cx.source(rho.shape()) };
    cx.tape().record_draws(cx.draws(), operation, &[cx.tape().param(rho)], [rho.shape()])[0]
}

#[derive(Clone, Copy)]
struct Perturbation<'t, T> {
    noise: Noise<'t, T>,
}

impl<T: Real> Operation<T> for Perturbation<'_, T> {
    fn name(&self) -> &'static str {
        "perturbation"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let rho = io.input(0).data;
        let noise = self.noise.of_draw(io.draw());
        for_each_part(io.output(0), rho.len(), PARALLEL, ITEM, &|range, out| {
            dispatch(Forward { noise, start: range.start, rho: &rho[range], out });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (rho, made) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            for_each_part(target, rho.len(), PARALLEL, ITEM, &|range, out| {
                let [rho, made, g] = [rho, made, g].map(|x| &x[range.clone()]);
                dispatch(Backward { rho, made, g, out, write });
            });
        });
    }
}

/// softplus(ρ) ε.
struct Forward<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    rho: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut end = Block::of(T::ZERO);
        for (i, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let from = i * BLOCK;
            let rho = block_of(self.rho, from, &mut end);
            let mut values = self.noise.block(self.start + from);
            let sd = scales::<S, T>(rho, &exponentials::<S, T>(rho));
            values.iter_mut().zip(sd.iter()).for_each(|(value, &sd)| *value *= sd);
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}

/// The gradient with respect to ρ: g ε dσ/dρ = g σε d ln σ/dρ.
struct Backward<'a, T> {
    rho: &'a [T],
    /// σε.
    made: &'a [T],
    g: &'a [T],
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [mut rho_end, mut made_end, mut g_end, mut values] = [Block::of(T::ZERO); 4];
        for from in (0..self.rho.len()).step_by(BLOCK) {
            let slopes = Slopes::of::<S>(block_of(self.rho, from, &mut rho_end));
            let made = block_of(self.made, from, &mut made_end);
            let g = block_of(self.g, from, &mut g_end);
            for (i, value) in values.iter_mut().enumerate() {
                *value = g[i] * (made[i] * slopes.log_slope[i]);
            }
            put(&mut self.out[from..], &values, self.write);
        }
    }
}
