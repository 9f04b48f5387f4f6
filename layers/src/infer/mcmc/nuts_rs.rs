//! Chains by the crate `nuts-rs`. Nothing else in this library knows it, because its interface changes every few months.

use std::collections::HashMap;
use std::fmt;

use nuts_rs::rand::Rng;
use nuts_rs::{
    Chain, CpuLogpFunc, CpuMath, CpuMathError, DiagMclmcSettings, DiagNutsSettings, HasDims, LogpError,
    LowRankNutsSettings, Math, Settings, Storable, Value,
};

use crate::engine::Key;
use crate::engine::random::Stream;
use crate::infer::chains::McmcError;

/// A transition kernel and its options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kernel {
    /// The no-U-turn sampler, with the mean acceptance to which the step size is adapted and the depth at which trees end.
    Nuts { low_rank: bool, target_acceptance: f64, max_depth: usize },
    /// Unadjusted microcanonical Langevin Monte Carlo, with the step size and the length in which the direction is
    /// forgotten, both in standard deviations of the posterior.
    Microcanonical { step_size: f64, decoherence_length: f64 },
}

impl Kernel {
    /// The most gradients of a transition; `None` without trees.
    pub(super) fn most_gradients(self) -> Option<usize> {
        match self {
            Kernel::Nuts { max_depth, .. } => Some((1 << max_depth) - 1),
            Kernel::Microcanonical { .. } => None,
        }
    }

    /// # Errors
    /// If it cannot sample this number of weights.
    pub(super) fn check_weights(self, weights: usize) -> Result<(), McmcError> {
        let mistake = match (self, weights) {
            (_, 0) => "the model has no random weights, so there is nothing to sample",
            (Kernel::Microcanonical { .. }, 1) => "Mclmc needs two weights or more, and the model has one; use Nuts",
            _ => return Ok(()),
        };
        Err(McmcError::Options(mistake.to_owned()))
    }
}

/// A draw in unconstrained space, and how it was made.
pub(super) struct Transition {
    pub(super) position: Box<[f64]>,
    /// Whether it belongs to the warm-up.
    pub(super) is_warmup: bool,
    pub(super) is_divergent: bool,
    /// The Hamiltonian's value, if it changes from draw to draw.
    pub(super) energy: Option<f64>,
    /// The depth of the tree, if there is one.
    pub(super) depth: Option<usize>,
    /// Whether the tree ended at its largest depth.
    pub(super) is_saturated: bool,
    /// Evaluations of the gradient.
    pub(super) gradients: usize,
    pub(super) step_size: f64,
}

/// Makes `warmup` and then `draws` transitions from `start` with the target density `log_density`, which sets the gradient and
/// returns the value, and calls `on_draw` after each of them, until it returns `false`.
///
/// # Errors
/// If the sampler cannot go on, in its words.
pub(super) fn sample(
    kernel: Kernel,
    [warmup, draws]: [usize; 2],
    key: Key,
    start: &[f64],
    log_density: impl FnMut(&[f64], &mut [f64]) -> f64,
    on_draw: impl FnMut(Transition) -> bool,
) -> Result<(), String> {
    let math = CpuMath::new(Density { dim: start.len(), log_density });
    let mut random = Stream::new(key);
    let [num_tune, num_draws] = [warmup, draws].map(|count| count as u64);
    match kernel {
        Kernel::Nuts { low_rank: false, target_acceptance, max_depth } => {
            let mut settings =
                DiagNutsSettings { num_tune, num_draws, maxdepth: max_depth as u64, ..Default::default() };
            settings.adapt_options.step_size_settings.target_accept = target_acceptance;
            drive(settings.new_chain(0, math, &mut random), warmup + draws, start, on_draw)
        }
        Kernel::Nuts { low_rank: true, target_acceptance, max_depth } => {
            let mut settings =
                LowRankNutsSettings { num_tune, num_draws, maxdepth: max_depth as u64, ..Default::default() };
            settings.adapt_options.step_size_settings.target_accept = target_acceptance;
            drive(settings.new_chain(0, math, &mut random), warmup + draws, start, on_draw)
        }
        Kernel::Microcanonical { step_size, decoherence_length } => {
            let settings = DiagMclmcSettings {
                num_tune,
                num_draws,
                step_size,
                momentum_decoherence_length: decoherence_length,
                ..Default::default()
            };
            drive(settings.new_chain(0, math, &mut random), warmup + draws, start, on_draw)
        }
    }
}

fn drive<M: Math, C: Chain<M>, E: fmt::Display>(
    chain: Result<C, E>,
    transitions: usize,
    start: &[f64],
    mut on_draw: impl FnMut(Transition) -> bool,
) -> Result<(), String> {
    let said = |error: &dyn fmt::Display| error.to_string();
    let mut chain = chain.map_err(|error| said(&error))?;
    chain.set_position(start).map_err(|error| said(&error))?;
    for _ in 0..transitions {
        let (position, _, stats, progress) = chain.expanded_draw().map_err(|error| said(&error))?;
        let mut found = Transition {
            position,
            is_warmup: progress.tuning,
            is_divergent: progress.diverging,
            energy: None,
            depth: None,
            is_saturated: false,
            gradients: progress.num_gradients as usize,
            step_size: progress.step_size,
        };
        read(stats, &*chain.math(), &mut found);
        if found.depth.is_none() {
            // A microcanonical trajectory keeps its energy.
            found.energy = None;
        }
        if !on_draw(found) {
            break;
        }
    }
    Ok(())
}

/// Reads what the library tells of a draw only by name.
fn read<M: Math, S, P>(mut stats: S, math: &M, found: &mut Transition)
where
    S: Storable<P>,
    P: HasDims + for<'a> From<&'a M>,
{
    for (name, value) in stats.get_all(&P::from(math)) {
        match (name, value) {
            ("energy", Some(Value::ScalarF64(energy))) => found.energy = Some(energy),
            ("depth", Some(Value::ScalarU64(depth))) => found.depth = Some(depth as usize),
            ("maxdepth_reached", Some(Value::ScalarBool(is_saturated))) => found.is_saturated = is_saturated,
            _ => {}
        }
    }
}

/// A log density as the library wants it.
struct Density<F> {
    dim: usize,
    log_density: F,
}

/// The log density or its gradient is infinite or NaN: the trajectory ends there, as divergent.
#[derive(Debug, thiserror::Error)]
#[error("the log density or its gradient is not finite")]
struct NotFinite;

impl LogpError for NotFinite {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl<F> HasDims for Density<F> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("dim".to_owned(), self.dim as u64)])
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> CpuLogpFunc for Density<F> {
    type LogpError = NotFinite;
    type FlowParameters = ();
    type ExpandedVector = ();

    fn dim(&self) -> usize {
        self.dim
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, NotFinite> {
        let value = (self.log_density)(position, gradient);
        if value.is_finite() && gradient.iter().all(|slope| slope.is_finite()) { Ok(value) } else { Err(NotFinite) }
    }

    fn expand_vector<R: Rng + ?Sized>(&mut self, _: &mut R, _: &[f64]) -> Result<(), CpuMathError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means and standard deviations of a two-dimensional normal distribution, estimated by a kernel.
    fn moments(kernel: Kernel, draws: usize) -> [[f64; 2]; 2] {
        let (means, sds) = ([3.0, -1.0], [0.5, 20.0]);
        let log_density = |x: &[f64], slope: &mut [f64]| {
            let mut value = 0.0;
            for i in 0..2 {
                let z = (x[i] - means[i]) / sds[i];
                value -= 0.5 * z * z;
                slope[i] = -z / sds[i];
            }
            value
        };
        let mut found = Vec::new();
        let on_draw = |draw: Transition| {
            if !draw.is_warmup {
                assert!(draw.energy.is_some_and(f64::is_finite) && draw.step_size > 0.0 && draw.gradients > 0);
                found.push(draw.position);
            }
            true
        };
        sample(kernel, [500, draws], Key::new(1), &[0.0, 0.0], log_density, on_draw).unwrap();
        assert_eq!(found.len(), draws);
        [0, 1].map(|i| {
            let mean = found.iter().map(|x| x[i]).sum::<f64>() / draws as f64;
            let variance = found.iter().map(|x| (x[i] - mean).powi(2)).sum::<f64>() / draws as f64;
            [(mean - means[i]) / sds[i], variance.sqrt() / sds[i]]
        })
    }

    #[test]
    fn every_kernel_samples_a_normal_distribution() {
        let nuts = |low_rank| Kernel::Nuts { low_rank, target_acceptance: 0.8, max_depth: 10 };
        for (kernel, draws) in [(nuts(false), 4000), (nuts(true), 4000)] {
            for [mean, sd] in moments(kernel, draws) {
                assert!(mean.abs() < 0.08 && (sd - 1.0).abs() < 0.08, "{kernel:?}: {mean} {sd}");
            }
        }
    }

    #[test]
    fn a_density_that_is_never_finite_is_an_error() {
        let kernel = Kernel::Nuts { low_rank: false, target_acceptance: 0.8, max_depth: 10 };
        let result = sample(kernel, [10, 10], Key::new(1), &[0.0], |_, _| f64::NAN, |_| true);
        assert!(result.is_err());
    }
}
