//! The log predictive density of targets under a `Mixture` over posterior draws, and its mean NLL.

use crate::engine::threads::map_tasks;
use crate::engine::{Tape, Tensor};
use crate::likelihood::{Likelihood, check_terms};
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::metrics::number_targets::{InDouble, counted};
use crate::metrics::{Mixture, NumberTargets, Unscaled};
use crate::predictive::Univariate;

impl<L: Univariate + Likelihood<f64, Targets = Tensor<f64>>> Mixture<L> {
    /// The log predictive density of each example, in nats: ln of the mean over draws of the joint density of the
    /// example's elements.
    #[track_caller]
    pub fn log_likelihood<Y: NumberTargets>(&self, targets: &Y) -> Vec<f64> {
        self.check("log_likelihood", targets);
        self.log_likelihood_of_checked(&InDouble::of(targets))
    }

    fn log_likelihood_of_checked(&self, targets: &InDouble) -> Vec<f64> {
        let (rows, draws, counts) = (self.len(), self.draws(), counted(targets));
        let all = self.outputs().draws_and_rows();
        let of_draws: Vec<Vec<f64>> = map_tasks(draws, Tape::inference, |tape, draw| {
            tape.reset();
            let output = tape.input_rows(&all, draw * rows..(draw + 1) * rows);
            let each = self.likelihood().log_likelihood(output, &targets.numbers);
            check_terms::<L>(each.shape(), &targets.numbers);
            let masked = targets.mask().map_or(rows, Tensor::len);
            assert!(
                masked == rows || masked == each.len(),
                "log_likelihood: the mask has {masked} entries, but the log-likelihood has {} terms; mask whole examples, by \
                 a mask of shape ({rows})",
                each.len()
            );
            // Terms are of elements, or of examples.
            let elements = targets.numbers.len() / each.len();
            let terms = each.value().iter().enumerate().map(|(i, &nats)| if counts(i * elements) { nats } else { 0.0 });
            let terms: Vec<f64> = terms.collect();
            terms.chunks_exact(each.len() / rows).map(|example| example.iter().sum()).collect()
        });
        (0..rows).map(|row| log_mean_exp(of_draws.iter().map(|nats| nats[row]))).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example.
    #[track_caller]
    pub fn nll<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.check("nll", targets);
        -self.log_likelihood_of_checked(&InDouble::of(targets)).iter().sum::<f64>() / self.len() as f64
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
    pub fn log_likelihood<Y: NumberTargets>(&self, targets: &Y) -> Vec<f64> {
        assert!(
            !L::HAS_POINT_MASSES,
            "log_likelihood: some targets of {} have a probability, which does not change with the unit, and others a density, \
             which does; compute it of scaled targets, by `scaled()`",
            std::any::type_name::<L>()
        );
        let scaled = self.scale_targets("log_likelihood", targets);
        let (counts, width) = (counted(&scaled), self.width());
        let ln_scales: Vec<f64> = self.scaling().scale().iter().map(|scale| scale.ln()).collect();
        let of_row = |row: usize| -> f64 {
            (0..width).filter(|&column| counts(row * width + column)).map(|column| ln_scales[column]).sum()
        };
        let nats = self.scaled().log_likelihood_of_checked(&scaled);
        nats.into_iter().enumerate().map(|(row, nats)| nats - of_row(row)).collect()
    }

    /// The negative log-likelihood of the predictive distribution, in nats per example, of targets in their unit.
    #[track_caller]
    pub fn nll<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        -self.log_likelihood(targets).iter().sum::<f64>() / self.len() as f64
    }
}
