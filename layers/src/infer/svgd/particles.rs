//! `Particles`: what Stein variational gradient descent has found, as samples of the weights.

use std::fmt;
use std::ops::Deref;

use crate::engine::{Parameters, Tape};
use crate::infer::vi::Report;
use crate::model::Bayesian;
use crate::samples::{DrawOf, KeptDraws, Samples, ScalarOf};
use crate::weights::Weights;

/// The particles of [`Svgd`](crate::Svgd), as [`Samples`](crate::Samples) of the weights: one draw for each. They have
/// the methods of [`Predict`](crate::Predict). `M` is a pointer to the model.
pub struct Particles<M: Deref<Target: Parameters>> {
    pub(super) draws: KeptDraws<M>,
    pub(super) report: Report,
    pub(super) bandwidth: Option<f64>,
}

impl<M: Deref<Target: Bayesian + Sized>> Particles<M> {
    /// The weights of each particle.
    pub fn weights(&self) -> &[Weights<<M::Target as Parameters>::Scalar>] {
        self.draws.weights()
    }

    /// The training, epoch by epoch: NLL, −ln p(w) and the log joint density are means over the particles.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The kernel's bandwidth h at the last step, in squared units of the unconstrained weights; `None` for a single
    /// particle, and without a step.
    pub fn bandwidth(&self) -> Option<f64> {
        self.bandwidth
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for Particles<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        self.draws.model()
    }

    fn count(&self) -> usize {
        self.draws.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        self.draws.draw(tape, index)
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for Particles<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Particles")
            .field("draws", &self.draws)
            .field("bandwidth", &self.bandwidth)
            .finish_non_exhaustive()
    }
}
