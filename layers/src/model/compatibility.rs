//! Estimators as types, which the compiler holds against the families of a model's posteriors.

use crate::model::Bayesian;
use crate::posterior::Posterior;
use crate::properties::{Property, Yes};
use crate::sampling::Estimator;

/// [`Estimator::Sample`] as a type. It suits every model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sample;

/// [`Estimator::Local`] as a type: a model with a weight whose posterior it does not suit is not drawn with it, nor
/// compiled.
///
/// ```compile_fail,E0277
/// # use elbo::prelude::*;
/// let model = Dense::of(3, 2, |shape| LowRank::new(shape, 2), Normal(0.0, 1.0));
/// let tape = Tape::new();
/// model.draw(&tape, Drawing::new(Key::new(1)).estimator(Local)); // no: the elements of a `LowRank` are not independent
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Local;

/// [`Estimator::Flipout`] as a type: a model with a weight whose posterior it does not suit is not drawn with it, nor
/// compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flipout;

macro_rules! one {
    ($($name:ident),*) => {$(
        impl From<$name> for Estimator {
            fn from(_: $name) -> Self {
                Estimator::$name
            }
        }
    )*};
}

one!(Sample, Local, Flipout);

/// An estimator that suits a model `M`, as far as types know. They do not know which weights enter linear maps, so one
/// that no linear map uses counts as well; and they do not know how often one does.
///
/// The value [`Estimator`] suits every model: it is held against a weight's posterior as the weight enters a linear map.
/// A function for any model says `where Local: CompatibleWith<M>`.
#[diagnostic::on_unimplemented(message = "`{Self}` is no estimator that suits the model `{M}`")]
pub trait CompatibleWith<M: Bayesian + ?Sized>: Into<Estimator> {}

impl<M: Bayesian + ?Sized> CompatibleWith<M> for Estimator {}

impl<M: Bayesian + ?Sized> CompatibleWith<M> for Sample {}

impl<M: Bayesian<Allows: Allows<Local: SampledByOutput>> + ?Sized> CompatibleWith<M> for Local {}

impl<M: Bayesian<Allows: Allows<Flipout: FlippedByExample>> + ?Sized> CompatibleWith<M> for Flipout {}

/// Which estimators the posteriors of a model allow: a posterior says it of itself, and a pair allows what both do.
#[diagnostic::on_unimplemented(
    message = "which estimators the posteriors of this model allow is not known: `{Self}`",
    label = "of a model of any type",
    note = "a function for any model `M` says `where Local: CompatibleWith<M>`; or it draws with the value `Estimator::Local`, which is held against each posterior as its weight is used"
)]
pub trait Allows {
    /// Whether [`Local`] is allowed.
    type Local: Property;

    /// Whether [`Flipout`] is allowed.
    type Flipout: Property;
}

/// A model without random weights.
impl Allows for Yes {
    type Local = Yes;
    type Flipout = Yes;
}

#[diagnostic::do_not_recommend]
impl<Q: Posterior> Allows for Q {
    type Local = <Q as Posterior>::Local;
    type Flipout = <Q as Posterior>::Flipout;
}

impl<A: Allows, B: Allows> Allows for (A, B) {
    type Local = <A::Local as Property>::And<B::Local>;
    type Flipout = <A::Flipout as Property>::And<B::Flipout>;
}

/// The verdict that outputs of linear maps may be sampled in place of weights.
#[diagnostic::on_unimplemented(
    message = "local reparameterisation needs posteriors whose elements are independent, with known variances: `{Self}`",
    label = "a weight of this model has another posterior",
    note = "`Flipout` and `Sample` ask for less; where that weight is to be sampled, or enters no linear map, say so by its name: `.estimators(&Estimators::all(Estimator::Local).set(\"name\", Estimator::Sample))`"
)]
pub trait SampledByOutput: Property {}

impl SampledByOutput for Yes {}

/// The verdict that perturbations of weights may be flipped in sign by example.
#[diagnostic::on_unimplemented(
    message = "Flipout needs posteriors that are symmetric about their mean in every element: `{Self}`",
    label = "a weight of this model has another posterior",
    note = "`Sample` suits every posterior; where that weight is to be sampled, or enters no linear map, say so by its name: `.estimators(&Estimators::all(Estimator::Flipout).set(\"name\", Estimator::Sample))`"
)]
pub trait FlippedByExample: Property {}

impl FlippedByExample for Yes {}
