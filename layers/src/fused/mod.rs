//! Fused kernels of the mean-field normal: the weights, or their variances, and the KL divergence in one pass over memory.
//!
//! KL(N(μ, σ²) ‖ N(m, s²)) = ln(s/σ) + (σ² + (μ − m)²)/(2s²) − ½ for every element. The forward pass reads μ and ρ, and
//! writes the weight and the divergence; the backward pass reads them, the weight and its adjoint, recovers the noise from
//! the weight or generates it again, and writes the gradients of both. If outputs are sampled in place of weights, the same
//! passes compute σ² in place of a weight.

mod backward;
mod block;
mod estimated;
mod forward;
mod perturbation;
mod prior;
mod scale;

use std::ops::Range;

use crate::engine::kernels::dispatch::dispatch;
use crate::engine::random::BLOCK;
use crate::engine::threads::{Split, for_each_part, sum_parts};
use crate::engine::{Adjoints, Evaluation, Operation, Real, Tensor, Var};
use crate::sampling::{Cx, Noise, Sampled};
use backward::Backward;
pub(crate) use estimated::estimated;
use forward::{Exact, Forward};
pub(crate) use perturbation::perturbation;
pub(crate) use prior::{Learned, Prior};

/// Elements of a work item: whole blocks of noise, some ten microseconds of work.
const ITEM: usize = 64 * BLOCK;

/// Elements up to which a draw stays on one thread: waking another takes as long as some items. With two items, a network of 128
/// units took 15 % longer on two threads than on one.
const PARALLEL: usize = 8 * ITEM;

/// Elements up to which a draw stores e^−|ρ| for the backward pass: they stay in the processor's cache, from which reading
/// is faster than recomputing.
const KEPT: usize = 1 << 14;

/// Below this ρ, ln softplus(ρ) is ρ to within e^−40/2, while softplus(ρ) itself may underflow.
const VANISHING: f64 = -40.0;

/// The parameters μ and ρ of a mean-field normal, of one shape; σ = softplus(ρ).
pub(crate) type MeanAndRho<'t, T> = [&'t Tensor<T>; 2];

/// A draw without its divergence.
pub(crate) fn sample<'t, T: Real>([mean, rho]: MeanAndRho<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation = Draw {
        noise: cx.source(mean.shape()),
        prior: Scaled::unit(),
        made: Made::Sample,
        weight: Some(0),
        kl: None,
        kept: None,
    };
    let inputs = [cx.tape().param(mean), cx.tape().param(rho)];
    cx.tape().record_draws(cx.draws(), operation, &inputs, [mean.shape()])[0]
}

/// The divergence without a draw and without a tape.
pub(crate) fn kl<T: Real>([mean, rho]: MeanAndRho<'_, T>, prior: Scaled<f64>) -> f64 {
    let (mean, rho) = (mean.data(), rho.data());
    sum_items((), mean.len(), &|range, ()| dispatch(Exact { mean: &mean[range.clone()], rho: &rho[range], prior }))
}

/// The divergence without a draw, on the tape.
pub(crate) fn kl_on<'t, T: Real>(q: MeanAndRho<'t, T>, prior: impl Prior<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
    let operation =
        Draw { noise: Noise::NONE, prior: prior.scaled(), made: Made::Sample, weight: None, kl: Some(0), kept: None };
    let scalar: &[usize] = &[];
    prior.record(operation, q.map(|parameter| cx.tape().param(parameter)), [scalar])[0]
}

/// The sample or the variance of every weight, and the divergence.
pub(crate) fn with_kl<'t, T: Real>(
    [mean, rho]: MeanAndRho<'t, T>,
    prior: impl Prior<'t, T>,
    made: Made,
    cx: Cx<'t, T>,
) -> Sampled<'t, T> {
    let shape = mean.shape();
    let noise = if made == Made::Sample { cx.source(shape) } else { Noise::NONE };
    let operation = Draw { noise, prior: prior.scaled(), made, weight: Some(0), kl: Some(1), kept: None };
    let inputs = [cx.tape().param(mean), cx.tape().param(rho)];
    if cx.tape().is_recording() && mean.len() <= KEPT {
        let operation = Draw { kept: Some(2), ..operation };
        let [weight, kl, _] = prior.record(operation, inputs, [shape, &[], shape]);
        return (weight, kl);
    }
    let [weight, kl] = prior.record(operation, inputs, [shape, &[]]);
    (weight, kl)
}

/// A normal prior N(m, s²), in the form the kernels use.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<T> {
    mean: T,
    /// 1/s, whose square may overflow although the divergence does not.
    inverse_sd: T,
    ln_sd: f64,
}

impl<T: Real> Scaled<T> {
    /// For a mean and 1/s in `T`.
    pub(crate) fn new(mean: f64, inverse_sd: f64, ln_sd: f64) -> Self {
        Scaled { mean: T::from_f64(mean), inverse_sd: T::from_f64(inverse_sd), ln_sd }
    }

    fn unit() -> Self {
        Scaled { mean: T::ZERO, inverse_sd: T::ONE, ln_sd: 0.0 }
    }
}

/// What a pass computes for each weight.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Made {
    /// w = μ + σε.
    Sample,
    /// σ².
    Variance,
}

/// The operation: the sample or variance of a weight, its divergence, or both, and e^−|ρ| for the backward pass. The numbers
/// are the indices of these outputs.
#[derive(Clone, Copy)]
pub(crate) struct Draw<'t, T> {
    noise: Noise<'t, T>,
    prior: Scaled<T>,
    made: Made,
    weight: Option<usize>,
    kl: Option<usize>,
    kept: Option<usize>,
}

impl<T: Real> Draw<'_, T> {
    /// The outputs: weight or variance, divergence, and what is kept for the backward pass.
    fn outputs<'o>(&self, io: &'o mut Evaluation<'_, T>) -> [Option<&'o mut [T]>; 3] {
        match (self.weight, self.kl, self.kept) {
            (Some(_), Some(_), Some(_)) => io.outputs().map(Some),
            (Some(_), Some(_), None) => {
                let [weight, kl] = io.outputs();
                [Some(weight), Some(kl), None]
            }
            (Some(_), None, _) => [Some(io.output(0)), None, None],
            _ => [None, Some(io.output(0)), None],
        }
    }

    fn name(&self) -> &'static str {
        match (self.weight, self.kl) {
            (Some(_), Some(_)) if self.made == Made::Variance => "variance with divergence",
            (Some(_), Some(_)) => "draw with divergence",
            (Some(_), None) => "draw",
            _ => "divergence",
        }
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (mean, rho) = (io.input(0).data, io.input(1).data);
        let noise = self.noise.of_draw(io.draw());
        let [weight, kl, kept] = self.outputs(io);
        let total = sum_items((weight, kept), mean.len(), &|range, (weight, exponentials)| {
            dispatch(Forward {
                noise: &noise,
                prior: self.prior,
                start: range.start,
                mean: &mean[range.clone()],
                rho: &rho[range],
                made: self.made,
                weight,
                exponentials,
                kl: self.kl.is_some(),
            })
        });
        if let Some(kl) = kl {
            kl[0] = T::from_f64(total);
        }
    }

    /// The adjoint of the divergence.
    fn upstream_of_kl(&self, io: &Adjoints<'_, T>) -> T {
        self.kl.and_then(|k| io.upstream(k)).map_or(T::ZERO, |g| g[0])
    }

    /// Accumulates the gradients of μ and ρ. `each` takes their memory, and a function that computes a range of it.
    #[inline(always)]
    fn adjoint_by<const SUM: bool>(
        &self,
        io: &mut Adjoints<'_, T>,
        each: impl FnOnce(Targets<'_, T>, usize, &Part<'_, T>),
    ) {
        let (mean, rho) = (io.input(0).data, io.input(1).data);
        let weight = self.weight.and_then(|k| io.upstream(k).map(|upstream| [io.output(k).data, upstream]));
        let kl = self.upstream_of_kl(io);
        let kept = self.kept.map(|k| io.output(k).data);
        let noise = self.noise.of_draw(io.draw());
        io.accumulate_both([0, 1], |[(to_mean, mean_write), (to_rho, rho_write)]| {
            each((to_mean, to_rho), mean.len(), &|range, (to_mean, to_rho)| {
                dispatch(Backward::<T, SUM> {
                    noise: &noise,
                    prior: self.prior,
                    start: range.start,
                    mean: &mean[range.clone()],
                    rho: &rho[range.clone()],
                    made: self.made,
                    exponentials: kept.map(|kept| &kept[range.clone()]),
                    weight: weight.map(|of_both| of_both.map(|x| &x[range.clone()])),
                    kl,
                    to_mean,
                    to_rho,
                    writes: [mean_write, rho_write],
                })
            });
        });
    }
}

/// The memory of the gradients of μ and ρ.
type Targets<'a, T> = (&'a mut [T], &'a mut [T]);

/// Computes a range of both gradients, and [`Backward`]'s sum.
type Part<'a, T> = dyn Fn(Range<usize>, Targets<'_, T>) -> f64 + Sync + 'a;

impl<T: Real> Operation<T> for Draw<'_, T> {
    fn name(&self) -> &'static str {
        self.name()
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        self.forward(io);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        self.adjoint_by::<false>(io, |targets, len, part| {
            for_each_part(targets, len, PARALLEL, ITEM, &|range, targets| {
                part(range, targets);
            });
        });
    }
}

/// The sum of `part` over items of `0..len`, each with its part of `memory`: the same bits for any number of threads.
fn sum_items<P: Split>(memory: P, len: usize, part: &(dyn Fn(Range<usize>, P) -> f64 + Sync)) -> f64 {
    sum_parts(memory, len, ITEM, len > PARALLEL, part)
}
