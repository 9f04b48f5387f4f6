//! `Projection`: a linear map whose bias is optional.

use crate::divergence::Divergence;
use crate::engine::{Real, Shape, Var};
use crate::estimator::Weight;
use crate::nn::Bias;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// x · Wᵀ + b: (.., inputs) to (.., outputs), with an optional bias: the output of [`MultiHeadAttention`](super::MultiHeadAttention),
/// and a [`Dense`](super::Dense) [without a bias](super::Dense::without_bias).
#[bayesian]
#[derive(Clone, Debug)]
pub struct Projection<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// W, of shape (outputs, inputs).
    #[prior(self.prior)]
    pub weight: Q,
    /// b, of shape (outputs), if there is a bias.
    pub bias: Option<Bias<Q, P>>,
    /// The prior of the weight; the bias has its own copy.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Projection<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        affine(x, self.weight, self.bias.map(|bias| bias.value))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> Projection<Q, P> {
    /// A projection of any posterior family under any prior.
    #[track_caller]
    pub(super) fn of([outputs, inputs]: [usize; 2], posterior: &mut impl FnMut(Shape) -> Q, prior: P) -> Self {
        let weight = posterior([outputs, inputs].into());
        let bias = Some(Bias { value: posterior([outputs].into()), prior: prior.clone() });
        Projection { weight, bias, prior }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> Projection<Q, R>
    where
        Q: Divergence<R>,
    {
        let bias = self.bias.map(|bias| bias.under(prior.clone()));
        Projection { weight: self.weight, bias, prior }
    }
}

initial_sd!(Projection: weight, bias);

/// x · wᵀ + b, if there is a bias.
#[track_caller]
pub(super) fn affine<'t, T: Real>(x: Var<'t, T>, w: Weight<'t, T>, b: Option<Weight<'t, T>>) -> Var<'t, T> {
    match b {
        Some(b) => x.affine(w, b),
        None => x.linear(w),
    }
}
