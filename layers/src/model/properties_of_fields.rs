//! Derives the properties of a model from the list of its fields that `#[bayesian]` generates.

use std::marker::PhantomData;

use crate::divergence::Divergence;
use crate::model::Bayesian;
use crate::prior::PriorFor;
use crate::properties::{No, Property, Yes};

/// The properties of a model with these fields.
pub trait Properties {
    /// [`Bayesian::Batch`].
    type Batch: Property;

    /// [`Bayesian::Exact`].
    type Exact: Property;

    /// [`Bayesian::Allows`].
    type Allows;
}

/// A field that is a model.
#[derive(Debug)]
pub struct Part<M>(PhantomData<M>);

/// A weight with the posterior `Q` and the prior `P`. Weights never couple the examples of a batch.
#[derive(Debug)]
pub struct Random<Q, P>(PhantomData<(Q, P)>);

/// A weight whose divergence is estimated.
#[derive(Debug)]
pub struct Estimated<Q>(PhantomData<Q>);

/// A weight whose prior has a type that the macro could not read; `each_kl` requires a closed form of its divergence.
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

/// A model without fields.
impl Properties for () {
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Yes;
}

/// The conjunction of the properties of all fields.
impl<A: Properties, B: Properties> Properties for (A, B) {
    type Batch = <A::Batch as Property>::And<B::Batch>;
    type Exact = <A::Exact as Property>::And<B::Exact>;
    type Allows = (A::Allows, B::Allows);
}
