//! Estimators as types, so that the compiler checks them against the posteriors of a model.

use crate::model::Bayesian;
use crate::posterior::Posterior;
use crate::properties::{Property, Yes};
use crate::sampling::Estimator;

/// [`Estimator::Sample`] as a type, compatible with every model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sample;

/// [`Estimator::Local`] as a type. Drawing a model with it does not compile if a posterior of the model is incompatible.
///
/// ```compile_fail,E0277
/// # use elbo::prelude::*;
/// let model = Dense::of(3, 2, |shape| LowRank::new(shape, 2), Normal(0.0, 1.0));
/// let tape = Tape::new();
/// model.draw(&tape, Drawing::new(Key::new(1)).estimator(Local)); // error: the elements of a `LowRank` are not independent
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Local;

/// [`Estimator::Flipout`] as a type. Drawing a model with it does not compile if a posterior of the model is incompatible.
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

/// An estimator that the posteriors of a model `M` allow. The check is by type: it includes weights that enter no linear map,
/// and does not count how often a weight is used.
///
/// The value [`Estimator`] implements this for every model; it is checked at run time, when a weight enters a linear map.
/// A generic function has the bound `where Local: CompatibleWith<M>`.
#[diagnostic::on_unimplemented(message = "the estimator `{Self}` is not compatible with the model `{M}`")]
pub trait CompatibleWith<M: Bayesian + ?Sized>: Into<Estimator> {}

impl<M: Bayesian + ?Sized> CompatibleWith<M> for Estimator {}

impl<M: Bayesian + ?Sized> CompatibleWith<M> for Sample {}

impl<M: Bayesian<Allows: Allows<Local: SampledByOutput>> + ?Sized> CompatibleWith<M> for Local {}

impl<M: Bayesian<Allows: Allows<Flipout: FlippedByExample>> + ?Sized> CompatibleWith<M> for Flipout {}

/// The estimators that the posteriors of a model allow. A pair allows those that both of its parts allow.
#[diagnostic::on_unimplemented(
    message = "the estimators that this model allows are unknown: `{Self}`",
    label = "a generic model",
    note = "add the bound `where Local: CompatibleWith<M>` for a model `M`, or draw with the value `Estimator::Local`, which is checked at run time"
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

/// The property that outputs of linear maps may be sampled in place of weights.
#[diagnostic::on_unimplemented(
    message = "local reparameterisation needs posteriors whose elements are independent, with known variances: `{Self}`",
    label = "a weight of this model has another posterior",
    note = "use `Flipout` or `Sample`; or, if only that weight is to be sampled, set its estimator by name: `.estimators(&Estimators::all(Estimator::Local).set(\"name\", Estimator::Sample))`"
)]
pub trait SampledByOutput: Property {}

impl SampledByOutput for Yes {}

/// The property that perturbations of weights may be flipped in sign per example.
#[diagnostic::on_unimplemented(
    message = "Flipout needs posteriors that are symmetric about their mean in every element: `{Self}`",
    label = "a weight of this model has another posterior",
    note = "use `Sample`; or, if only that weight is to be sampled, set its estimator by name: `.estimators(&Estimators::all(Estimator::Flipout).set(\"name\", Estimator::Sample))`"
)]
pub trait FlippedByExample: Property {}

impl FlippedByExample for Yes {}
