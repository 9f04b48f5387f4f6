//! The objective: the two terms of the evidence lower bound, joined in one place.

mod kl_weight;
mod loss;
mod tempering;
mod warm_up;

pub use kl_weight::KlWeight;
pub use loss::Loss;
pub use tempering::Tempering;
pub use warm_up::WarmUp;

use crate::{Kl, MeanNll, Real};

/// The negative evidence lower bound per example, (Σ NLL + KL)/N, estimated from minibatches.
///
/// N, the number of training examples, is given once, here. Step i's loss is
///
/// (M/N) · (Σ NLL over the batch + wᵢ KL)
///
/// with M batches an epoch and Σ wᵢ = 1, so that the plain mean over an epoch's steps is the full-batch value, a ragged
/// last batch included. The wᵢ are a [`KlWeight`]; with equal batches and wᵢ = 1/M it is the familiar mean NLL + KL/N
/// (Graves 2011; Blundell et al. 2015, eq. 8). Where M is not known, as in a stream, it is mean NLL + KL/N.
///
/// What changes the bound itself is said apart: a [`Tempering`] for good, a [`WarmUp`] for a while.
#[derive(Clone, Debug)]
#[must_use]
pub struct Objective {
    examples: usize,
    batches: Option<usize>,
    kl_weight: KlWeight,
    tempering: Tempering,
    warm_up: Option<WarmUp>,
}

impl Objective {
    /// For a training set of `examples` examples (N), in batches that are all of one size or come from a stream.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(examples: usize) -> Self {
        assert!(examples > 0, "Objective: N, the number of training examples, must be positive");
        Objective { examples, batches: None, kl_weight: KlWeight::PerBatch, tempering: Tempering::None, warm_up: None }
    }

    /// With `batches` batches an epoch (M), of any sizes that add up to N.
    ///
    /// # Panics
    /// If there are none, or more than examples.
    #[track_caller]
    pub fn batches(self, batches: usize) -> Self {
        assert!(
            batches > 0 && batches <= self.examples,
            "Objective: M, the number of batches an epoch, must be between 1 and N = {}, got {batches}",
            self.examples
        );
        Objective { batches: Some(batches), ..self }
    }

    /// With the divergence shared out among an epoch's steps in this way.
    pub fn kl_weight(self, kl_weight: KlWeight) -> Self {
        Objective { kl_weight, ..self }
    }

    /// With one of the terms tempered.
    ///
    /// # Panics
    /// If its number is not positive and finite.
    #[track_caller]
    pub fn tempering(self, tempering: Tempering) -> Self {
        tempering.check();
        Objective { tempering, ..self }
    }

    /// With the divergence growing to its full weight.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        Objective { warm_up: Some(warm_up), ..self }
    }

    /// N.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Joins a step's two terms. The step's number, from 0 and on through all epochs, is for weights that change with
    /// it.
    ///
    /// # Panics
    /// If N, or M, leaves no room for a batch of this size, if the weight needs M and there is none, or if a weight of your
    /// own is negative or not finite.
    #[track_caller]
    pub fn loss<'t, T: Real>(&self, nll: MeanNll<'t, T>, kl: Kl<'t, T>, step: usize) -> Loss<'t, T> {
        let (n, batch) = (self.examples as f64, nll.examples());
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
                (per_example * batch as f64, per_example * self.kl_weight.share(step % batches, batches, batch, n))
            }
            None => {
                assert!(
                    batch <= self.examples,
                    "Objective::loss: a batch of {batch} examples, of N = {} in all; N is the number of training \
                     examples, not of a batch's",
                    self.examples
                );
                self.kl_weight.check_stream();
                (1.0, 1.0 / n)
            }
        };
        let (likelihood, divergence) = self.tempering.factors();
        let growth = self.warm_up.map_or(1.0, |warm_up| warm_up.factor(step));
        Loss::new(nll, kl, nll_weight * likelihood, kl_weight * divergence * growth)
    }
}
