//! `Fixed`: a model without randomness and without a prior.

use std::ops::Deref;

use crate::engine::{Parameters, Path, Real, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn, Forward};
use crate::properties::Yes;
use crate::sampling::Cx;

/// A model whose weights are their posteriors' means: learned, without noise, without a prior, and so without a
/// divergence. A Bayesian last layer on a deterministic body is one line:
///
/// ```
/// use elbo::nn::Fixed;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     body: Fixed<[Dense; 2]>,
///     head: Dense,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         let [first, second] = *self.body;
///         self.head.forward(second.forward(first.forward(x).relu()).relu())
///     }
/// }
///
/// let net = Net { body: Fixed([Dense::new(4, 8), Dense::new(8, 8)]), head: Dense::new(8, 2) };
/// let names: Vec<_> = net.kl_terms().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["head.weight", "head.bias"]);
/// ```
///
/// The draw derefs to that of the model, and has its forward. Layers with noise of their own, such as
/// [`Dropout`](super::Dropout), are off in it. For Markov chains (`Nuts`), [`Laplace`](crate::Laplace) and all others who set a
/// model's random weights, its weights are constants, as is a [`Point`](crate::Point) without a prior.
///
/// Parameters keep the names that they have in the model, so both read each other's files. Scales, such as ρ of
/// [`MeanField`](crate::MeanField), are among them. Their gradients are 0 and they keep their values, except in families
/// whose mean depends on them, such as [`LogNormal`](crate::LogNormal). Hyperparameters of priors have a gradient of 0
/// as well: only weight decay changes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<M>(
    /// The model.
    pub M,
);

impl<M: Parameters> Parameters for Fixed<M> {
    type Scalar = M::Scalar;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, M::Scalar>) {
        self.0.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, M::Scalar>) {
        self.0.visit_mut(path, f);
    }
}

impl<M: Bayesian> Bayesian for Fixed<M> {
    type Draw<'t> = FixedDraw<M::Draw<'t>>;
    type Batch = M::Batch;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, cx: Cx<'t, M::Scalar>) -> Self::Draw<'t> {
        FixedDraw(self.0.draw_in(cx.fixed()))
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// The draw of a [`Fixed`] model. It derefs to the draw of the model.
#[derive(Clone, Copy, Debug)]
pub struct FixedDraw<D>(D);

impl<D> Deref for FixedDraw<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.0
    }
}

impl<'t, T: Real, D: Drawn<'t, T>> Drawn<'t, T> for FixedDraw<D> {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
}

impl<'t, X, D: Forward<'t, X>> Forward<'t, X> for FixedDraw<D> {
    type Out = D::Out;

    #[track_caller]
    fn forward(&self, x: X) -> D::Out {
        self.0.forward(x)
    }
}
