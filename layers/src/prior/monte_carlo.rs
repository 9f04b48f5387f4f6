//! Asking for a Monte Carlo estimate of a divergence.

use crate::engine::{Real, Var};
use crate::prior::Own;
use crate::prior::Prior;

/// The prior `P`, with the divergence from it estimated at the weights drawn: ln q(w) − ln p(w)
/// (Blundell et al. 2015, eq. 2), even where there is a closed form.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct MonteCarlo<P>(
    /// The prior.
    pub P,
);

impl<P> MonteCarlo<P> {
    /// The same for a prior that stands elsewhere.
    pub fn of(prior: &P) -> &Self {
        // SAFETY: `MonteCarlo<P>` is transparent, so it has the layout of `P`, and adds no rule to its values.
        unsafe { &*std::ptr::from_ref(prior).cast() }
    }
}

impl<P: Prior> Prior for MonteCarlo<P> {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        self.0.log_density(w)
    }

    fn log_density_given<'t, T: Real>(&self, w: Var<'t, T>, own: Var<'t, T>) -> Var<'t, T> {
        self.0.log_density_given(w, own)
    }

    fn own<T: Real>(&self) -> Option<&dyn Own<T>> {
        self.0.own()
    }

    fn own_mut<T: Real>(&mut self) -> Option<&mut dyn Own<T>> {
        self.0.own_mut()
    }
}
