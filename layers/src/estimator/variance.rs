//! `Variance`: the variances of a weight's elements, for local reparameterisation.

use crate::engine::{Real, Var};

/// The variances of a weight's elements, as far as the posterior knows them.
#[derive(Clone, Copy, Debug)]
pub enum Variance<'t, T: Real = f32> {
    /// The weight is deterministic.
    Zero,
    /// The elements are independent, with these variances.
    Independent(Var<'t, T>),
    /// The elements depend on each other, or their variances have no simple form.
    Joint,
}
