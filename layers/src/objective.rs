//! The objective: the two terms of the evidence lower bound, joined in one place.

use crate::{Gradients, Kl, MeanNll, Real, Var};

/// The negative evidence lower bound per example, (Σ NLL + KL)/N, estimated from minibatches.
///
/// N, the number of training examples, is given once, here. A step's loss is
///
/// (M/N) · (Σ NLL over the batch + KL/M)
///
/// with M batches an epoch, so that the plain mean over an epoch's steps is the full-batch value, a
/// ragged last batch included; with equal batches it is the familiar mean NLL + KL/N (Graves 2011;
/// Blundell et al. 2015, eq. 8). Where M is not known, as in a stream, it is mean NLL + KL/N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective {
    examples: usize,
    batches: Option<usize>,
}

impl Objective {
    /// For a training set of `examples` examples (N), in batches that are all of one size or come
    /// from a stream.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(examples: usize) -> Self {
        assert!(examples > 0, "Objective: N, the number of training examples, must be positive");
        Objective { examples, batches: None }
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

    /// N.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Joins a step's two terms. The step's number is for weights that change with it; 1/N does not.
    pub fn loss<'t, T: Real>(&self, nll: MeanNll<'t, T>, kl: Kl<'t, T>, step: usize) -> Loss<'t, T> {
        let _ = step;
        let examples = self.examples as f64;
        let nll_weight = self.batches.map_or(1.0, |batches| batches as f64 * nll.examples() as f64 / examples);
        Loss { nll, kl, nll_weight, kl_weight: 1.0 / examples }
    }
}

/// A step's loss in nats per example: both terms, apart, and their weights.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'t, T: Real = f32> {
    nll: MeanNll<'t, T>,
    kl: Kl<'t, T>,
    nll_weight: f64,
    kl_weight: f64,
}

impl<'t, T: Real> Loss<'t, T> {
    /// The loss, in nats per example.
    pub fn value(&self) -> f64 {
        self.nll_weight * self.nll.nats() + self.kl_weight * self.kl.nats()
    }

    /// The batch's negative log-likelihood.
    pub fn nll(&self) -> MeanNll<'t, T> {
        self.nll
    }

    /// The divergence, unweighted.
    pub fn kl(&self) -> Kl<'t, T> {
        self.kl
    }

    /// What the mean negative log-likelihood is multiplied by: 1 for equal batches.
    pub fn nll_weight(&self) -> f64 {
        self.nll_weight
    }

    /// What the divergence is multiplied by.
    pub fn kl_weight(&self) -> f64 {
        self.kl_weight
    }

    /// Adds the loss's gradient to `gradients`, in one sweep over the tape.
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward(&self, gradients: &mut Gradients<T>) {
        let nll: (Var<'t, T>, T) = (self.nll.var(), T::from_f64(self.nll_weight));
        let tape = nll.0.tape();
        match self.kl.0 {
            Some(kl) => tape.backward(&[nll, (kl, T::from_f64(self.kl_weight))], gradients),
            None => tape.backward(&[nll], gradients),
        }
    }
}
