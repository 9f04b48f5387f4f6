//! The objective: the two terms of the evidence lower bound, joined in one place.

mod kl_weight;
mod loss;
mod loss_options;
mod safe_bayes;
mod tempering;
mod warm_up;

pub use kl_weight::KlWeight;
pub use loss::Loss;
pub(crate) use loss_options::LossOptions;
pub use safe_bayes::{SafeBayes, SafeBayesRow, SafeBayesTable};
pub use tempering::Tempering;
pub use warm_up::WarmUp;

use crate::engine::Real;
use crate::likelihood::MeanNll;
use crate::model::{Drawn, Kl};
use loss::{PriorTerms, Weights};
use tempering::Factors;

/// The negative evidence lower bound per example, (Σ NLL + KL)/N, estimated from minibatches.
///
/// N, the number of training examples, is given once, here; [`Elbo`](crate::Elbo) takes it from its data. Step i's loss is
///
/// (M/N) · (Σ NLL over the batch + wᵢ KL)
///
/// with M batches an epoch and Σ wᵢ = 1, so that the plain mean over an epoch's steps is the full-batch value, a ragged
/// last batch included. The wᵢ are a [`KlWeight`]; with equal batches and wᵢ = 1/M it is the familiar mean NLL + KL/N
/// (Graves 2011; Blundell et al. 2015, eq. 8). Where M is not known, as in a stream, it is mean NLL + KL/N.
///
/// What changes the bound itself is said apart: a [`Tempering`] for good, a [`WarmUp`] for a while,
/// [`free_nats`](Objective::free_nats) for weights that are close to their priors.
#[derive(Clone, Debug)]
#[must_use]
pub struct Objective {
    examples: usize,
    batches: Option<usize>,
    options: LossOptions,
}

impl Objective {
    /// For a training set of `examples` examples (N), in batches that are all of one size or come from a stream.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(examples: usize) -> Self {
        assert!(examples > 0, "Objective: N, the number of training examples, must be positive");
        Objective { examples, batches: None, options: LossOptions::default() }
    }

    /// For `examples` examples in `batches` batches an epoch, both positive.
    pub(crate) fn with_options(examples: usize, batches: usize, options: LossOptions) -> Self {
        Objective { examples, batches: Some(batches), options }
    }

    /// With `batches` batches an epoch (M), of any sizes that add up to N.
    ///
    /// # Panics
    /// If there are none, or more than examples.
    #[track_caller]
    pub fn num_batches(self, batches: usize) -> Self {
        assert!(
            batches > 0 && batches <= self.examples,
            "Objective: M, the number of batches an epoch, must be between 1 and N = {}, got {batches}",
            self.examples
        );
        Objective { batches: Some(batches), ..self }
    }

    /// With the divergence shared out among an epoch's steps in this way.
    pub fn kl_weight(self, kl_weight: KlWeight) -> Self {
        Objective { options: self.options.kl_weight(kl_weight), ..self }
    }

    /// With terms tempered.
    ///
    /// # Panics
    /// If its number is not positive and finite.
    #[track_caller]
    pub fn tempering(self, tempering: Tempering) -> Self {
        Objective { options: self.options.tempering(tempering), ..self }
    }

    /// With so many nats of each weight's divergence free: the divergence of a weight (of the tensor that a field is, not
    /// of each element) counts as max(`nats`, KL), so that it is pressed down no further than that and its gradient is zero
    /// below (Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow", eq. 15, whose
    /// groups are parameters here). The loss is then at least the bound's; reports give the divergence as it is.
    ///
    /// The [`loss_of`](Self::loss_of) a draw knows each weight's divergence; [`loss`](Self::loss) does not.
    ///
    /// # Panics
    /// If the number is negative or not finite.
    #[track_caller]
    pub fn free_nats(self, nats: f64) -> Self {
        Objective { options: self.options.free_nats(nats), ..self }
    }

    /// With the divergence growing to its full weight; what else the prior contributes grows with it.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        Objective { options: self.options.warm_up(warm_up), ..self }
    }

    /// N.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Joins a step's two terms. The step's number, from 0 and on through all epochs, is for weights that change with
    /// it.
    ///
    /// # Panics
    /// If N, or M, leaves no room for a batch of this size, if the weight needs M and there is none, if a weight of your
    /// own is negative or not finite, if a tempering's factor or the free nats are not numbers in `T`, or if the objective
    /// needs more of a draw than its divergence: see
    /// [`loss_of`](Self::loss_of).
    #[track_caller]
    pub fn loss<'t, T: Real>(&self, nll: MeanNll<'t, T>, kl: Kl<'t, T>, step: usize) -> Loss<'t, T> {
        self.options.assert_in::<T>();
        let needs = |what: &str| format!("Objective::loss: {what}; write `loss_of(nll, &net, step)`");
        let tempered = self.options.needs_log_prior();
        assert!(!tempered, "{}", needs(&format!("{:?} needs the prior's density of the draw", self.options.tempering)));
        assert!(self.options.free_nats == 0.0, "{}", needs("free nats need the divergence of each weight"));
        let weights = self.weights(nll.examples(), step);
        Loss::new(nll, PriorTerms::of(kl), weights)
    }

    /// Joins a step's likelihood with what the draw `net` contributes: [`loss`](Self::loss) with `net.kl()`, and for every
    /// objective.
    ///
    /// # Panics
    /// As [`loss`](Self::loss), but for the last reason.
    #[track_caller]
    pub fn loss_of<'t, T: Real>(&self, nll: MeanNll<'t, T>, net: &impl Drawn<'t, T>, step: usize) -> Loss<'t, T> {
        self.options.assert_in::<T>();
        let weights = self.weights(nll.examples(), step);
        Loss::new(nll, PriorTerms::drawn(net, self.options.free_nats, self.options.needs_log_prior()), weights)
    }

    /// The weights of a step's terms.
    #[track_caller]
    fn weights(&self, batch: usize, step: usize) -> Weights {
        let n = self.examples as f64;
        let (nll_weight, kl_weight) = match self.batches {
            Some(batches) => {
                // Every other batch has an example at least.
                let most = self.examples + 1 - batches;
                assert!(
                    batch <= most,
                    "Objective::loss: a batch of {batch} examples, of N = {} in M = {batches} batches an epoch, which \
                     leave it at most {most}; M is the number of batches, not their size",
                    self.examples
                );
                let per_example = batches as f64 / n;
                (
                    per_example * batch as f64,
                    per_example * self.options.kl_weight.share(step % batches, batches, batch, n),
                )
            }
            None => {
                assert!(
                    batch <= self.examples,
                    "Objective::loss: a batch of {batch} examples, of N = {} in all; N is the number of training \
                     examples, not of a batch's",
                    self.examples
                );
                self.options.kl_weight.check_stream();
                (1.0, 1.0 / n)
            }
        };
        let Factors { likelihood, divergence, log_prior } = self.options.tempering.factors();
        let share = kl_weight * self.options.warm_up.map_or(1.0, |warm_up| warm_up.factor(step));
        Weights { nll: nll_weight * likelihood, kl: share * divergence, log_prior: share * log_prior }
    }
}
