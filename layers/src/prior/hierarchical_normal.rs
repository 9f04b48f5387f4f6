//! A normal prior whose standard deviation has a posterior of its own.

use crate::distribution::elementwise::sum;
use crate::divergence::Divergence;
use crate::engine::{Path, Real, Tape, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::prior::learned_normal::Scaled;
use crate::prior::own::{own_mut_of, own_of};
use crate::prior::{Given, Own, OwnDraw, Prior};
use crate::sampling::Cx;

/// N(0, s²) for every element, with one s that is a random weight itself: positive, with the posterior family `Q` under
/// the prior `P` (a log-normal under [`HalfCauchy`](struct@crate::HalfCauchy), say). The divergence counts both: that of the
/// weights given the s drawn, and that of s.
///
/// Keep it in a field, without `#[skip]`; the parameters of `Q` stand below the field's name, and its noise has that
/// name. All weights that name the field share the s drawn.
#[derive(Clone, Debug)]
pub struct HierarchicalNormal<Q, P> {
    /// The posterior of s.
    pub sd: Q,
    /// The prior of s.
    pub prior: P,
}

/// The normal prior about zero whose standard deviation has the posterior `sd`, a family of positive weights and of one
/// element, under the prior `prior`.
///
/// # Panics
/// If `sd` is not one element.
#[allow(non_snake_case, reason = "it reads as a constructor")]
#[track_caller]
pub fn HierarchicalNormal<Q: Divergence<P>, P: Prior>(sd: Q, prior: P) -> HierarchicalNormal<Q, P> {
    let prior = HierarchicalNormal { sd, prior };
    prior.check();
    prior
}

impl<Q: Divergence<P>, P: Prior> HierarchicalNormal<Q, P> {
    /// # Panics
    /// If s is not one number.
    #[track_caller]
    fn check(&self) {
        let shape = self.sd.shape();
        assert!(
            shape.iter().product::<usize>() == 1,
            "HierarchicalNormal: the standard deviation is one number, got a posterior `sd` of shape {shape:?}"
        );
    }
}

impl<Q: Divergence<P> + Send + Sync, P: Prior> Prior for HierarchicalNormal<Q, P> {
    /// With the mean of the posterior of s.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        let own = Tape::inference();
        let sd = self.sd.mean(&own).item();
        self.log_density_given(w, w.tape().constant([], |_| T::from_f64(sd)))
    }

    /// Given s.
    fn log_density_given<'t, T: Real>(&self, w: Var<'t, T>, sd: Var<'t, T>) -> Var<'t, T> {
        sum(Scaled, [w], Some(sd.ln()))
    }

    fn own<T: Real>(&self) -> Option<&dyn Own<T>> {
        Some(own_of::<Q::Scalar, T>(self))
    }

    fn own_mut<T: Real>(&mut self) -> Option<&mut dyn Own<T>> {
        Some(own_mut_of::<Q::Scalar, T>(self))
    }
}

impl<Q: Divergence<P> + Send + Sync, P: Prior> Own<Q::Scalar> for HierarchicalNormal<Q, P> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, Q::Scalar>) {
        self.sd.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, Q::Scalar>) {
        self.sd.visit_mut(path, f);
    }

    fn draw<'t>(&'t self, cx: Cx<'t, Q::Scalar>) -> OwnDraw<'t, Q::Scalar> {
        self.check();
        OwnDraw::Random(crate::model::pair::weight(&self.sd, Given::fixed(&self.prior), cx))
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        self.check();
        f(path, self.sd.kl(&self.prior));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MeanField, Normal};

    #[test]
    #[should_panic(expected = "the standard deviation is one number, got a posterior `sd` of shape [3]")]
    fn a_posterior_of_several_numbers_is_refused() {
        HierarchicalNormal(MeanField::<f32>::new([3]), Normal(0.0, 1.0));
    }
}
