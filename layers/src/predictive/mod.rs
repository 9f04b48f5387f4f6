//! Predictive distributions: the outputs of every draw (`Outputs`), and distributions of one number (`Univariate`).

mod outputs;
mod sample_targets;
mod univariate;

pub use outputs::Outputs;
pub use sample_targets::SampleTargets;
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

/// The predictions of several heads.
macro_rules! tuples {
    ($(($($part:ident $index:tt),+);)+) => {$(
        impl<$($part: Predictive),+> Predictive for ($($part,)+) {
            fn join(parts: Vec<Self>) -> Self {
                let mut columns = ($(Vec::<$part>::with_capacity(parts.len()),)+);
                for part in parts {
                    $(columns.$index.push(part.$index);)+
                }
                ($($part::join(columns.$index),)+)
            }
        }
    )+};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}
