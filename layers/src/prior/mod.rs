//! Priors: values that say what a weight was believed to be before the data.

mod monte_carlo;
mod normal;

pub use monte_carlo::MonteCarlo;
pub use normal::Normal;

use crate::{Real, Var};

/// A distribution over each element of a weight, independently. A prior is a value: an expression in
/// `#[prior(..)]`, or a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prior",
    label = "a prior is a distribution, such as `Normal(0.0, 1.0)`",
    note = "a type of yours is one where it implements `Prior`, by its log-density"
)]
pub trait Prior: Copy + Send + Sync + 'static {
    /// ln p(w), summed over the elements of `w`: nats.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T>;
}
