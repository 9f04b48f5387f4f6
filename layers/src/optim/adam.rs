//! The Adam optimiser.

use crate::engine::kernels::dispatch::{Kernel, Simd};
use crate::engine::{Gradients, Parameters, Real, Tensor};
use crate::optim::by_role;
use crate::optim::groups::{Groups, Setting, Settings, check_decay, settings_by_name};
use crate::optim::{Optimizer, OptimizerState, State, check_factor, check_rate, over_parts};
use crate::scalar::{accepted, flush, try_to_scalar};

/// Adam (Kingma and Ba 2015, algorithm 1), and AdamW with a [`weight_decay`](Adam::weight_decay): parameters, gradients and
/// both moments are updated in one pass over memory. Gradients below 2⁻⁵⁰ (f32) or 2⁻⁴⁸⁰ (f64) in size count as 0. Serde writes and reads the settings, without the moments.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::optim::saved::Adam", into = "crate::optim::saved::Adam"))]
pub struct Adam {
    pub(crate) rate: f64,
    /// Whether rates depend on the parameters' roles, and [`Elbo`](crate::Elbo) chooses what is not set.
    pub(crate) automatic: bool,
    scale: f64,
    pub(crate) betas: [f64; 2],
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
    pub(crate) groups: Groups,
    /// The products of β₁ and of β₂ over the steps so far.
    powers: [f64; 2],
    /// The number of steps so far.
    steps: usize,
    /// The moving averages of the gradients and of their squares.
    moments: State<2>,
}

/// The names of both moments in a checkpoint.
const MOMENTS: [&str; 2] = ["first moment", "second moment"];

impl Adam {
    /// Adam with this learning rate and the paper's β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    ///
    /// # Panics
    /// If the rate is not positive and finite.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        let adam = Adam {
            rate,
            automatic: false,
            scale: 1.0,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            groups: Groups::default(),
            powers: [1.0; 2],
            steps: 0,
            moments: State::default(),
        };
        accepted(adam.check_settings())
    }

    /// Adam with learning rates by the parameters' roles, the optimiser of an [`Elbo`](crate::Elbo) for which none is set: 0.048
    /// for scales (ρ), those of priors too; for a matrix of means with n inputs 0.12/√n, at most 0.03; 0.03 for other means;
    /// 0.01 for everything else, such as deterministic weights. With it, [`Elbo::fit`](crate::Elbo::fit) also chooses
    /// what is not set: [`Elbo`](crate::Elbo) says how. Settings by name apply as to any Adam.
    ///
    /// Scales have a larger rate because they have a longer way: from a start that is small enough for the likelihood's
    /// gradient to be seen up to the prior's scale, where most weights of a large network end. At step t, β₂ is
    /// 1 − t^−0.8 until that exceeds the usual one (Shazeer and Stern 2018, section 7.2), so that the huge gradients of a start
    /// far from the data are forgotten.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let elbo = Elbo::new(Categorical).optimizer(Adam::automatic().freeze("body.*"));
    /// ```
    pub fn automatic() -> Self {
        Adam { automatic: true, ..Adam::new(by_role::MEANS) }
    }

    /// Sets β₁ and β₂, the decay rates of the moments' moving averages.
    ///
    /// # Panics
    /// If one is not in [0, 1).
    #[track_caller]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        accepted(Adam { betas: [beta1, beta2], ..self }.check_settings())
    }

    /// Sets ε, which is added to the root of the second moment: 1e-8 if it is not set.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    pub fn epsilon(self, epsilon: f64) -> Self {
        accepted(Adam { epsilon, ..self }.check_settings())
    }

    /// Sets the decoupled weight decay λ of AdamW (Loshchilov and Hutter 2019, algorithm 2, in the form θ ← θ − ηλθ with the
    /// current learning rate η, as in PyTorch), for all parameters without their [own](Adam::weight_decay_of). It acts on
    /// means and points, not on scales. A Bayesian model already has its prior, which the divergence accounts for; decay is
    /// for deterministic weights.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let adam_w = Adam::new(1e-3).weight_decay(1e-2).weight_decay_of("*.bias", 0.0);
    /// ```
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[doc(alias = "AdamW")]
    #[track_caller]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        accepted(Adam { weight_decay, ..self }.check_settings())
    }

    /// # Errors
    /// What the constructors refuse.
    pub(crate) fn check_settings(self) -> Result<Self, String> {
        check_rate("Adam", self.rate)?;
        check_decay("Adam", self.weight_decay)?;
        self.groups.check_settings("Adam")?;
        let (epsilon, [beta1, beta2]) = (self.epsilon, self.betas);
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Err(format!("Adam: epsilon must be positive and finite, got {epsilon}"));
        }
        if self.betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Ok(self);
        }
        Err(format!("Adam: betas must be in [0, 1), got {beta1} and {beta2}"))
    }

    /// β₂ of the next step.
    fn second_beta(&self) -> f64 {
        if self.automatic { self.betas[1].min(1.0 - ((self.steps + 1) as f64).powf(-0.8)) } else { self.betas[1] }
    }

    /// # Errors
    /// If ε or the weight decay is zero or infinite in `T`, and was not set so.
    fn check_in<T: Real>(&self) -> Result<(), String> {
        try_to_scalar::<T>("Adam: epsilon", self.epsilon)?;
        try_to_scalar::<T>("Adam: a weight decay", self.weight_decay).map(|_| ())
    }
}

settings_by_name!(Adam);

impl Optimizer for Adam {
    #[track_caller]
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        if let Err(mistake) = self.check_in::<M::Scalar>() {
            panic!("{mistake}");
        }
        let betas = [self.betas[0], self.second_beta()];
        let moments = self.moments.prepare("Adam", self.rate, model, gradients);
        let rate = if self.automatic { by_role::rate } else { |_: &str, _, _: &[usize]| None };
        let settings = self.groups.prepare("Adam", rate, [self.rate, self.weight_decay], gradients);
        let powers = [self.powers[0] * betas[0], self.powers[1] * betas[1]];
        let rule = Rule { betas, powers, scale: self.scale, epsilon: self.epsilon };
        gradients.step(model, |index, parameter, gradient| {
            rule.update(settings(index), &mut moments[index], parameter, gradient);
        });
        self.powers = powers;
        self.steps += 1;
    }

    #[track_caller]
    fn scale_rate(&mut self, factor: f64) {
        check_factor("Adam", factor);
        self.scale = factor;
    }

    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        self.check_in::<M::Scalar>()?;
        self.moments.check("Adam", self.rate, model)?;
        self.groups.check("Adam", model)
    }

    fn is_frozen(&self, name: &str) -> bool {
        self.groups.is_frozen(name)
    }

    fn is_automatic(&self) -> bool {
        self.automatic
    }

    fn save_state<M: Parameters + ?Sized>(
        &self,
        model: &M,
        state: &mut OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let Adam { rate, automatic, betas: [beta1, beta2], epsilon, weight_decay, .. } = self;
        state.set_settings(format!(
            "Adam of rate {rate}{}, betas {beta1} and {beta2}, epsilon {epsilon}, weight decay {weight_decay}{}",
            if *automatic { " by roles" } else { "" },
            self.groups
        ));
        state.set_number("steps", self.steps as f64);
        state.set_number("scale", self.scale);
        state.set_number("beta1^steps", self.powers[0]);
        state.set_number("beta2^steps", self.powers[1]);
        self.moments.save("Adam", model, MOMENTS, state)
    }

    fn load_state<M: Parameters + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let moments = State::loaded(model, MOMENTS, state)?;
        let (steps, scale) = (state.count("steps")?, state.number_to("scale", f64::MAX)?);
        let powers = [state.number_to("beta1^steps", 1.0)?, state.number_to("beta2^steps", 1.0)?];
        (self.steps, self.scale, self.powers, self.moments) = (steps, scale, powers, moments);
        Ok(())
    }
}

/// The rule of a step, for models of any type.
struct Rule {
    betas: [f64; 2],
    powers: [f64; 2],
    scale: f64,
    epsilon: f64,
}

impl Rule {
    /// Updates a parameter and leaves its previous elements in place of its gradient.
    fn update<T: Real>(
        &self,
        settings: Settings,
        [first, second]: &mut [Tensor<T>; 2],
        parameter: &mut [T],
        gradient: &mut [T],
    ) {
        if settings.frozen {
            gradient.copy_from_slice(parameter);
            return;
        }
        let rate = settings.rate * self.scale;
        let constants = Constants {
            keep_first: T::from_f64(self.betas[0]),
            keep_second: T::from_f64(self.betas[1]),
            take_first: T::from_f64(1.0 - self.betas[0]),
            take_second: T::from_f64(1.0 - self.betas[1]),
            least: [T::from_f64(1.0 - self.betas[0]) * T::TINY, T::from_f64(1.0 - self.betas[1]) * T::TINY * T::TINY],
            step: T::from_f64(rate / (1.0 - self.powers[0])),
            unbias: T::from_f64(1.0 / (1.0 - self.powers[1]).sqrt()),
            epsilon: T::from_f64(self.epsilon),
            keep: T::from_f64(1.0 - rate * settings.weight_decay),
        };
        let slices = [gradient, first.data_mut(), second.data_mut(), parameter];
        over_parts(slices, |parts| Update { parts, constants });
    }
}

#[derive(Clone, Copy)]
struct Constants<T> {
    keep_first: T,
    keep_second: T,
    take_first: T,
    take_second: T,
    /// Both moments after one step of the smallest gradient that counts.
    least: [T; 2],
    step: T,
    unbias: T,
    epsilon: T,
    /// 1 − ηλ.
    keep: T,
}

struct Update<'a, T> {
    /// The gradient, both moments, the parameter.
    parts: [&'a mut [T]; 4],
    constants: Constants<T>,
}

impl<T: Real> Kernel for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Update { parts: [gradient, first, second, parameter], constants: c } = self;
        let moments = first.iter_mut().zip(second);
        for ((p, place), (m, v)) in parameter.iter_mut().zip(gradient).zip(moments) {
            let g = flush(std::mem::replace(place, *p), T::TINY);
            let first = c.keep_first.mul_add::<S>(*m, c.take_first * g);
            let second = c.keep_second.mul_add::<S>(*v, c.take_second * (g * g));
            *m = flush(first, c.least[0]);
            // Not negative, so `flush` would do more than is needed.
            *v = if second < c.least[1] { T::ZERO } else { second };
            *p = c.keep * *p - c.step * *m / v.sqrt().mul_add::<S>(c.unbias, c.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

    /// Algorithm 1 of the paper for one parameter.
    fn by_the_paper(start: f64, gradient: impl Fn(f64) -> f64, rate: f64, steps: i32) -> f64 {
        let (mut theta, mut m, mut v) = (start, 0.0, 0.0);
        for t in 1..=steps {
            let g = gradient(theta);
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            theta -= rate * m_hat / (v_hat.sqrt() + 1e-8);
        }
        theta
    }

    #[test]
    fn adam_is_algorithm_1_of_the_paper() {
        let mut w = Tensor::<f64>::new([2], [3.0, -0.5]);
        let mut gradients = Gradients::of(&w);
        let mut adam = Adam::new(0.05);
        for _ in 0..50 {
            let tape = Tape::new();
            let x = tape.param(&w);
            (x.square() * x).sum().backward(&mut gradients);
            drop(tape);
            adam.step(&mut w, &mut gradients);
        }
        for (i, start) in [3.0, -0.5].into_iter().enumerate() {
            let expected = by_the_paper(start, |x| 3.0 * x * x, 0.05, 50);
            assert!((w.data()[i] - expected).abs() < 1e-12, "{} {expected}", w.data()[i]);
        }
    }

    #[test]
    fn moments_do_not_become_subnormal() {
        let mut w = Tensor::<f32>::new([3], [1e-3, 1e-30, 1.0]);
        let mut gradients = Gradients::of(&w);
        let mut adam = Adam::new(1e-2);
        for step in 0..20_000 {
            let tape = Tape::new();
            // Gradients that are 0 from some step on, tiny, and small.
            let slopes = [if step < 5 { 1e-3 } else { 0.0 }, 1e-20, 1e-12];
            (tape.param(&w) * tape.constant([3], |i| slopes[i])).sum().backward(&mut gradients);
            drop(tape);
            adam.step(&mut w, &mut gradients);
        }
        let moments = adam.moments.get::<f32>("Adam").unwrap().expect("it has stepped");
        for moment in moments.iter().flatten().flat_map(|tensor| tensor.data()) {
            assert!(*moment == 0.0 || moment.is_normal(), "{moment:e}");
        }
        // A tiny gradient moves nothing; the smallest ones that count still do.
        assert_eq!(w.data()[1], 1e-30);
        assert!(w.data()[2] < 1.0 - 1e-3);
    }

    #[test]
    fn the_smallest_gradients_that_count_are_normalised() {
        let mut w = Tensor::<f32>::new([1], [1.0]);
        let mut gradients = Gradients::of(&w);
        let mut adam = Adam::new(1e-3).epsilon(1e-30);
        for _ in 0..100 {
            let tape = Tape::new();
            (tape.param(&w) * 1e-15).sum().backward(&mut gradients);
            drop(tape);
            adam.step(&mut w, &mut gradients);
        }
        // Every step is as long as the learning rate.
        assert!((w.data()[0] - 0.9).abs() < 1e-4, "{w:?}");
    }

    #[test]
    #[should_panic(expected = "the learning rate must be positive and finite, got 0")]
    fn a_rate_of_zero_is_refused() {
        Adam::new(0.0);
    }
}
