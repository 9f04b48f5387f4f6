//! The settings that `fit` chooses with an automatic optimiser, where the user has set none.

use crate::engine::{Path, Real};
use crate::infer::vi::options::Options;
use crate::infer::vi::{Clip, Elbo};
use crate::model::Drawn;
use crate::objective::WarmUp;
use crate::optim::Optimizer;
use crate::sampling::{Estimator, Estimators};

/// The batch size that is not chosen.
const BATCH: usize = 128;

/// Up to this many examples are one batch: a step's noise then comes from the weights alone.
const ONE_BATCH: usize = 512;

/// The chosen batch size of more examples.
const CHOSEN_BATCH: usize = 64;

/// Gradients are clipped at this multiple of their running mean norm.
const CLIP: f64 = 8.0;

/// The share of a training in which the divergence's weight grows to 1, so that weights are not given up before the data
/// have used them.
const WARM_UP: f64 = 0.1;

/// The longest chosen warm-up, in steps: after a longer one, weights that cost more than they explain are given up too late.
const LONGEST_WARM_UP: usize = 1200;

impl<L, O> Elbo<L, O> {
    /// The size of a batch of `examples` examples.
    pub(super) fn batch_size_for(&self, examples: usize) -> usize
    where
        O: Optimizer,
    {
        self.options.batch_size.unwrap_or(match self.optimizer.is_automatic() {
            false => BATCH,
            true if examples <= ONE_BATCH => examples.max(1),
            true => CHOSEN_BATCH,
        })
    }

    /// The examples of a step with batches of this size.
    pub(super) fn step_size(&self, batch_size: usize) -> usize {
        batch_size.saturating_mul(self.options.accumulated)
    }

    /// The batch size of an evaluation: that of the last training.
    pub(super) fn evaluation_batch(&self) -> usize {
        self.options.batch_size.or(self.last_batch_size).unwrap_or(BATCH)
    }
}

impl Options {
    /// Chooses what is not set if the optimiser is automatic, for a training of `steps` steps.
    pub(super) fn chosen(&self, automatic: bool, steps: usize, is_first: bool) -> Options {
        let mut options = self.clone();
        if !automatic {
            return options;
        }
        options.clip = self.clip.or(Some(Clip::Outliers(CLIP)));
        let growth = ((WARM_UP * steps as f64) as usize).min(LONGEST_WARM_UP);
        // A model that is trained further has used its weights.
        if !self.loss.has_warm_up() && !self.draw.at_point && is_first && growth > 0 {
            options.loss = options.loss.warm_up(WarmUp::linear(growth));
        }
        options
    }
}

/// Local reparameterisation for the weights of a draw that allow it without approximation, as the forward has used them: those
/// with independent normal elements that are used once, on one row of features for each of the `examples`. Its gradients
/// have less noise, because each example has noise of its own. Other weights are sampled.
pub(super) fn estimators<'t, T: Real>(net: &impl Drawn<'t, T>, examples: usize) -> Estimators {
    let (mut local, mut all) = (Vec::new(), true);
    net.walk(&Path::ROOT, &mut |path, weight| {
        let allows = weight.allows_local(examples);
        all &= allows;
        if allows {
            local.push(path.to_string());
        }
    });
    if all {
        return Estimators::all(Estimator::Local);
    }
    local.iter().fold(Estimators::default(), |estimators, name| estimators.set(name, Estimator::Local))
}
