//! One chain: its state, and its steps.

use crate::clock::Clock;
use crate::engine::random::normals;
use crate::engine::{Key, Real};
use crate::infer::caught_panic::catch_step;
use crate::infer::chains::{Chain, McmcError, Progress, panicked};
use crate::infer::minibatch_target::Target;
use crate::infer::sgmcmc::batches::Batches;
use crate::infer::sgmcmc::integrator::{State, Step};
use crate::infer::sgmcmc::learning_rate::{Limits, largest_curvature};
use crate::infer::sgmcmc::options::SgOptions;
use crate::infer::sgmcmc::preconditioner::MeanSquares;
use crate::infer::sgmcmc::run::Shown;
use crate::infer::sgmcmc::schedule::{Schedule, Stage};
use crate::infer::sgmcmc::temperature::Thermometer;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};

/// Rows on which the curvature is measured.
const CURVATURE_ROWS: usize = 256;

/// Steps of the power iteration the first time, and later, from the direction that it has found.
const ITERATIONS: [usize; 2] = [12, 5];

/// The number of curvatures, at the last points of the warm-up, of which the largest counts.
const CURVATURES: usize = 8;

/// Everything that the next steps of a chain depend on, beside its options: what a checkpoint keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChainState {
    /// Steps taken.
    pub(super) step: usize,
    pub(super) state: State,
    /// The preconditioner: a factor for each element.
    pub(super) scales: Vec<f64>,
    pub(super) squares: MeanSquares,
    /// The direction of the largest curvature.
    pub(super) direction: Vec<f64>,
    /// The largest curvature at each point of the warm-up so far.
    pub(super) curvatures: Vec<f64>,
    /// The position at the end of the warm-up.
    pub(super) centre: Vec<f64>,
    /// The learning rate of the warm-up divided by N.
    pub(super) rate: f64,
    pub(super) thermometer: Thermometer,
    /// The unconstrained positions of the draws.
    pub(super) draws: Vec<Vec<f64>>,
    pub(super) seconds: f64,
    pub(super) warmup_seconds: f64,
}

impl ChainState {
    /// Before the first step, at this unconstrained position.
    pub(super) fn new(position: Vec<f64>, key: Key, has_momentum: bool, preconditioned: bool) -> Self {
        let count = position.len();
        let mut direction = vec![0.0; count];
        normals(key.at("curvature"), 0, &mut direction);
        let norm = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|v| *v /= norm);
        ChainState {
            centre: position.clone(),
            state: State { position, momentum: vec![0.0; if has_momentum { count } else { 0 }] },
            scales: vec![1.0; count],
            squares: MeanSquares::new(if preconditioned { count } else { 0 }),
            direction,
            ..ChainState::default()
        }
    }
}

/// A chain that runs.
pub(super) struct Runner<'r, 'm, M: Bayesian, L: Likelihood<M::Scalar>> {
    /// The chain, from 0.
    pub(super) chain: usize,
    pub(super) options: &'r SgOptions<M::Scalar>,
    pub(super) schedule: Schedule,
    pub(super) key: Key,
    /// N.
    pub(super) examples: usize,
    pub(super) target: Target<'m, M, L>,
    /// Whether the threads are shared with other tasks than these chains.
    pub(super) shared: bool,
    pub(super) progress: &'r Progress<Shown>,
}

impl<M, L> Runner<'_, '_, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// Takes the steps that are left, and calls `save` after each that ends an interval between saves of this many steps, and
    /// after the last one.
    ///
    /// # Errors
    /// Where a term or a gradient is not finite, no learning rate can be chosen, or `save` fails.
    pub(super) fn run(
        &mut self,
        chain: &mut ChainState,
        interval: usize,
        mut save: impl FnMut(&ChainState) -> Result<(), McmcError>,
    ) -> Result<Chain, McmcError> {
        let (schedule, count) = (self.schedule, chain.state.position.len());
        let mut batches = Batches::new(self.examples, self.options.batch_size_for(self.examples));
        let (mut gradient, mut noise) = (vec![0.0; count], vec![0.0; count]);
        let mut scalars = vec![M::Scalar::ZERO; count];
        let mut normal = |key: Key, noise: &mut [f64]| {
            normals(key, 0, &mut scalars);
            noise.iter_mut().zip(&scalars).for_each(|(to, from)| *to = from.to_f64());
        };
        let (clock, before) = (Clock::start(), chain.seconds);
        while chain.step < schedule.steps() {
            let (step, stage) = (chain.step, schedule.stage(chain.step));
            if schedule.adapts(step) {
                self.adapt(chain)?;
            }
            if step == schedule.warmup {
                chain.centre.copy_from_slice(&chain.state.position);
                chain.warmup_seconds = before + clock.seconds();
            }
            let momentum = &mut chain.state.momentum;
            if schedule.draws_momentum(step) && !momentum.is_empty() {
                normal(self.key.at("momentum").step(step), &mut noise);
                momentum.iter_mut().zip(&noise).for_each(|(p, e)| *p = self.options.temperature.sqrt() * e);
            }
            let value = batches.with(self.key.step(step), |rows| {
                catch_step(self.shared, || self.target.at(&chain.state.position, rows, &mut gradient))
            });
            let value = value.map_err(|panic| panicked(self.chain, step, panic))?;
            if let Some((term, value)) = self.target.first_non_finite(value) {
                return Err(self.not_finite(step, term, value));
            }
            if self.options.preconditioned && schedule.measures_gradients(step) {
                chain.squares.add(&gradient);
            }
            if stage == Stage::Sampling {
                chain.thermometer.step(&chain.state, &chain.centre, &gradient);
            }
            let temperature = if stage == Stage::Exploration { 0.0 } else { self.options.temperature };
            normal(self.key.at("noise").step(step), &mut noise);
            let of = Step { rate: chain.rate * schedule.factor(step), temperature, kept: self.options.kept() };
            of.take(&mut chain.state, &chain.scales, &gradient, &noise);
            chain.step += 1;
            if schedule.is_draw(step) {
                self.check_range(step, &chain.state.position)?;
                chain.thermometer.draw();
                chain.draws.push(chain.state.position.clone());
            }
            chain.seconds = before + clock.seconds();
            if chain.step.is_multiple_of(interval) || chain.step == schedule.steps() {
                save(chain)?;
            }
            let learning_rate = of.rate * self.examples as f64;
            self.progress.step(|shown| shown.learning_rate = learning_rate);
        }
        let rate = chain.rate * schedule.factor(schedule.warmup);
        Ok(Chain {
            step_size: rate.sqrt(),
            learning_rate: Some(rate * self.examples as f64),
            gradients: chain.step,
            seconds: chain.seconds,
            warmup_seconds: chain.warmup_seconds,
            temperature: Some(chain.thermometer.temperature(self.options.temperature, self.options.friction.is_some())),
            ..Chain::default()
        })
    }

    /// Chooses the preconditioner and the learning rate from the gradients so far and the curvature here.
    fn adapt(&mut self, chain: &mut ChainState) -> Result<(), McmcError> {
        if self.options.preconditioned
            && let Some(scales) = chain.squares.scales()
        {
            chain.scales = scales;
        }
        if let Some(learning_rate) = self.options.learning_rate {
            chain.rate = learning_rate / self.examples as f64;
            return Ok(());
        }
        let iterations = ITERATIONS[usize::from(chain.step > 0)];
        let key = self.key.at("curvature").step(chain.step);
        let ChainState { state, scales, direction, .. } = &mut *chain;
        let curvature = Batches::new(self.examples, CURVATURE_ROWS).with(key, |rows| {
            catch_step(self.shared, || {
                largest_curvature(&state.position, scales, direction, iterations, |at, slopes| {
                    self.target.at(at, rows, slopes);
                })
            })
        });
        let curvature = curvature.map_err(|panic| panicked(self.chain, chain.step, panic))?;
        let Some(curvature) = curvature else {
            return Err(McmcError::LearningRate { chain: self.chain, step: chain.step });
        };
        let batches = self.examples as f64 / self.options.batch_size_for(self.examples) as f64;
        let kept = self.options.friction.map(|_| self.options.kept());
        // The curvature changes along the chain, and may be close to 0 at single points.
        chain.curvatures.push(curvature);
        let last = &chain.curvatures[chain.curvatures.len().saturating_sub(CURVATURES)..];
        let curvature = last.iter().copied().fold(0.0, f64::max);
        chain.rate = Limits { curvature, batches, temperature: self.options.temperature, kept }.rate();
        Ok(())
    }

    /// # Errors
    /// If an element of a weight at a position is outside of its space in the scalar type.
    fn check_range(&mut self, step: usize, position: &[f64]) -> Result<(), McmcError> {
        let Some((weight, element, index)) = self.target.first_out_of_range(position) else { return Ok(()) };
        let (steps, value, scalar) = (self.schedule.steps(), position[index], M::Scalar::NAME);
        Err(McmcError::Range { chain: self.chain, step, steps, weight, element, value, scalar })
    }

    fn not_finite(&self, step: usize, term: String, value: f64) -> McmcError {
        McmcError::NotFinite { chain: self.chain, step, steps: self.schedule.steps(), term, value }
    }
}
