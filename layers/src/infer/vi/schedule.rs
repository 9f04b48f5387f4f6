//! Learning-rate schedules: constant, cosine, step decay, custom, with warm-up.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

use crate::scalar::accepted;

/// A learning-rate schedule: the factor of the optimiser's learning rate at each step, from 0 and on through all
/// epochs.
///
/// ```
/// use elbo::Schedule;
/// let schedule = Schedule::cosine(1000).warm_up(100);
/// assert_eq!((schedule.factor(50), schedule.factor(100), schedule.factor(600)), (0.5, 1.0, 0.5));
/// assert_eq!(schedule.end(), Some(1100));
/// ```
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::infer::vi::saved::Schedule", into = "crate::infer::vi::saved::Schedule")
)]
#[must_use]
pub struct Schedule {
    pub(crate) shape: Shape,
    pub(crate) warm_up: usize,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Shape {
    Constant,
    Cosine {
        steps: usize,
        floor: f64,
    },
    Step {
        every: usize,
        factor: f64,
    },
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(Arc<dyn Fn(usize) -> f64 + Send + Sync>),
}

impl Schedule {
    /// The factor 1 at every step, to be combined with a [`warm_up`](Schedule::warm_up).
    pub fn constant() -> Self {
        Shape::Constant.into()
    }

    /// Cosine annealing from 1 to 0 in `steps` steps: (1 + cos(π s/`steps`))/2 at step s (Loshchilov and Hutter 2017,
    /// "SGDR", eq. 5, without restarts). Training beyond its end is an error.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn cosine(steps: usize) -> Self {
        Schedule::cosine_to(0.0, steps)
    }

    /// [`cosine`](Schedule::cosine), to `floor` in place of 0.
    ///
    /// # Panics
    /// If `steps` is 0, or the floor is not in [0, 1].
    #[track_caller]
    pub fn cosine_to(floor: f64, steps: usize) -> Self {
        accepted(Schedule::from(Shape::Cosine { steps, floor }).check())
    }

    /// Step decay: multiplies the rate by `factor` after every `every` steps, like PyTorch's `StepLR`.
    ///
    /// # Panics
    /// If `every` is 0, or the factor is not positive and finite.
    #[track_caller]
    pub fn step(every: usize, factor: f64) -> Self {
        accepted(Schedule::from(Shape::Step { every, factor }).check())
    }

    /// A custom function of the step. Training stops with an error at a factor that is negative or not finite.
    pub fn from_fn(factor: impl Fn(usize) -> f64 + Send + Sync + 'static) -> Self {
        Shape::Custom(Arc::new(factor)).into()
    }

    /// Prepends a linear warm-up of `steps` steps, with the factor s/`steps` at step s (Goyal et al. 2017, section
    /// 2.2).
    ///
    /// # Panics
    /// If the total number of steps overflows `usize`.
    #[track_caller]
    pub fn warm_up(self, steps: usize) -> Self {
        accepted(Schedule { warm_up: steps, ..self }.check())
    }

    /// # Errors
    /// What the constructors refuse.
    pub(crate) fn check(self) -> Result<Self, String> {
        let warm_up = self.warm_up;
        match self.shape {
            Shape::Cosine { steps: 0, .. } => Err("Schedule::cosine: at least one step is needed, got 0".to_owned()),
            Shape::Cosine { floor, .. } if !(0.0..=1.0).contains(&floor) => {
                Err(format!("Schedule::cosine_to: the floor must be in [0, 1], got {floor}"))
            }
            Shape::Cosine { steps, .. } if steps.checked_add(warm_up).is_none() => Err(format!(
                "Schedule::warm_up: {warm_up} steps before a schedule of {steps} steps overflow the number of steps"
            )),
            Shape::Step { every: 0, .. } => Err("Schedule::step: `every` must be at least one step, got 0".to_owned()),
            Shape::Step { factor, .. } if !(factor > 0.0 && factor.is_finite()) => {
                Err(format!("Schedule::step: the factor must be positive and finite, got {factor}"))
            }
            _ => Ok(self),
        }
    }

    /// The number of steps after which it ends; `None` if it never ends.
    pub fn end(&self) -> Option<usize> {
        match self.shape {
            Shape::Cosine { steps, .. } => Some(self.warm_up + steps),
            _ => None,
        }
    }

    /// The factor at a step.
    ///
    /// # Panics
    /// If the schedule has ended before this step, if step decay has overflowed, or if a custom function returns a
    /// number that is negative or not finite.
    #[track_caller]
    pub fn factor(&self, step: usize) -> f64 {
        match self.try_factor(step) {
            Ok(factor) => factor,
            Err(mistake) => panic!("{mistake}"),
        }
    }

    /// [`factor`](Schedule::factor), without panicking.
    ///
    /// # Errors
    /// Where [`factor`](Schedule::factor) panics.
    pub(super) fn try_factor(&self, step: usize) -> Result<f64, String> {
        if step < self.warm_up {
            return Ok(step as f64 / self.warm_up as f64);
        }
        let after = step - self.warm_up;
        match &self.shape {
            Shape::Constant => Ok(1.0),
            Shape::Cosine { steps, .. } if after >= *steps => {
                Err(format!("Schedule: it ends after {} steps; make it longer", self.warm_up + steps))
            }
            Shape::Cosine { steps, floor } => {
                Ok(floor + (1.0 - floor) * (1.0 + (PI * after as f64 / *steps as f64).cos()) / 2.0)
            }
            Shape::Step { every, factor } => match factor.powf((after / every) as f64) {
                reached if reached.is_finite() => Ok(reached),
                reached => Err(format!("Schedule: the factor of {self:?} is {reached} at step {after}")),
            },
            Shape::Custom(factor) => match factor(after) {
                factor if factor >= 0.0 && factor.is_finite() => Ok(factor),
                factor => Err(format!(
                    "Schedule: your function's factor of the learning rate must be finite and at least 0, got {factor} \
                     for step {after}"
                )),
            },
        }
    }
}

impl From<Shape> for Schedule {
    fn from(shape: Shape) -> Self {
        Schedule { shape, warm_up: 0 }
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::Constant => write!(f, "Schedule::constant()")?,
            Shape::Cosine { steps, floor } => write!(f, "Schedule::cosine_to({floor}, {steps})")?,
            Shape::Step { every, factor } => write!(f, "Schedule::step({every}, {factor})")?,
            Shape::Custom(_) => write!(f, "Schedule::from_fn(..)")?,
        }
        if self.warm_up > 0 { write!(f, ".warm_up({})", self.warm_up) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_falls_from_one_to_its_floor() {
        let schedule = Schedule::cosine_to(0.1, 100);
        assert_eq!(schedule.factor(0), 1.0);
        assert!((schedule.factor(50) - 0.55).abs() < 1e-15);
        assert!(schedule.factor(99) > 0.1 && schedule.factor(99) < 0.1004);
    }

    #[test]
    fn step_decay_multiplies_after_each_period() {
        let schedule = Schedule::step(3, 0.5).warm_up(2);
        let factors: Vec<f64> = (0..10).map(|step| schedule.factor(step)).collect();
        assert_eq!(factors, [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    #[should_panic(expected = "Schedule: it ends after 7 steps")]
    fn a_step_past_the_end_is_refused() {
        Schedule::cosine(5).warm_up(2).factor(7);
    }

    #[test]
    #[should_panic(
        expected = "your function's factor of the learning rate must be finite and at least 0, got -1 for step 3"
    )]
    fn a_negative_factor_of_a_custom_function_is_refused() {
        Schedule::from_fn(|step| 2.0 - step as f64).factor(3);
    }
}
