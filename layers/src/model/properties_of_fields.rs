//! The verdicts of a model, from the list of its fields that `#[bayesian]` writes.

use std::marker::PhantomData;

use crate::divergence::Divergence;
use crate::model::Bayesian;
use crate::prior::PriorFor;
use crate::properties::{No, Property, Yes};

/// What a list of fields says of the model.
pub trait Properties {
    /// [`Bayesian::Batch`].
    type Batch: Property;

    /// [`Bayesian::Exact`].
    type Exact: Property;

    /// [`Bayesian::Allows`].
    type Allows;
}

/// A field that draws itself.
#[derive(Debug)]
pub struct Part<M>(PhantomData<M>);

/// A weight of the posterior `Q` under the prior `P`. Weights never couple the examples of a batch.
#[derive(Debug)]
pub struct Random<Q, P>(PhantomData<(Q, P)>);

/// A weight whose divergence is estimated.
#[derive(Debug)]
pub struct Estimated<Q>(PhantomData<Q>);

/// A weight under a prior of a type that is not written; `each_kl` demands that its divergence has a closed form.
#[derive(Debug)]
pub struct Closed<Q>(PhantomData<Q>);

impl<M: Bayesian> Properties for Part<M> {
    type Batch = M::Batch;
    type Exact = M::Exact;
    type Allows = M::Allows;
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Properties for Random<Q, P> {
    type Batch = Yes;
    type Exact = Q::Exact;
    type Allows = Q;
}

impl<Q> Properties for Estimated<Q> {
    type Batch = Yes;
    type Exact = No<Q>;
    type Allows = Q;
}

impl<Q> Properties for Closed<Q> {
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Q;
}

/// A model without any.
impl Properties for () {
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Yes;
}

/// All must say yes.
impl<A: Properties, B: Properties> Properties for (A, B) {
    type Batch = <A::Batch as Property>::And<B::Batch>;
    type Exact = <A::Exact as Property>::And<B::Exact>;
    type Allows = (A::Allows, B::Allows);
}
