//! Answers to yes-or-no questions about a model, found by the compiler from the model's type.

use std::marker::PhantomData;

/// `Yes`, or `No` with the name of what said so, or in between: `Approximate`.
pub trait Verdict {
    /// Both must say yes. The first `No` names itself; where there is none, the first `Approximate`.
    type And<B: Verdict>: Verdict;

    /// The answer after `Approximate<Why>` was given.
    type After<Why: ?Sized>: Verdict;

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

/// The answer is yes.
#[derive(Debug)]
pub struct Yes;

/// The answer is yes, but for an approximation or a bound in place of the number itself, because of `Why`.
#[derive(Debug)]
pub struct Approximate<Why: ?Sized>(PhantomData<Why>);

/// The answer is no, because of `Why`.
#[derive(Debug)]
pub struct No<Why: ?Sized>(PhantomData<Why>);

impl Verdict for Yes {
    type And<B: Verdict> = B;
    type After<Why: ?Sized> = Approximate<Why>;

    fn if_closed<C: ClosedCase<Self>>(case: C) -> Option<C::Output> {
        Some(case.compute())
    }
}

impl<Why: ?Sized> Verdict for Approximate<Why> {
    type And<B: Verdict> = B::After<Why>;
    type After<Earlier: ?Sized> = Approximate<Earlier>;

    fn if_closed<C: ClosedCase<Self>>(case: C) -> Option<C::Output> {
        Some(case.compute())
    }
}

impl<Why: ?Sized> Verdict for No<Why> {
    type And<B: Verdict> = No<Why>;
    type After<Earlier: ?Sized> = No<Why>;

    fn if_closed<C: ClosedCase<Self>>(_: C) -> Option<C::Output> {
        None
    }
}

/// The verdict that examples of a batch do not influence each other.
#[diagnostic::on_unimplemented(
    message = "this model couples the examples of a batch: `{Self}`",
    label = "needs every example treated independently",
    note = "batch normalisation in training mode makes one example's output depend on the others; use group, layer, instance or RMS normalisation"
)]
pub trait Independent: Verdict {}

impl Independent for Yes {}

/// The verdict that a KL divergence has a closed form: its own, or that of a published approximation or bound.
#[diagnostic::on_unimplemented(
    message = "the KL divergence of this model has no closed form: `{Self}`",
    label = "`kl()` without a tape needs a closed form for every weight",
    note = "`kl_estimate(key, draws)` gives it with its standard error, and the draw's `kl()` estimates it from the weights drawn"
)]
pub trait ClosedForm: Verdict {
    /// Whether the form is the divergence's own.
    const IS_EXACT: bool;
}

impl ClosedForm for Yes {
    const IS_EXACT: bool = true;
}

impl<Why: ?Sized> ClosedForm for Approximate<Why> {
    const IS_EXACT: bool = false;
}
