//! A step's loss.

use crate::{Gradients, Kl, MeanNll, Real, Var};

/// A step's loss in nats per example: both terms, apart, and their weights.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'t, T: Real = f32> {
    nll: MeanNll<'t, T>,
    kl: Kl<'t, T>,
    nll_weight: f64,
    kl_weight: f64,
}

impl<'t, T: Real> Loss<'t, T> {
    pub(super) fn new(nll: MeanNll<'t, T>, kl: Kl<'t, T>, nll_weight: f64, kl_weight: f64) -> Self {
        Loss { nll, kl, nll_weight, kl_weight }
    }

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
        let nll = self.weighted_nll();
        let tape = nll.0.tape();
        match self.weighted_kl() {
            Some(kl) => tape.backward(&[nll, kl], gradients),
            None => tape.backward(&[nll], gradients),
        }
    }

    /// Adds the gradient of the weighted likelihood term to `nll` and that of the weighted divergence to `kl`: the two
    /// forces on every parameter, whose sum is what [`backward`](Self::backward) gives.
    ///
    /// It is a sweep for each term. The divergence's goes through what the weights were drawn by, and not through the
    /// network.
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward_apart(&self, nll: &mut Gradients<T>, kl: &mut Gradients<T>) {
        let likelihood = self.weighted_nll();
        let tape = likelihood.0.tape();
        tape.backward(&[likelihood], nll);
        if let Some(divergence) = self.weighted_kl() {
            tape.backward(&[divergence], kl);
        }
    }

    fn weighted_nll(&self) -> (Var<'t, T>, T) {
        (self.nll.var(), T::from_f64(self.nll_weight))
    }

    fn weighted_kl(&self) -> Option<(Var<'t, T>, T)> {
        self.kl.var().map(|kl| (kl, T::from_f64(self.kl_weight)))
    }
}
