//! Properties of a model that the compiler derives from its type: closed-form KL, independent examples, compatible
//! estimators.

use std::marker::PhantomData;

/// The value of a property, as a type: `Yes`, `No<Why>`, or `Approximate<Why>`. `Why` is the type responsible.
pub trait Property {
    /// Whether it holds, exactly.
    #[doc(hidden)]
    const HOLDS: bool;

    /// The property of two parts together: the first `No`, or else the first `Approximate`, or else `Yes`.
    type And<B: Property>: Property;

    /// The property of two parts, of which the first is `Approximate<Why>`.
    type After<Why: ?Sized>: Property;

    /// What `case` computes, where this is a [`ClosedForm`].
    #[doc(hidden)]
    fn if_closed<C: ClosedCase<Self>>(case: C) -> Option<C::Output>
    where
        Self: Sized;
}

/// A computation that needs the verdict `V` to be a [`ClosedForm`].
pub trait ClosedCase<V> {
    /// What it computes.
    type Output;

    /// Computes it.
    fn compute(self) -> Self::Output
    where
        V: ClosedForm;
}

/// The property holds.
#[derive(Debug)]
pub struct Yes;

/// The property holds, with an approximation or a bound in place of the exact value, because of `Why`.
#[derive(Debug)]
pub struct Approximate<Why: ?Sized>(PhantomData<Why>);

/// The property does not hold, because of `Why`.
#[derive(Debug)]
pub struct No<Why: ?Sized>(PhantomData<Why>);

impl Property for Yes {
    const HOLDS: bool = true;

    type And<B: Property> = B;
    type After<Why: ?Sized> = Approximate<Why>;

    fn if_closed<C: ClosedCase<Self>>(case: C) -> Option<C::Output> {
        Some(case.compute())
    }
}

impl<Why: ?Sized> Property for Approximate<Why> {
    const HOLDS: bool = false;

    type And<B: Property> = B::After<Why>;
    type After<Earlier: ?Sized> = Approximate<Earlier>;

    fn if_closed<C: ClosedCase<Self>>(case: C) -> Option<C::Output> {
        Some(case.compute())
    }
}

impl<Why: ?Sized> Property for No<Why> {
    const HOLDS: bool = false;

    type And<B: Property> = No<Why>;
    type After<Earlier: ?Sized> = No<Why>;

    fn if_closed<C: ClosedCase<Self>>(_: C) -> Option<C::Output> {
        None
    }
}

/// The property that the examples of a batch do not influence each other.
#[diagnostic::on_unimplemented(
    message = "this model couples the examples of a batch: `{Self}`",
    label = "needs every example treated independently",
    note = "batch normalisation in training mode makes one example's output depend on the others; use group, layer, \
            instance or RMS normalisation"
)]
pub trait Independent: Property {}

impl Independent for Yes {}

/// The property that a KL divergence has a closed form: an exact one, or a published approximation or bound.
#[diagnostic::on_unimplemented(
    message = "the KL divergence of this model has no closed form: `{Self}`",
    label = "`kl()` without a tape needs a closed form for every weight",
    note = "`kl_estimate(key, draws)` gives it with its standard error, and the draw's `kl()` estimates it from the \
            weights drawn"
)]
pub trait ClosedForm: Property {
    /// Whether the closed form is exact.
    const IS_EXACT: bool;
}

impl ClosedForm for Yes {
    const IS_EXACT: bool = true;
}

impl<Why: ?Sized> ClosedForm for Approximate<Why> {
    const IS_EXACT: bool = false;
}
