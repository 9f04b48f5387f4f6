//! The options of stochastic-gradient samplers, and what follows from them for a data set.

#[cfg(feature = "files")]
use std::path::PathBuf;

use crate::engine::Real;
use crate::infer::chains::{McmcError, Options};
use crate::infer::sgmcmc::schedule::{Cycles, Schedule};

/// Examples up to which a batch has all by default.
const ONE_BATCH: usize = 1024;

/// The default batch size for more examples.
const BATCH: usize = 256;

/// The least number of steps between draws by default.
const THINNING: usize = 10;

/// Draws of a chain, and draws' worth of steps of its warm-up, by default.
const DRAWS: usize = 200;

#[derive(Clone, Debug)]
pub(super) struct SgOptions<T: Real> {
    pub(super) shared: Options<T>,
    pub(super) batch_size: Option<usize>,
    /// Steps between draws.
    pub(super) thinning: Option<usize>,
    pub(super) learning_rate: Option<f64>,
    pub(super) temperature: f64,
    /// `None` for a sampler without momenta.
    pub(super) friction: Option<f64>,
    pub(super) preconditioned: bool,
    /// The number of cycles, and the share of each that explores.
    pub(super) cycles: Option<(usize, f64)>,
    /// The folder of the checkpoint, and the draws from one save to the next.
    #[cfg(feature = "files")]
    pub(super) checkpoint: Option<(PathBuf, usize)>,
}

impl<T: Real> SgOptions<T> {
    pub(super) fn new(friction: Option<f64>) -> Self {
        SgOptions {
            shared: Options { warmup: DRAWS, draws: DRAWS, ..Options::new() },
            batch_size: None,
            thinning: None,
            learning_rate: None,
            temperature: 1.0,
            friction,
            preconditioned: false,
            cycles: None,
            #[cfg(feature = "files")]
            checkpoint: None,
        }
    }

    /// # Errors
    /// If a number is out of range.
    pub(super) fn check(&self) -> Result<(), McmcError> {
        self.shared.check()?;
        let positive = |name: &str, value: Option<f64>| match value {
            Some(value) if !(value > 0.0 && value.is_finite()) => {
                Err(McmcError::Options(format!("{name}: it must be positive and finite, got {value}")))
            }
            _ => Ok(()),
        };
        positive("learning_rate", self.learning_rate)?;
        positive("temperature", Some(self.temperature))?;
        positive("friction", self.friction)?;
        let wrong = |mistake: String| Err(McmcError::Options(mistake));
        if self.batch_size == Some(0) {
            return wrong("batch_size: at least one example is needed, got 0".to_owned());
        }
        if self.thinning == Some(0) {
            return wrong("thinning: at least one step is needed from draw to draw, got 0".to_owned());
        }
        if self.preconditioned && self.shared.warmup == 0 {
            return wrong("preconditioned: the preconditioner adapts in the warm-up, which is 0 here".to_owned());
        }
        if let Some((cycles, exploration)) = self.cycles {
            let draws = self.shared.draws;
            if cycles == 0 || !draws.is_multiple_of(cycles) {
                return wrong(format!("cyclical: the number of draws, {draws}, must be a multiple of {cycles} cycles"));
            }
            if !(0.0..1.0).contains(&exploration) {
                return wrong(format!("cyclical: the share of exploration must be in [0, 1), got {exploration}"));
            }
        }
        #[cfg(feature = "files")]
        if matches!(self.checkpoint, Some((_, 0))) {
            return wrong("checkpoint: at least one draw is needed from save to save, got 0".to_owned());
        }
        Ok(())
    }

    /// # Errors
    /// If the chains have more steps than can be counted, for this many examples.
    pub(super) fn check_steps(&self, examples: usize) -> Result<(), McmcError> {
        let Options { warmup, draws, .. } = self.shared;
        let share = self.cycles.map_or(0.0, |(_, share)| share);
        let lengths = warmup as f64 + draws as f64 / (1.0 - share);
        self.shared.check_transitions(lengths * self.thinning_for(examples) as f64)
    }

    /// The steps from one draw to the next for this many examples.
    fn thinning_for(&self, examples: usize) -> usize {
        let epoch = examples.div_ceil(self.batch_size_for(examples).max(1));
        self.thinning.unwrap_or(epoch.max(THINNING))
    }

    /// The steps from one save to the next, for this many steps from one draw to the next.
    pub(super) fn save_interval(&self, thinning: usize) -> usize {
        #[cfg(feature = "files")]
        if let Some((_, every)) = self.checkpoint {
            return every.saturating_mul(thinning);
        }
        let _ = thinning;
        usize::MAX
    }

    /// The batch size for this many examples.
    pub(super) fn batch_size_for(&self, examples: usize) -> usize {
        self.batch_size.unwrap_or(if examples <= ONE_BATCH { examples } else { BATCH }).min(examples)
    }

    /// The steps of a chain for this many examples.
    pub(super) fn schedule_for(&self, examples: usize) -> Schedule {
        let thinning = self.thinning_for(examples);
        let (warmup, draws) = (self.shared.warmup * thinning, self.shared.draws);
        let is_automatic = self.learning_rate.is_none();
        let cycles =
            self.cycles.map(|(count, share)| Cycles::new(count, share, draws / count * thinning, is_automatic));
        Schedule { warmup, thinning, draws, cycles }
    }

    /// The share of the momentum that a step keeps; 0 without momenta.
    pub(super) fn kept(&self) -> f64 {
        self.friction.map_or(0.0, |friction| (-friction).exp())
    }

    /// Everything that a chain depends on beside the model and the values of the data: the text by which a checkpoint is known.
    #[cfg(feature = "files")]
    pub(super) fn fingerprint(&self, examples: usize) -> String {
        let SgOptions { learning_rate, temperature, friction, preconditioned, cycles, .. } = self;
        let Schedule { warmup, thinning, draws, .. } = self.schedule_for(examples);
        let (seed, batch) = (self.shared.seed, self.batch_size_for(examples));
        // Without cycles, a chain of more draws is the same chain for longer.
        let cycles = cycles.map(|(count, share)| format!("{count} of {share} for {draws} draws"));
        let number = |number: &Option<f64>| number.map_or("automatic".to_owned(), |number| number.to_string());
        format!(
            "seed {seed}; examples {examples}; batch size {batch}; warm-up {warmup} steps; thinning {thinning}; learning rate \
             {}; temperature {temperature}; friction {}; preconditioned {preconditioned}; cycles {}",
            number(learning_rate),
            friction.map_or("none".to_owned(), |friction| friction.to_string()),
            cycles.unwrap_or_else(|| "none".to_owned())
        )
    }
}
