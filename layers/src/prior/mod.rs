//! Priors: values that say what a weight was believed to be before the data.

mod monte_carlo;
mod normal;
mod own;

pub use monte_carlo::MonteCarlo;
pub use normal::Normal;
pub use own::{Given, Own, OwnDraw};

use crate::{Real, Var};

/// A distribution over the elements of a weight. A prior is a value: an expression in `#[prior(..)]`, or a field.
///
/// Most priors have no parameters that are learned. One that has says so by [`own`](Prior::own) and
/// [`own_mut`](Prior::own_mut), and keeps its place in a field that is not skipped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prior",
    label = "a prior is a distribution, such as `Normal(0.0, 1.0)`",
    note = "a type of yours is one where it implements `Prior`, by its log-density"
)]
pub trait Prior: Send + Sync + 'static {
    /// ln p(w), summed over the elements of `w`: nats. A prior with parameters of its own takes them as they are, as
    /// constants.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T>;

    /// ln p(w), given the value of the prior's own parameter on the tape.
    fn log_density_given<'t, T: Real>(&self, w: Var<'t, T>, own: Var<'t, T>) -> Var<'t, T> {
        let _ = own;
        self.log_density(w)
    }

    /// The parameter of its own, if it has one, of a model in the number type `T`: of `P<T>` it is
    /// `(self as &dyn Any).downcast_ref::<P<T>>()`.
    fn own<T: Real>(&self) -> Option<&dyn Own<T>> {
        None
    }

    /// The same, to be changed.
    fn own_mut<T: Real>(&mut self) -> Option<&mut dyn Own<T>> {
        None
    }
}
