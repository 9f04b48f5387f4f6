//! What local reparameterisation needs to know of a weight.

use crate::engine::{Real, Var};

/// What is known of the variances of a weight's elements.
#[derive(Clone, Copy, Debug)]
pub enum Variance<'t, T: Real = f32> {
    /// The weight is certain.
    Zero,
    /// The elements are independent, with these variances.
    Independent(Var<'t, T>),
    /// The elements depend on each other, or their variances have no simple form.
    Joint,
}
