//! The draw and an estimate of its divergence, ln q(w) − ln p(w) at the drawn weight, for a prior whose log-density is a sum
//! of one function of each element.
//!
//! With w = μ + σε the posterior's term is −½ε² − ln σ − ½ ln 2π, whose derivative is zero with respect to μ and −1/σ with
//! respect to σ. So one forward and one backward pass over memory suffice, as for the closed form.

use super::backward::put;
use super::block::block_of;
use super::forward::{Nats, reparameterise};
use super::scale::{Slopes, exponentials, scales};
use super::{MeanAndRho, PARALLEL, sum_items};
use crate::distribution::elementwise::{At, ElementwiseTerm};
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::{BLOCK, Block};
use crate::engine::threads::for_each_part;
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};
use crate::sampling::Sampled;
use crate::sampling::{Cx, DrawNoise, Noise};

/// The weight and the estimate.
pub(crate) fn estimated<'t, T: Real, F: ElementwiseTerm<1> + 't>(
    [mean, rho]: MeanAndRho<'t, T>,
    prior: F,
    cx: Cx<'t, T>,
) -> Sampled<'t, T> {
    let operation = Estimated { noise: cx.source(mean.shape()), prior };
    let inputs: [Var<'t, T>; 2] = [cx.tape().param(mean), cx.tape().param(rho)];
    let [weight, kl] = cx.tape().record(operation, &inputs, [mean.shape(), &[]]);
    (weight, kl)
}

#[derive(Clone, Copy)]
struct Estimated<'t, T, F> {
    noise: Noise<'t, T>,
    prior: F,
}

impl<T: Real, F: ElementwiseTerm<1>> Operation<T> for Estimated<'_, T, F> {
    fn name(&self) -> &'static str {
        "draw with estimated divergence"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (mean, rho) = (io.input(0).data, io.input(1).data);
        let noise = self.noise.of_draw(io.draw());
        let [weight, kl] = io.outputs();
        kl[0] = T::from_f64(sum_items(weight, mean.len(), &|range, weight| {
            dispatch(Forward {
                noise: &noise,
                prior: self.prior,
                start: range.start,
                mean: &mean[range.clone()],
                rho: &rho[range],
                weight,
            })
        }));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (mean, rho) = (io.input(0).data, io.input(1).data);
        let (weight, upstream) = (io.output(0).data, io.upstream(0));
        let kl = io.upstream(1).map_or(T::ZERO, |g| g[0]);
        let noise = self.noise.of_draw(io.draw());
        io.accumulate_both([0, 1], |[(to_mean, mean_write), (to_rho, rho_write)]| {
            for_each_part((to_mean, to_rho), mean.len(), PARALLEL, BLOCK, &|range, (to_mean, to_rho)| {
                dispatch(Backward {
                    noise: &noise,
                    prior: self.prior,
                    start: range.start,
                    mean: &mean[range.clone()],
                    rho: &rho[range.clone()],
                    weight: &weight[range.clone()],
                    upstream: upstream.map(|upstream| &upstream[range]),
                    kl,
                    to_mean,
                    to_rho,
                    writes: [mean_write, rho_write],
                });
            });
        });
    }
}

struct Forward<'a, 't, T, F> {
    noise: &'a DrawNoise<'t, T>,
    prior: F,
    start: usize,
    mean: &'a [T],
    rho: &'a [T],
    weight: &'a mut [T],
}

impl<T: Real, F: ElementwiseTerm<1>> Kernel for Forward<'_, '_, T, F> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let len = self.mean.len();
        let mut nats = Nats::new();
        let [mut mean_end, mut rho_end, mut w, mut rest] = [Block::of(T::ZERO); 4];
        for from in (0..len).step_by(BLOCK) {
            let live = BLOCK.min(len - from);
            let mean = block_of(self.mean, from, &mut mean_end);
            let rho = block_of(self.rho, from, &mut rho_end);
            let sd = scales::<S, T>(rho, &exponentials::<S, T>(rho));
            let noise = self.noise.block(self.start + from);
            reparameterise::<S, T>(mean, &sd, &noise, &mut w);
            self.weight[from..from + live].copy_from_slice(&w[..live]);
            for (i, ((rest, &w), &e)) in rest.iter_mut().zip(w.iter()).zip(noise.iter()).enumerate() {
                let at = At { element: self.start + (from + i).min(len - 1), shared: 0.0 };
                *rest = T::from_f64(-0.5).mul_add::<S>(e * e, -self.prior.value_in::<S, T>([w], at));
            }
            nats.add(&mut rest, rho, &sd, live);
        }
        nats.total::<S>(-0.5 * std::f64::consts::TAU.ln(), len)
    }
}

struct Backward<'a, 't, T, F> {
    noise: &'a DrawNoise<'t, T>,
    prior: F,
    start: usize,
    mean: &'a [T],
    rho: &'a [T],
    weight: &'a [T],
    /// ∂/∂w, if anything else depends on the weight.
    upstream: Option<&'a [T]>,
    /// ∂/∂ of the estimate.
    kl: T,
    to_mean: &'a mut [T],
    to_rho: &'a mut [T],
    writes: [Write; 2],
}

impl<T: Real, F: ElementwiseTerm<1>> Kernel for Backward<'_, '_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let zeros = Block::of(T::ZERO);
        let [mut mean_end, mut rho_end, mut weight_end, mut upstream_end] = [zeros; 4];
        let [mut by_mean, mut by_rho] = [zeros; 2];
        for from in (0..self.mean.len()).step_by(BLOCK) {
            let mean = block_of(self.mean, from, &mut mean_end);
            let weight = block_of(self.weight, from, &mut weight_end);
            let slopes = Slopes::of::<S>(block_of(self.rho, from, &mut rho_end));
            let weight_by_rho = slopes.of_sample(mean, weight, || self.noise.block(self.start + from));
            *by_mean = self.upstream.map_or(*zeros, |upstream| *block_of(upstream, from, &mut upstream_end));
            // Zero times an overflowing derivative is zero.
            if self.kl != T::ZERO {
                for (i, (by_mean, &w)) in by_mean.iter_mut().zip(weight).enumerate() {
                    let at = At { element: self.start + (from + i).min(self.mean.len() - 1), shared: 0.0 };
                    *by_mean = (-self.kl).mul_add::<S>(self.prior.slope_in::<S, 0, T>([w], at), *by_mean);
                }
            }
            for i in 0..BLOCK {
                by_rho[i] = by_mean[i].mul_add::<S>(weight_by_rho[i], -(self.kl * slopes.log_slope[i]));
            }
            put(&mut self.to_mean[from..], &by_mean, self.writes[0]);
            put(&mut self.to_rho[from..], &by_rho, self.writes[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::with_threads;

    /// A prior through `log_density` only, which takes several operations.
    #[derive(Clone)]
    struct InParts<P>(P);

    impl<P: Prior> Prior for InParts<P> {
        fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
            self.0.log_density(w)
        }
    }

    #[bayesian]
    struct Single<P: PriorFor<T>, T: Real>
    where
        MeanField<T>: Divergence<P, Scalar = T>,
    {
        #[prior(self.prior)]
        weight: MeanField<T>,
        prior: P,
    }

    /// What differs between the cases.
    #[derive(Clone, Copy)]
    struct Case {
        len: usize,
        /// The mean of the posterior's means.
        mean: f64,
        least_rho: f64,
        path_derivative: bool,
    }

    /// The weight, the estimate, and the gradients of a function of both.
    fn evaluate<T: Real, P: PriorFor<T>>(prior: P, case: Case) -> Vec<f64>
    where
        MeanField<T>: Divergence<P, Scalar = T>,
    {
        let Case { len, mean, least_rho, path_derivative } = case;
        let mean = Tensor::from_fn([len], |i| mean + 0.3 * (1.7 * i as f64).sin());
        let rho = Tensor::from_fn([len], |i| least_rho * (0.9 * i as f64).cos().abs());
        let model = Single { weight: MeanField { mean, rho }, prior };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let drawing = Drawing::new(Key::new(3).step(5));
        let net = model.draw(&tape, if path_derivative { drawing.path_derivative() } else { drawing });
        let kl = net.kl().var().expect("it is estimated");
        (net.weight.square().sum() * 0.7 + kl * 0.4).backward(&mut gradients);
        let mut all: Vec<f64> = net.weight.value().iter().map(|w| w.to_f64()).collect();
        all.push(kl.item());
        for name in ["weight.mean", "weight.rho"] {
            all.extend(gradients.get(name).expect("it has a gradient").iter().map(|g| g.to_f64()));
        }
        all
    }

    /// Needs σ that is not small compared with w − μ, because the separate operations divide its rounding error by σ.
    fn compare<T: Real>(prior: impl Prior + Clone, mean: f64, least_rho: f64, tolerance: f64) {
        for (len, path_derivative) in [(1, false), (64, false), (1000, false), (20_000, false), (1000, true)] {
            let case = Case { len, mean, least_rho, path_derivative };
            let one_pass = evaluate::<T, _>(MonteCarlo(prior.clone()), case);
            let in_parts = evaluate::<T, _>(MonteCarlo(InParts(prior.clone())), case);
            assert_eq!(one_pass.len(), in_parts.len());
            for (i, (a, b)) in one_pass.iter().zip(&in_parts).enumerate() {
                assert!(b.is_finite() && (a - b).abs() <= tolerance * b.abs().max(1.0), "{len}, {i}: {a} {b}");
            }
        }
    }

    /// Whether the draw and its estimate are one operation.
    fn is_one_pass(prior: impl Prior) -> bool {
        let model = Single { weight: MeanField::<f32>::new([64]), prior: MonteCarlo(prior) };
        let tape = Tape::new();
        let net = model.draw(&tape, Key::new(1));
        net.kl();
        tape.dump(None).to_string().contains("draw with estimated divergence")
    }

    /// Calls the macro for every elementwise prior, with a posterior mean in its support.
    macro_rules! every_elementwise_prior {
        ($check:ident) => {
            $check!(ScaleMixture::two(0.3, 1.0, (-6f64).exp()), 0.0);
            $check!(ScaleMixture([0.2, 0.3, 0.5], [2.0, 0.5, 0.1]), 0.0);
            $check!(Normal(0.1, 0.7), 0.0);
            $check!(Normals(0.1, 0.7), 0.0);
            $check!(LaplacePrior(0.1, 0.7), 0.0);
            $check!(Cauchy(0.1, 0.7), 0.0);
            $check!(StudentT(3.0, 0.1, 0.7), 0.0);
            $check!(SpikeAndSlabPrior(0.3, 0.7), 0.0);
            // Away from the pole at zero.
            $check!(Horseshoe(0.7), 30.0);
            $check!(LogUniform, 30.0);
            $check!(HalfNormal(20.0), 30.0);
            $check!(HalfCauchy(0.7), 30.0);
            $check!(LogNormalPrior(0.1, 0.7), 30.0);
        };
    }

    #[test]
    fn one_pass_agrees_with_several_operations() {
        macro_rules! check {
            ($prior:expr, $mean:expr) => {
                assert!(is_one_pass($prior), "{}", stringify!($prior));
                compare::<f64>($prior, $mean, -6.0, 1e-10);
                compare::<f32>($prior, $mean, -2.0, 2e-4);
            };
        }
        every_elementwise_prior!(check);
        assert!(!is_one_pass(InParts(Normal(0.0, 1.0))));
    }

    #[test]
    fn one_pass_supports_a_prior_per_element() {
        let prior = |len| Normals(numbers(len, 0.3, 0.2), numbers(len, 0.4, 1.0));
        let numbers_of = |len| Case { len, mean: 0.0, least_rho: -2.0, path_derivative: false };
        fn numbers(len: usize, spread: f64, middle: f64) -> Tensor<f64> {
            Tensor::from_fn([len], |i| middle + spread * (0.7 * i as f64).sin())
        }
        for len in [1, 64, 1000, 20_001] {
            let one_pass = evaluate::<f64, _>(MonteCarlo(prior(len)), numbers_of(len));
            let in_parts = evaluate::<f64, _>(MonteCarlo(InParts(prior(len))), numbers_of(len));
            for (i, (a, b)) in one_pass.iter().zip(&in_parts).enumerate() {
                assert!((a - b).abs() <= 1e-10 * b.abs().max(1.0), "{len}, {i}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_vanishing_scale_gives_finite_values() {
        let case = Case { len: 1000, mean: 0.0, least_rho: -1e4, path_derivative: false };
        let prior = MonteCarlo(ScaleMixture::two(0.5, 1.0, (-6f64).exp()));
        assert!(evaluate::<f32, _>(prior, case).iter().all(|x| x.is_finite()));
        assert!(evaluate::<f64, _>(prior, case).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn the_estimate_has_the_same_bits_for_any_number_of_threads() {
        macro_rules! check {
            ($prior:expr, $mean:expr) => {
                let case = Case { len: 70_001, mean: $mean, least_rho: -5.0, path_derivative: false };
                let of = |threads| with_threads(threads, || evaluate::<f32, _>(MonteCarlo($prior), case));
                let alone = of(1);
                assert!([2, 3].into_iter().all(|threads| of(threads) == alone), "{}", stringify!($prior));
            };
        }
        every_elementwise_prior!(check);
    }
}
