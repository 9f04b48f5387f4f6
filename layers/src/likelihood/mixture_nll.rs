//! The log predictive density of targets under a `Mixture` over posterior draws, and its mean NLL.

use crate::engine::threads::map_tasks;
use crate::engine::{Real, Tape, Tensor};
use crate::likelihood::{Likelihood, check_terms};
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::metrics::{Mixture, Unscaled};
use crate::predictive::Univariate;

impl<L: Univariate + Likelihood<f64, Targets = Tensor<f64>>> Mixture<L> {
    /// The log predictive density of each example, in nats: ln of the mean over draws of the joint density of the
    /// example's elements.
    #[track_caller]
    pub fn log_likelihood<T: Real>(&self, targets: &Tensor<T>) -> Vec<f64> {
        self.check("log_likelihood", targets);
        self.log_likelihood_of_checked(targets)
    }

    fn log_likelihood_of_checked<T: Real>(&self, targets: &Tensor<T>) -> Vec<f64> {
        let (targets, rows, draws) = (targets.cast::<f64>(), self.len(), self.draws());
        let all = self.outputs().draws_and_rows();
        let of_draws: Vec<Vec<f64>> = map_tasks(draws, Tape::inference, |tape, draw| {
            tape.reset();
            let output = tape.input_rows(&all, draw * rows..(draw + 1) * rows);
            let each = self.likelihood().log_likelihood(output, &targets);
            check_terms::<L>(each.shape(), &targets);
            each.value().chunks_exact(each.len() / rows).map(|example| example.iter().sum()).collect()
        });
        (0..rows).map(|row| log_mean_exp(of_draws.iter().map(|nats| nats[row]))).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example.
    #[track_caller]
    pub fn nll<T: Real>(&self, targets: &Tensor<T>) -> f64 {
        self.check("nll", targets);
        -self.log_likelihood_of_checked(targets).iter().sum::<f64>() / self.len() as f64
    }
}

impl<L: Univariate + Likelihood<f64, Targets = Tensor<f64>>> Unscaled<L> {
    /// The log predictive density of each example in nats, of targets in their unit: [`Mixture::log_likelihood`] of the
    /// scaled targets less Σ ln scale.
    ///
    /// # Panics
    /// If there is not one finite target for each element, or if some targets have a probability instead of a density, which
    /// does not change with the unit: use [`scaled`](Unscaled::scaled).
    #[track_caller]
    pub fn log_likelihood<T: Real>(&self, targets: &Tensor<T>) -> Vec<f64> {
        assert!(
            !L::HAS_POINT_MASSES,
            "log_likelihood: some targets of {} have a probability, which does not change with the unit, and others a density, \
             which does; compute it of scaled targets, by `scaled()`",
            std::any::type_name::<L>()
        );
        let scaled = self.scale_targets("log_likelihood", targets);
        let ln_scale: f64 = self.scaling().scale().iter().map(|scale| scale.ln()).sum();
        self.scaled().log_likelihood_of_checked(&scaled).into_iter().map(|nats| nats - ln_scale).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example, of targets in their unit.
    #[track_caller]
    pub fn nll<T: Real>(&self, targets: &Tensor<T>) -> f64 {
        -self.log_likelihood(targets).iter().sum::<f64>() / self.len() as f64
    }
}
