//! Predictive distributions: the outputs of every draw (`Outputs`), and distributions of one number (`Univariate`).

mod outputs;
mod univariate;

pub use outputs::Outputs;
pub use univariate::Univariate;
pub(crate) use univariate::invert;

/// A prediction for a number of rows.
pub trait Predictive: Sized {
    /// Joins the predictions of consecutive rows by the same draws. There is at least one part.
    fn join(parts: Vec<Self>) -> Self;
}

/// For likelihoods that make no predictions.
impl Predictive for () {
    fn join(_: Vec<()>) {}
}
