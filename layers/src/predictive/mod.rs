//! What is predicted: the outputs of every draw, and what likelihoods make of them.

mod outputs;
mod univariate;

pub use outputs::Outputs;
pub use univariate::Univariate;
pub(crate) use univariate::invert;

/// What is predicted for a number of rows.
pub trait Predictive: Sized {
    /// What is predicted for all rows, from what is predicted for some of them after the other, by the same draws. There is
    /// one part at least.
    fn join(parts: Vec<Self>) -> Self;
}

/// Nothing.
impl Predictive for () {
    fn join(_: Vec<()>) {}
}
