//! Stochastic gradient descent with momentum.

use crate::engine::kernels::dispatch::{Kernel, Simd};
use crate::engine::{Gradients, Parameters, Real};
use crate::optim::groups::{Groups, Setting, Settings, check_decay, settings_by_name};
use crate::optim::{Optimizer, OptimizerState, State, check_factor, check_rate, over_parts};
use crate::scalar::{accepted, flush};

/// Stochastic gradient descent with momentum (Polyak 1964): v ← μv + g, θ ← θ − ηv. Velocities below 2⁻⁵⁰ (f32) or 2⁻⁴⁸⁰ (f64)
/// in size count as 0. Serialised are its settings, without the velocities.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::optim::saved::Sgd", into = "crate::optim::saved::Sgd"))]
pub struct Sgd {
    pub(crate) rate: f64,
    scale: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    pub(crate) groups: Groups,
    velocity: State<1>,
}

/// The name of the velocity in a checkpoint.
const VELOCITY: [&str; 1] = ["velocity"];

impl Sgd {
    /// SGD with learning rate η and no momentum.
    ///
    /// # Panics
    /// If the rate is not positive and finite.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        let (groups, velocity) = (Groups::default(), State::default());
        accepted(Sgd { rate, scale: 1.0, momentum: 0.0, weight_decay: 0.0, groups, velocity }.check_settings())
    }

    /// Sets the momentum μ.
    ///
    /// # Panics
    /// If it is not in [0, 1).
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        accepted(Sgd { momentum, ..self }.check_settings())
    }

    /// Sets the weight decay λ, which adds λθ to the gradient, before the momentum, for all parameters without their
    /// [own](Sgd::weight_decay_of). It acts on means and points, not on scales.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        accepted(Sgd { weight_decay, ..self }.check_settings())
    }

    /// # Errors
    /// What the constructors refuse.
    pub(crate) fn check_settings(self) -> Result<Self, String> {
        check_rate("Sgd", self.rate)?;
        check_decay("Sgd", self.weight_decay)?;
        self.groups.check_settings("Sgd")?;
        let momentum = self.momentum;
        if (0.0..1.0).contains(&momentum) {
            return Ok(self);
        }
        Err(format!("Sgd: the momentum must be in [0, 1), got {momentum}"))
    }
}

settings_by_name!(Sgd);

impl Optimizer for Sgd {
    #[track_caller]
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        let velocities = self.velocity.prepare("Sgd", self.rate, model, gradients);
        let settings = self.groups.prepare("Sgd", |_, _, _| None, [self.rate, self.weight_decay], gradients);
        let (momentum, scale) = (self.momentum, self.scale);
        gradients.step(model, |index, parameter, gradient| {
            let Settings { frozen, rate, weight_decay } = settings(index);
            let velocity = velocities[index][0].data_mut();
            if frozen {
                gradient.copy_from_slice(parameter);
            } else {
                update([gradient, velocity, parameter], rate * scale, momentum, weight_decay);
            }
        });
    }

    #[track_caller]
    fn scale_rate(&mut self, factor: f64) {
        check_factor("Sgd", factor);
        self.scale = factor;
    }

    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        self.velocity.check("Sgd", self.rate, model)?;
        self.groups.check("Sgd", model)
    }

    fn is_frozen(&self, name: &str) -> bool {
        self.groups.is_frozen(name)
    }

    fn save_state<M: Parameters + ?Sized>(
        &self,
        model: &M,
        state: &mut OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let Sgd { rate, momentum, weight_decay, .. } = self;
        state.set_settings(format!(
            "Sgd of rate {rate}, momentum {momentum}, weight decay {weight_decay}{}",
            self.groups
        ));
        state.set_number("scale", self.scale);
        self.velocity.save("Sgd", model, VELOCITY, state)
    }

    fn load_state<M: Parameters + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let velocity = State::loaded(model, VELOCITY, state)?;
        (self.scale, self.velocity) = (state.number_to("scale", f64::MAX)?, velocity);
        Ok(())
    }
}

/// Updates a parameter. `parts` are those of [`Update`].
fn update<T: Real>(parts: [&mut [T]; 3], rate: f64, momentum: f64, decay: f64) {
    let (rate, momentum, decay) = (T::from_f64(rate), T::from_f64(momentum), T::from_f64(decay));
    over_parts(parts, |parts| Update { parts, rate, momentum, decay });
}

struct Update<'a, T> {
    /// The gradient, the velocity, the parameter.
    parts: [&'a mut [T]; 3],
    rate: T,
    momentum: T,
    decay: T,
}

impl<T: Real> Kernel for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [gradient, velocity, parameter] = self.parts;
        for ((p, place), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
            let g = std::mem::replace(place, *p);
            *v = flush(self.momentum.mul_add::<S>(*v, g + self.decay * *p), T::TINY);
            *p -= self.rate * *v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tape, Tensor};

    #[test]
    fn momentum_accumulates_the_gradients() {
        let mut w = Tensor::<f64>::new([1], [1.0]);
        let mut gradients = Gradients::of(&w);
        let mut sgd = Sgd::new(0.1).momentum(0.5);
        for _ in 0..2 {
            let tape = Tape::new();
            tape.param(&w).sum().backward(&mut gradients);
            drop(tape);
            sgd.step(&mut w, &mut gradients);
        }
        // Velocities 1 and 1.5.
        assert!((w.data()[0] - (1.0 - 0.1 - 0.15)).abs() < 1e-15);
    }

    #[test]
    fn velocities_do_not_become_subnormal() {
        let mut w = Tensor::<f32>::new([1], [1.0]);
        let mut gradients = Gradients::of(&w);
        let mut sgd = Sgd::new(0.1).momentum(0.9);
        for step in 0..2000 {
            let tape = Tape::new();
            (tape.param(&w) * if step == 0 { 1.0 } else { 0.0 }).sum().backward(&mut gradients);
            drop(tape);
            sgd.step(&mut w, &mut gradients);
        }
        // The sum of all velocities is 10.
        assert!(w.data()[0].abs() < 1e-5, "{w:?}");
        let [velocity] = &sgd.velocity.get::<f32>("Sgd").unwrap().expect("it has stepped")[0];
        assert_eq!(velocity.data(), [0.0]);
    }
}
