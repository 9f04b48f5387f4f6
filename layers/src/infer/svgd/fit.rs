//! The steps of the particles.

use crate::clock::Clock;
use crate::data::{Examples, shuffle};
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Real, with_threads};
use crate::infer::LogJoint;
use crate::infer::chains::{check_model, finite_density};
use crate::infer::minibatch_target::Target;
use crate::infer::start::start_weights;
use crate::infer::svgd::adam::Adam;
use crate::infer::svgd::kernel::Kernel;
use crate::infer::svgd::options::SvgdOptions;
use crate::infer::svgd::{Particles, SvgdError};
use crate::infer::vi::{Budget, Epoch, Plan, Progress, Report, StepTerms, Trace, Yardstick, check_schedule};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::samples::KeptDraws;
use crate::weights::Weights;

/// Moves particles to the posterior of the model's weights given the data.
///
/// # Errors
/// If the options, the model and the data do not fit, a particle cannot start, or it stops.
pub(super) fn fit<'m, M, L>(
    options: &SvgdOptions<M::Scalar>,
    likelihood: &L,
    model: &'m M,
    data: &Examples<M::Scalar, L::Targets>,
    budget: Budget,
) -> Result<Particles<&'m M>, SvgdError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar> + Sync,
    L::Targets: Sync + Send,
{
    options.check()?;
    let size = options.batch_size_for(data.len());
    if let Some(schedule) = &options.schedule {
        check_schedule(schedule, budget, 0, data.len().div_ceil(size.max(1)))?;
    }
    check_model(model, likelihood, data, size)?;
    let (joint, key) = (LogJoint::new(model, likelihood, data), Key::new(options.seed).at("svgd"));
    let start = |particle| start_weights(model, &options.start, particle, key);
    let starts = (0..options.particles).map(start).collect::<Result<Vec<_>, _>>()?;
    if starts[0].is_empty() {
        return Err(SvgdError::Options("the model has no random weights, so there is nothing to move".to_owned()));
    }
    for (particle, start) in starts.iter().enumerate() {
        if let Err((term, value)) = finite_density(&joint, start) {
            return Err(SvgdError::Start { particle, term, value });
        }
    }
    let positions: Vec<Vec<f64>> =
        starts.iter().map(|start| start.flat().into_iter().map(Real::to_f64).collect()).collect();
    if let Some([first, second]) = Kernel::of(&positions, options.bandwidth).first_equal() {
        return Err(SvgdError::Options(format!(
            "particles {first} and {second} (from 0) start at the same weights, so that they stay together; start from \
             others (`start_from`), or give the weights a posterior that differs from draw to draw"
        )));
    }
    let like = &starts[0];
    let (rates, particles) = (options.rates(like), options.particles);
    let run = Run { joint: &joint, like, examples: data.len(), size, key, options };
    // As many threads as particles, if there are so many: each particle then has its own.
    let threads = if particles == 1 { options.threads } else { options.threads.min(particles) };
    let mut swarm = Swarm { positions, adam: Adam::new(rates, particles), bandwidth: None };
    let report = with_threads(threads, || run.train(&mut swarm, budget))?;
    let mut target = Target::new(&joint, data.len(), like);
    let weights = swarm.positions.iter().map(|position| target.weights(position)).collect();
    let bandwidth = swarm.bandwidth.filter(|_| particles > 1);
    Ok(Particles { draws: KeptDraws::of(model, weights)?, report, bandwidth })
}

/// What does not change in a training.
struct Run<'r, 'm, M: Bayesian, L: Likelihood<M::Scalar>> {
    joint: &'r LogJoint<'m, M, L>,
    /// Unconstrained weights, with the model's names and shapes.
    like: &'r Weights<M::Scalar>,
    /// N.
    examples: usize,
    /// The batch size.
    size: usize,
    key: Key,
    options: &'r SvgdOptions<M::Scalar>,
}

/// The particles while they move.
struct Swarm {
    /// The unconstrained weights of each.
    positions: Vec<Vec<f64>>,
    adam: Adam,
    /// That of the last step.
    bandwidth: Option<f64>,
}

impl<M, L> Run<'_, '_, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar> + Sync,
    L::Targets: Sync + Send,
{
    fn train(&self, swarm: &mut Swarm, budget: Budget) -> Result<Report, SvgdError> {
        let (examples, batches) = (self.examples, self.examples.div_ceil(self.size));
        let mut plan = Plan::new(budget, self.options.schedule.as_ref(), true, [0, batches], 0);
        let yardstick = Yardstick { parameters: self.like.len(), guessing: None };
        let mut progress = Progress::new(self.options.shown, true, plan.steps(), batches);
        let (mut epochs, mut trace, mut step) = (Vec::new(), Trace::default(), 0);
        let mut order: Vec<usize> = (0..examples).collect();
        while !plan.is_over() {
            let (clock, number) = (Clock::start(), epochs.len() + 1);
            // Shuffle from the sorted order, so that an epoch's order depends on its number alone.
            order.sort_unstable();
            shuffle(&mut order, self.key.at("order").step(epochs.len()));
            let (mut nll, mut kl, mut rate_factor) = (0.0, 0.0, 1.0);
            for rows in order.chunks(self.size) {
                let factor = plan.factor(step).map_err(SvgdError::Options)?;
                rate_factor = factor.unwrap_or(1.0);
                let terms = self.step(swarm, rows, rate_factor, [step, number])?;
                nll += terms.nll * rows.len() as f64 / examples as f64;
                kl = terms.kl;
                step += 1;
                trace.push(-(examples as f64 * terms.nll + terms.kl));
                progress.step(number, &terms);
            }
            plan.after_epoch(step, &trace, yardstick);
            progress.set_steps(plan.steps());
            let elbo = -(examples as f64 * nll + kl);
            let (kl_weight, seconds) = (1.0 / examples as f64, clock.seconds());
            let epoch = Epoch { nll, kl, kl_weight, elbo, validation_nll: None, rate_factor, seconds };
            progress.epoch(number, plan.steps().div_ceil(batches), plan.is_over(), &epoch);
            epochs.push(epoch);
        }
        let report = Report::of_points(epochs, trace.rise(), plan.is_settled());
        progress.conclusion(&report);
        Ok(report)
    }

    /// Moves every particle by the gradients of these rows; the terms are means over the particles.
    fn step(
        &self,
        swarm: &mut Swarm,
        rows: &[usize],
        factor: f64,
        [step, epoch]: [usize; 2],
    ) -> Result<StepTerms, SvgdError> {
        let (examples, positions) = (self.examples, &swarm.positions);
        let stopped = |particle, (term, value)| SvgdError::NotFinite { particle, step, epoch, term, value };
        let found = map_tasks(
            positions.len(),
            || Target::new(self.joint, examples, self.like),
            |target, particle| {
                let mut gradient = vec![0.0; positions[particle].len()];
                let value = target.at(&positions[particle], rows, &mut gradient);
                match target.first_non_finite(value) {
                    Some(found) => Err(stopped(particle, found)),
                    None => Ok((target.terms(), gradient)),
                }
            },
        );
        let found: Vec<([f64; 2], Vec<f64>)> = found.into_iter().collect::<Result<_, _>>()?;
        let (terms, gradients): (Vec<[f64; 2]>, Vec<Vec<f64>>) = found.into_iter().unzip();
        let kernel = Kernel::of(positions, self.options.bandwidth);
        let directions = kernel.directions(positions, &gradients);
        swarm.bandwidth = Some(kernel.bandwidth);
        swarm.adam.step(factor, &mut swarm.positions, &directions);
        for (particle, position) in swarm.positions.iter().enumerate() {
            if let Some(&value) = position.iter().find(|x| !x.is_finite()) {
                return Err(stopped(particle, ("largest weight".to_owned(), value)));
            }
        }
        let mean = |term: usize| terms.iter().map(|terms| terms[term]).sum::<f64>() / terms.len() as f64;
        Ok(StepTerms { nll: -mean(0) / examples as f64, kl: -mean(1), kl_weight: 1.0 / examples as f64 })
    }
}
