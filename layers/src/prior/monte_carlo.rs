//! Asking for a Monte Carlo estimate of a divergence.

use crate::{Prior, Real, Var};

/// The prior `P`, with the divergence from it estimated at the weights drawn: ln q(w) − ln p(w)
/// (Blundell et al. 2015, eq. 2), even where there is a closed form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonteCarlo<P>(
    /// The prior.
    pub P,
);

impl<P: Prior> Prior for MonteCarlo<P> {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        self.0.log_density(w)
    }
}
