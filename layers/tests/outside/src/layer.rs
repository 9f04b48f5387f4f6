//! A user-defined layer: ln cosh of an affine map, written with `#[bayesian]`.

use bayes::prelude::*;

use crate::{Isotropic, LogCosh};

/// ln cosh of an affine map: (.., inputs) to (.., outputs), with any posterior family and any prior.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Smooth<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs).
    #[prior(self.prior)]
    pub weight: Q,
    /// b, of shape (outputs).
    #[prior(self.prior)]
    pub bias: Q,
    /// The prior of W and b.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Smooth<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the length of the last axis of `x` is not the number of inputs.
    #[track_caller]
    #[must_use]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.affine(self.weight, self.bias).log_cosh()
    }
}

impl<T: Real, P: PriorFor<T>> Smooth<Isotropic<T>, P>
where
    Isotropic<T>: Divergence<P, Scalar = T>,
{
    /// A layer whose standard deviations start at 0.1.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, prior: P) -> Self {
        Smooth { weight: Isotropic::new([outputs, inputs], 0.1), bias: Isotropic::new([outputs], 0.1), prior }
    }
}
