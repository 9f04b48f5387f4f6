//! The Adam optimiser.

use crate::engine::kernels::dispatch::{Kernel, Simd};
use crate::engine::{Gradients, Parameters, Real, Tensor};
use crate::optim::{Optimizer, State, check_factor, check_rate, over_parts};
use crate::scalar::accepted;

/// Adam (Kingma and Ba 2015, algorithm 1): parameters, gradients and both moments are updated in one pass over memory. Serde
/// writes and reads the settings, without the moments.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::optim::saved::Adam", into = "crate::optim::saved::Adam"))]
pub struct Adam {
    pub(crate) rate: f64,
    scale: f64,
    pub(crate) betas: [f64; 2],
    epsilon: f64,
    /// β₁ᵗ and β₂ᵗ after t steps.
    powers: [f64; 2],
    /// The moving averages of the gradients and of their squares.
    moments: State<2>,
}

impl Adam {
    /// Adam with this learning rate and the paper's β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    ///
    /// # Panics
    /// If the rate is not positive and finite.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        let moments = State::default();
        accepted(
            Adam { rate, scale: 1.0, betas: [0.9, 0.999], epsilon: 1e-8, powers: [1.0; 2], moments }.check_settings(),
        )
    }

    /// Sets β₁ and β₂, the decay rates of the moments' moving averages.
    ///
    /// # Panics
    /// If one is not in [0, 1).
    #[track_caller]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        accepted(Adam { betas: [beta1, beta2], ..self }.check_settings())
    }

    /// # Errors
    /// What the constructors refuse.
    pub(crate) fn check_settings(self) -> Result<Self, String> {
        check_rate("Adam", self.rate)?;
        let [beta1, beta2] = self.betas;
        if self.betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Ok(self);
        }
        Err(format!("Adam: betas must be in [0, 1), got {beta1} and {beta2}"))
    }
}

impl Optimizer for Adam {
    #[track_caller]
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        let moments = self.moments.prepare("Adam", self.rate, model, gradients);
        let [first, second] = self.betas;
        let powers = [self.powers[0] * first, self.powers[1] * second];
        let number = M::Scalar::from_f64;
        let constants = Constants {
            keep_first: number(first),
            keep_second: number(second),
            take_first: number(1.0 - first),
            take_second: number(1.0 - second),
            step: number(self.rate * self.scale / (1.0 - powers[0])),
            unbias: number(1.0 / (1.0 - powers[1]).sqrt()),
            epsilon: number(self.epsilon),
        };
        gradients.step(model, |index, parameter, gradient| {
            let [first, second] = moments[index].each_mut().map(Tensor::data_mut);
            over_parts([gradient, first, second, parameter], |parts| Update { parts, constants });
        });
        self.powers = powers;
    }

    #[track_caller]
    fn scale_rate(&mut self, factor: f64) {
        check_factor("Adam", factor);
        self.scale = factor;
    }

    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        self.moments.check("Adam", self.rate, model)
    }
}

#[derive(Clone, Copy)]
struct Constants<T> {
    keep_first: T,
    keep_second: T,
    take_first: T,
    take_second: T,
    step: T,
    unbias: T,
    epsilon: T,
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
            let g = std::mem::replace(place, *p);
            *m = c.keep_first.mul_add::<S>(*m, c.take_first * g);
            *v = c.keep_second.mul_add::<S>(*v, c.take_second * g * g);
            *p -= c.step * *m / v.sqrt().mul_add::<S>(c.unbias, c.epsilon);
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
    #[should_panic(expected = "the learning rate must be positive and finite, got 0")]
    fn a_rate_of_zero_is_refused() {
        Adam::new(0.0);
    }
}
