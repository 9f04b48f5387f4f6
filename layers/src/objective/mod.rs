//! `Objective`: the negative ELBO of a minibatch, from its likelihood and divergence, with KL weights, tempering and
//! warm-up.

mod kl_weight;
mod loss;
mod loss_options;
mod safe_bayes;
#[cfg(feature = "serde")]
mod saved;
mod tempering;
mod warm_up;

pub use kl_weight::KlWeight;
pub use loss::Loss;
pub(crate) use loss_options::LossOptions;
pub use safe_bayes::{SafeBayes, SafeBayesRow, SafeBayesTable};
pub use tempering::Tempering;
#[cfg(feature = "serde")]
pub(crate) use warm_up::Shape as WarmUpShape;
pub use warm_up::WarmUp;

use crate::engine::Real;
use crate::likelihood::MeanNll;
use crate::model::{Drawn, Kl};
use loss::{PriorTerms, Weights};
use tempering::Factors;

/// The negative evidence lower bound per example, (Σ NLL + KL)/N, estimated from minibatches.
///
/// N, the number of training examples, is set here once; [`Elbo`](crate::Elbo) takes it from its data. Step i's loss is
///
/// (M/N) · (Σ NLL over the batch + wᵢ KL)
///
/// with M batches per epoch and Σ wᵢ = 1, so that the mean over an epoch's steps is the full-batch value, even if the
/// last batch is smaller. The wᵢ are a [`KlWeight`]; with equal batches and wᵢ = 1/M it is the familiar mean NLL + KL/N
/// (Graves 2011; Blundell et al. 2015, eq. 8). If M is unknown, as in a stream, it is mean NLL + KL/N.
///
/// Three options change the bound itself: [`Tempering`] permanently, [`WarmUp`] temporarily, and
/// [`free_nats`](Objective::free_nats) for weights close to their priors.
#[derive(Clone, Debug)]
#[must_use]
pub struct Objective {
    examples: usize,
    batches: Option<usize>,
    options: LossOptions,
}

/// A part of a step's examples: whether it has the prior's terms, as one part does; the number of examples of all parts; and a
/// factor of the step's divergence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) has_prior: bool,
    pub(crate) examples: usize,
    pub(crate) factor: f64,
}

impl Objective {
    /// Makes an objective for `examples` training examples (N), in equal batches or a stream.
    ///
    /// # Panics
    /// If `examples` is 0.
    #[track_caller]
    pub fn new(examples: usize) -> Self {
        assert!(examples > 0, "Objective: N, the number of training examples, must be positive");
        Objective { examples, batches: None, options: LossOptions::default() }
    }

    /// For `examples` examples in `batches` batches per epoch, both positive.
    pub(crate) fn with_options(examples: usize, batches: usize, options: LossOptions) -> Self {
        Objective { examples, batches: Some(batches), options }
    }

    /// Sets the number of batches per epoch (M), of any sizes that sum to N.
    ///
    /// # Panics
    /// If it is 0 or exceeds the number of examples.
    #[track_caller]
    pub fn num_batches(self, batches: usize) -> Self {
        assert!(
            batches > 0 && batches <= self.examples,
            "Objective: M, the number of batches per epoch, must be between 1 and N = {}, got {batches}",
            self.examples
        );
        Objective { batches: Some(batches), ..self }
    }

    /// Sets how the divergence is distributed over the steps of an epoch.
    pub fn kl_weight(self, kl_weight: KlWeight) -> Self {
        Objective { options: self.options.kl_weight(kl_weight), ..self }
    }

    /// Tempers a term of the bound.
    ///
    /// # Panics
    /// If its factor is not positive and finite.
    #[track_caller]
    pub fn tempering(self, tempering: Tempering) -> Self {
        Objective { options: self.options.tempering(tempering), ..self }
    }

    /// Sets free nats: the divergence of each weight tensor (not of each element) counts as max(`nats`, KL), so that
    /// its gradient is zero below `nats` (Kingma et al. 2016, "Improving Variational Inference with Inverse
    /// Autoregressive Flow", eq. 15, with weight tensors as the groups). The loss is then at least the negative bound;
    /// reports show the full divergence.
    ///
    /// Use it with [`loss_of`](Self::loss_of), which takes the draw and so each weight's divergence;
    /// [`loss`](Self::loss) panics.
    ///
    /// # Panics
    /// If `nats` is negative or not finite.
    #[track_caller]
    pub fn free_nats(self, nats: f64) -> Self {
        Objective { options: self.options.free_nats(nats), ..self }
    }

    /// Sets a warm-up of the divergence's weight (KL annealing). The prior's other terms are scaled alike.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        Objective { options: self.options.warm_up(warm_up), ..self }
    }

    /// The divergence of a draw, as the loss counts it.
    pub(crate) fn divergence<'t, T: Real>(&self, net: &impl Drawn<'t, T>) -> Kl<'t, T> {
        self.options.divergence(net)
    }

    /// The number of training examples, N.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Combines a step's two terms. `step` counts from 0 and on through all epochs, for weights that change with it.
    ///
    /// # Panics
    /// If a batch of this size contradicts N or M, if the KL weight needs M and it is not set, if a custom weight is
    /// negative or not finite, if a tempering's factor or the free nats are zero or infinite in `T`, or if the
    /// objective needs the draw itself: use [`loss_of`](Self::loss_of).
    #[track_caller]
    pub fn loss<'t, T: Real>(&self, nll: MeanNll<'t, T>, kl: Kl<'t, T>, step: usize) -> Loss<'t, T> {
        self.options.assert_in::<T>();
        let needs = |what: &str| format!("Objective::loss: {what}; call `loss_of(nll, &net, step)` instead");
        let tempered = self.options.needs_log_prior();
        assert!(
            !tempered,
            "{}",
            needs(&format!("{:?} needs the log prior density of the draw", self.options.tempering))
        );
        assert!(self.options.free_nats == 0.0, "{}", needs("free nats need the divergence of each weight"));
        let weights = self.weights(nll.examples(), step);
        Loss::new(nll, PriorTerms::of(kl), weights)
    }

    /// Combines a step's likelihood with the prior's terms of the draw `net`. Like [`loss`](Self::loss) with
    /// `net.kl()`, but for every objective.
    ///
    /// # Panics
    /// As [`loss`](Self::loss), except for the last reason.
    #[track_caller]
    pub fn loss_of<'t, T: Real>(&self, nll: MeanNll<'t, T>, net: &impl Drawn<'t, T>, step: usize) -> Loss<'t, T> {
        self.loss_of_batch(nll, net, step, Part { has_prior: true, examples: nll.examples(), factor: 1.0 })
    }

    /// [`loss_of`](Self::loss_of) for one of the parts of a step. The sum over them is the step's loss.
    #[track_caller]
    pub(crate) fn loss_of_batch<'t, T: Real>(
        &self,
        nll: MeanNll<'t, T>,
        net: &impl Drawn<'t, T>,
        step: usize,
        part: Part,
    ) -> Loss<'t, T> {
        self.options.assert_in::<T>();
        let mut weights = self.weights(part.examples, step);
        weights.nll *= nll.examples() as f64 / part.examples as f64;
        weights.kl *= part.factor;
        let prior = if part.has_prior {
            let divergence = self.divergence(net);
            PriorTerms::drawn(net, divergence, self.options.free_nats, self.options.needs_log_prior())
        } else {
            PriorTerms::NONE
        };
        Loss::new(nll, prior, weights)
    }

    /// The weights of a step's terms.
    #[track_caller]
    fn weights(&self, batch: usize, step: usize) -> Weights {
        let n = self.examples as f64;
        let (nll_weight, kl_weight) = match self.batches {
            Some(batches) => {
                // Every other batch has at least one example.
                let most = self.examples + 1 - batches;
                assert!(
                    batch <= most,
                    "Objective::loss: a batch of {batch} examples, but with N = {} examples in M = {batches} batches \
                     per epoch a batch has at most {most}; M is the number of batches, not their size",
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
                    "Objective::loss: a batch of {batch} examples, but N = {}; N is the number of training examples, \
                     not of a batch's",
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
