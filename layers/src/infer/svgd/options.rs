//! The options of Stein variational gradient descent, and what follows from them for a data set.

use crate::engine::Real;
use crate::infer::svgd::SvgdError;
use crate::infer::vi::Schedule;
use crate::optim::rate_of_mean;
use crate::weights::Weights;

/// Examples up to which a batch has all by default.
const ONE_BATCH: usize = 512;

/// The default batch size for more examples.
const BATCH: usize = 64;

/// Particles by default.
const PARTICLES: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct SvgdOptions<T: Real> {
    pub(super) particles: usize,
    /// h; `None` for that of the median heuristic.
    pub(super) bandwidth: Option<f64>,
    pub(super) learning_rate: Option<f64>,
    pub(super) schedule: Option<Schedule>,
    pub(super) batch_size: Option<usize>,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) shown: bool,
    /// The weights from which particles start; otherwise draws of the model's posterior.
    pub(super) start: Vec<Weights<T>>,
}

impl<T: Real> SvgdOptions<T> {
    pub(super) fn new() -> Self {
        SvgdOptions {
            particles: PARTICLES,
            bandwidth: None,
            learning_rate: None,
            schedule: None,
            batch_size: None,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            start: Vec::new(),
        }
    }

    /// # Errors
    /// If a number is out of range.
    pub(super) fn check(&self) -> Result<(), SvgdError> {
        let wrong = |mistake: String| Err(SvgdError::Options(mistake));
        if self.particles == 0 {
            return wrong("particles: at least one particle is needed, got 0".to_owned());
        }
        if self.batch_size == Some(0) {
            return wrong("batch_size: at least one example is needed, got 0".to_owned());
        }
        for (name, value) in [("bandwidth", self.bandwidth), ("learning_rate", self.learning_rate)] {
            if let Some(value) = value.filter(|&value| !(value > 0.0 && value.is_finite())) {
                return wrong(format!("{name}: it must be positive and finite, got {value}"));
            }
        }
        let (given, particles) = (self.start.len(), self.particles);
        if given > 0 && given < particles {
            return wrong(format!(
                "start_from: got {given} set(s) of weights for {particles} particles; particles that start at the same place \
                 stay together, so each needs its own"
            ));
        }
        Ok(())
    }

    /// The batch size for this many examples.
    pub(super) fn batch_size_for(&self, examples: usize) -> usize {
        self.batch_size.unwrap_or(if examples <= ONE_BATCH { examples } else { BATCH }).min(examples)
    }

    /// The learning rate of every element of weights like these.
    pub(super) fn rates(&self, weights: &Weights<T>) -> Vec<f64> {
        let of = |shape: &[usize]| self.learning_rate.unwrap_or_else(|| rate_of_mean(shape));
        let each = weights.entries().iter().map(|entry| (of(entry.tensor.shape()), entry.tensor.len()));
        each.flat_map(|(rate, elements)| std::iter::repeat_n(rate, elements)).collect()
    }
}
