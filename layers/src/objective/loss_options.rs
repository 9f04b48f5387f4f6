//! The options of a loss that do not depend on N: KL weight, tempering, free nats, warm-up.

use crate::engine::{Path, Real};
use crate::model::{Drawn, Kl};
use crate::objective::tempering::Factors;
use crate::objective::{KlWeight, Tempering, WarmUp};
use crate::scalar::{accepted, try_to_scalar};
use crate::scalar_sum::Terms;

/// The options of an [`Objective`](crate::Objective) that do not depend on N.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossOptions {
    pub(super) kl_weight: KlWeight,
    pub(super) tempering: Tempering,
    pub(super) free_nats: f64,
    pub(super) warm_up: Option<WarmUp>,
    /// Whether the weights are a point estimate, whose divergence is −ln p(w).
    at_point: bool,
}

impl LossOptions {
    /// The loss of a point estimate: the negative log joint density, with −ln p(w) in place of the divergence.
    pub(crate) fn of_point_estimate() -> Self {
        LossOptions { at_point: true, ..LossOptions::default() }
    }

    /// The divergence of a draw; −ln p(u) of a point estimate, for the unconstrained numbers u of the weights.
    pub(crate) fn divergence<'t, T: Real>(&self, net: &impl Drawn<'t, T>) -> Kl<'t, T> {
        if !self.at_point {
            return net.kl();
        }
        let mut total = Terms::new();
        net.walk(&Path::ROOT, &mut |_, weight| {
            total.add(weight.log_prior_var());
            if let Some(log_jacobian) = weight.space().log_jacobian_at(weight.value_var()) {
                total.add(log_jacobian);
            }
        });
        Kl(total.var().map(|nats| -nats))
    }

    pub(crate) fn kl_weight(self, kl_weight: KlWeight) -> Self {
        LossOptions { kl_weight, ..self }
    }

    /// # Panics
    /// If its factor is not positive and finite.
    #[track_caller]
    pub(crate) fn tempering(self, tempering: Tempering) -> Self {
        LossOptions { tempering: accepted(tempering.check()), ..self }
    }

    /// # Panics
    /// If `nats` is negative or not finite.
    #[track_caller]
    pub(crate) fn free_nats(self, nats: f64) -> Self {
        assert!(nats >= 0.0 && nats.is_finite(), "Objective: free nats must be at least 0 and finite, got {nats}");
        LossOptions { free_nats: nats, ..self }
    }

    pub(crate) fn warm_up(self, warm_up: WarmUp) -> Self {
        LossOptions { warm_up: Some(warm_up), ..self }
    }

    pub(crate) fn has_warm_up(&self) -> bool {
        self.warm_up.is_some()
    }

    /// The step at which the warm-up has ended; 0 without one.
    pub(crate) fn warm_up_end(&self) -> usize {
        self.warm_up.map_or(0, |warm_up| warm_up.end())
    }

    /// Whether the loss estimates the bound at this step: without tempering and free nats, after the warm-up, and not of a
    /// point estimate.
    pub(crate) fn is_bound(&self, step: usize) -> bool {
        if step < self.warm_up_end() || self.at_point {
            return false;
        }
        let Factors { likelihood, divergence, log_prior } = self.tempering.factors();
        [likelihood, divergence, log_prior] == [1.0, 1.0, 0.0] && self.free_nats == 0.0
    }

    /// Whether the loss has the divergence with the same weight in each step from step `first` on, for `examples`
    /// examples in steps of `size`; an error says why not.
    ///
    /// # Errors
    /// The option because of which it is not.
    pub(crate) fn check_steady(&self, first: usize, examples: usize, size: usize) -> Result<(), String> {
        if self.at_point {
            return Err("a point estimate (`Map`) has no divergence".to_owned());
        }
        if first < self.warm_up_end() {
            return Err("a warm-up changes the divergence's weight".to_owned());
        }
        if self.free_nats > 0.0 {
            return Err("free nats take the divergence of some weights out of the loss".to_owned());
        }
        let batches = examples.div_ceil(size);
        let share = |step| self.kl_weight.share(step, batches, size.min(examples - step * size), examples as f64);
        let is_steady = (1..batches).all(|step| (share(step) - share(0)).abs() <= 1e-9 * share(0));
        if is_steady { Ok(()) } else { Err(format!("{:?} gives it another weight from step to step", self.kl_weight)) }
    }

    /// Checks that the factors of the terms are finite and not zero in `T`.
    ///
    /// # Errors
    /// The first that is zero or infinite.
    pub(crate) fn check_in<T: Real>(&self) -> Result<(), String> {
        let Factors { likelihood, divergence, .. } = self.tempering.factors();
        for factor in [likelihood, divergence] {
            try_to_scalar::<T>(format_args!("Objective: {:?}: a factor", self.tempering), factor)?;
        }
        try_to_scalar::<T>("Objective: a number of free nats", self.free_nats).map(|_| ())
    }

    /// Checks the divergence's weights in an epoch of `batches` steps.
    ///
    /// # Errors
    /// If a custom function returns a negative or non-finite weight.
    pub(crate) fn check_shares(&self, batches: usize) -> Result<(), String> {
        self.kl_weight.check(batches)
    }

    #[track_caller]
    pub(super) fn assert_in<T: Real>(&self) {
        if let Err(mistake) = self.check_in::<T>() {
            panic!("{mistake}");
        }
    }

    /// Whether the loss has ln p(w) of the draw as a term.
    pub(super) fn needs_log_prior(&self) -> bool {
        self.tempering.factors().log_prior != 0.0
    }
}
