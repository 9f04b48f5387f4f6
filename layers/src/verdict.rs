//! Answers to yes-or-no questions about a model, found by the compiler from the model's type.

use std::marker::PhantomData;

/// `Yes`, or `No` with the name of what said so.
pub trait Verdict {
    /// Both must say yes; the first `No` names itself.
    type And<B: Verdict>: Verdict;
}

/// The answer is yes.
#[derive(Debug)]
pub struct Yes;

/// The answer is no, because of `Why`.
#[derive(Debug)]
pub struct No<Why: ?Sized>(PhantomData<Why>);

impl Verdict for Yes {
    type And<B: Verdict> = B;
}

impl<Why: ?Sized> Verdict for No<Why> {
    type And<B: Verdict> = No<Why>;
}

/// The verdict that examples of a batch do not influence each other.
#[diagnostic::on_unimplemented(
    message = "this model couples the examples of a batch: `{Self}`",
    label = "needs every example treated independently",
    note = "batch normalisation in training mode makes one example's output depend on the others; use group, layer, instance or RMS normalisation"
)]
pub trait Independent: Verdict {}

impl Independent for Yes {}

/// The verdict that a KL divergence has a closed form.
#[diagnostic::on_unimplemented(
    message = "the KL divergence of this model has no closed form: `{Self}`",
    label = "`kl()` without a tape needs a closed form for every weight",
    note = "`kl_estimate(key, draws)` gives it with its standard error, and the draw's `kl()` estimates it from the weights drawn"
)]
pub trait ClosedForm: Verdict {}

impl ClosedForm for Yes {}
