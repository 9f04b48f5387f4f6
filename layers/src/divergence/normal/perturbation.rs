//! A draw without its mean: σε.

use super::block::block_of;
use super::scale::{exponentials, scales};
use super::{ITEM, PARALLEL};
use crate::drawing::{Cx, DrawNoise, Noise};
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::{BLOCK, Block};
use crate::engine::threads::{Shared, for_each_range};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::{MeanField, Real, Var};

/// σε, with the noise of the weight at this place.
pub(crate) fn perturbation<'t, T: Real>(q: &'t MeanField<T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation = Perturbation { noise: cx.source(q.rho.shape()) };
    cx.tape().record_draws(cx.draws(), operation, &[cx.tape().param(&q.rho)], [q.rho.shape()])[0]
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
        let out = Shared::new(io.output(0));
        for_each_range(rho.len(), PARALLEL, ITEM, &|range| {
            // SAFETY: the ranges are disjoint parts of the output, which is borrowed throughout.
            let out = unsafe { out.range(range.clone()) };
            dispatch(Scale { noise, start: range.start, rho: &rho[range], g: None, out, write: Write::Store });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (rho, g) = (io.input(0).data, io.upstream(0).expect("the only output"));
        let noise = self.noise.of_draw(io.draw());
        io.accumulate(0, |target, write| {
            let target = Shared::new(target);
            for_each_range(rho.len(), PARALLEL, ITEM, &|range| {
                // SAFETY: the ranges are disjoint parts of the target, which is borrowed throughout.
                let out = unsafe { target.range(range.clone()) };
                let (start, g) = (range.start, Some(&g[range.clone()]));
                dispatch(Scale { noise, start, rho: &rho[range], g, out, write });
            });
        });
    }
}

/// softplus(ρ) ε, or with `g` what goes back to ρ: sigmoid(ρ) ε g.
struct Scale<'a, 't, T> {
    noise: DrawNoise<'t, T>,
    start: usize,
    rho: &'a [T],
    g: Option<&'a [T]>,
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Scale<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut end = Block::of(T::ZERO);
        for (i, out) in self.out.chunks_mut(BLOCK).enumerate() {
            let from = i * BLOCK;
            let rho = block_of(self.rho, from, &mut end);
            let mut values = self.noise.block(self.start + from);
            match self.g {
                None => {
                    let sd = scales::<S, T>(rho, &exponentials::<S, T>(rho));
                    values.iter_mut().zip(sd.iter()).for_each(|(value, &sd)| *value *= sd);
                }
                Some(g) => {
                    for ((value, &g), rho) in values.iter_mut().zip(&g[from..]).zip(rho) {
                        *value = *value * g * rho.sigmoid::<S>();
                    }
                }
            }
            match self.write {
                Write::Store => out.copy_from_slice(&values[..out.len()]),
                Write::Add => out.iter_mut().zip(values.iter()).for_each(|(out, &value)| *out += value),
            }
        }
    }
}
