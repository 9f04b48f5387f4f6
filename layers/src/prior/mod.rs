//! Priors: values that say what a weight was believed to be before the data.

mod cauchy;
mod exponential_integral;
mod half_cauchy;
mod half_normal;
mod hierarchical_normal;
mod horseshoe;
mod laplace;
mod learned_normal;
mod log_normal;
mod log_uniform;
mod monte_carlo;
mod normal;
mod normals;
mod own;
mod scale_mixture;
mod spike_and_slab;
mod student_t;

pub use cauchy::Cauchy;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use hierarchical_normal::HierarchicalNormal;
pub use horseshoe::Horseshoe;
pub use laplace::Laplace;
pub use learned_normal::LearnedNormal;
pub use log_normal::LogNormalPrior;
pub use log_uniform::LogUniform;
pub use monte_carlo::MonteCarlo;
pub use normal::Normal;
pub use normals::{Normals, PerElement};
pub use own::{Given, Own, OwnDraw, own_mut_of, own_of};
pub use scale_mixture::ScaleMixture;
pub use spike_and_slab::SpikeAndSlabPrior;
pub use student_t::StudentT;

use crate::distribution::elementwise::WithDensity;
use crate::engine::{Path, Real, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::hidden::Nats;
use crate::sampling::Cx;

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

    /// Gives `visitor` ln p as a function of each element of a weight of this shape, in a model of the scalar type `T`,
    /// where it is one.
    #[doc(hidden)]
    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, shape: &[usize], visitor: V) -> Option<V::Output> {
        let _ = (shape, visitor);
        None
    }

    /// The parameter of its own, if it has one, of a model in the number type `T`: [`own_of`] where it is in a number
    /// type that the prior's type says.
    fn own<T: Real>(&self) -> Option<&dyn Own<T>> {
        None
    }

    /// The same, to be changed.
    fn own_mut<T: Real>(&mut self) -> Option<&mut dyn Own<T>> {
        None
    }

    /// A prior that is a field of the model, drawn, for generated code.
    #[doc(hidden)]
    fn given<'t, T: Real>(&'t self, cx: Cx<'t, T>) -> Given<'t, Self, T>
    where
        Self: Sized,
    {
        Given::field(self, cx)
    }

    /// The walk over the parameter of its own, for generated code.
    #[doc(hidden)]
    fn visit_own<'a, T: Real>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        if let Some(own) = self.own::<T>() {
            own.visit(path, f);
        }
    }

    /// The same, to be changed.
    #[doc(hidden)]
    fn visit_mut_own<T: Real>(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        if let Some(own) = self.own_mut::<T>() {
            own.visit_mut(path, f);
        }
    }

    /// The divergence of the parameter of its own, for generated code.
    #[doc(hidden)]
    fn own_kl<T: Real>(&self, path: &Path<'_>, f: &mut Nats<'_>) {
        if let Some(own) = self.own::<T>() {
            own.each_kl(path, f);
        }
    }
}
