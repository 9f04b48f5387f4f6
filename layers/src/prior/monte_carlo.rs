//! `MonteCarlo`: wraps a prior, so that divergences from it are estimated from the drawn weights.

use crate::distribution::elementwise::WithDensity;
use crate::engine::{Key, Path, Real, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::prior::{DrawnPrior, PriorFor};
use crate::sampling::Cx;

/// The prior `P`, with the divergence from it estimated at the drawn weights: ln q(w) − ln p(w)
/// (Blundell et al. 2015, eq. 2), even where there is a closed form: `MonteCarlo(prior)` or `MonteCarlo::new(prior)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonteCarlo<P>(
    /// The prior.
    pub P,
);

impl<P> MonteCarlo<P> {
    /// The same as `MonteCarlo(prior)`.
    pub fn new(prior: P) -> Self {
        MonteCarlo(prior)
    }
}

impl<T: Real, P: PriorFor<T>> PriorFor<T> for MonteCarlo<P> {
    type Drawn<'t> = MonteCarlo<P::Drawn<'t>>;

    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> Self::Drawn<'t> {
        MonteCarlo(self.0.draw_in(cx))
    }

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.0.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.0.visit_mut(path, f);
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        self.0.each_kl(path, f);
    }
}

impl<'t, T: Real, D: DrawnPrior<'t, T>> DrawnPrior<'t, T> for MonteCarlo<D> {
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
        self.0.log_density_of(w)
    }

    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        self.0.sample_of(shape, key)
    }

    fn description(self) -> String {
        format!("MonteCarlo({})", self.0.description())
    }

    fn log_densities(self, shape: &[usize], element: usize, values: &[f64]) -> Option<Vec<f64>> {
        self.0.log_densities(shape, element, values)
    }

    fn for_weight(self, path: &Path<'_>, shape: &[usize]) -> Self {
        MonteCarlo(self.0.for_weight(path, shape))
    }

    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        self.0.walk(path, f);
    }

    fn elementwise<V: WithDensity<'t>>(self, shape: &[usize], visitor: V) -> Option<V::Output> {
        self.0.elementwise(shape, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::Normal;

    #[test]
    fn the_tuple_is_the_constructor() {
        assert_eq!(MonteCarlo(Normal(0.0, 1.0)), MonteCarlo::new(Normal(0.0, 1.0)));
    }
}
