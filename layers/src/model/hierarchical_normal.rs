//! `HierarchicalNormal`: a normal prior whose standard deviation is random, with its own posterior and prior.

use crate::divergence::{Divergence, pair};
use crate::engine::{Key, Parameters, Path, Real, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::posterior::Posterior;
use crate::prior::{DrawnPrior, FixedPrior, LearnedNormal, LearnedNormalDraw, PriorFor};
use crate::properties::No;
use crate::sampling::Cx;

/// N(0, s²) for every element, with a shared s that is itself a random weight: positive, with the posterior family `Q` and
/// the prior `P`, such as a log-normal under [`HalfCauchy`](struct@crate::HalfCauchy). The divergence is that of the weights
/// given the drawn s, plus that of s.
///
/// Keep it in a field, without `#[skip]`. The parameters of `Q` are below the field's name, which is also the name of its
/// noise. All weights that name the field share the drawn s. Make one with `HierarchicalNormal::new(sd, prior)`, or with
/// the function of the same name.
#[derive(Clone, Debug)]
pub struct HierarchicalNormal<Q, P> {
    /// The posterior of s.
    pub sd: Q,
    /// The prior of s.
    pub prior: P,
}

/// Short for [`HierarchicalNormal::new`](HierarchicalNormal::new()).
///
/// # Panics
/// Where [`HierarchicalNormal::new`](HierarchicalNormal::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor")]
#[track_caller]
pub fn HierarchicalNormal<Q: Divergence<P> + Send + Sync, P: PriorFor<Q::Scalar> + FixedPrior>(
    sd: Q,
    prior: P,
) -> HierarchicalNormal<Q, P> {
    HierarchicalNormal::new(sd, prior)
}

impl<Q: Divergence<P> + Send + Sync, P: PriorFor<Q::Scalar> + FixedPrior> HierarchicalNormal<Q, P> {
    /// The normal prior about zero whose standard deviation has the posterior `sd`, a family of positive weights with one
    /// element, under the prior `prior`.
    ///
    /// # Panics
    /// If `sd` does not have exactly one element.
    #[track_caller]
    pub fn new(sd: Q, prior: P) -> Self {
        let prior = HierarchicalNormal { sd, prior };
        prior.check();
        prior
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> HierarchicalNormal<Q, P> {
    /// # Panics
    /// If s does not have exactly one element.
    #[track_caller]
    fn check(&self) {
        let shape = self.sd.shape();
        assert!(
            shape.iter().product::<usize>() == 1,
            "HierarchicalNormal: the standard deviation must have one element, got a posterior `sd` of shape {shape:?}"
        );
    }
}

impl<T: Real, Q: Divergence<P, Scalar = T> + Send + Sync, P: PriorFor<T> + FixedPrior> PriorFor<T>
    for HierarchicalNormal<Q, P>
{
    type Drawn<'t> = HierarchicalNormalDraw<'t, T>;

    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> HierarchicalNormalDraw<'t, T> {
        self.check();
        HierarchicalNormalDraw { sd: pair::weight(&self.sd, self.prior.draw_in(cx), cx) }
    }

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        Parameters::visit(&self.sd, path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        Parameters::visit_mut(&mut self.sd, path, f);
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        self.check();
        self.sd.term(&self.prior, path, f);
    }
}

/// A [`HierarchicalNormal`](struct@HierarchicalNormal) in a draw: N(0, s²) for every element, with s a random weight.
#[derive(Clone, Copy, Debug)]
pub struct HierarchicalNormalDraw<'t, T: Real = f32> {
    /// s, one element.
    pub sd: Weight<'t, T>,
}

impl<'t, T: Real> HierarchicalNormalDraw<'t, T> {
    /// The prior given the drawn s.
    fn given_sd(self) -> LearnedNormalDraw<'t, T> {
        LearnedNormalDraw { ln_sd: self.sd.ln() }
    }
}

impl<'t, T: Real> DrawnPrior<'t, T> for HierarchicalNormalDraw<'t, T> {
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
        self.given_sd().log_density_of(w)
    }

    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        self.given_sd().sample_of(shape, key)
    }

    fn description(self) -> String {
        "HierarchicalNormal".to_owned()
    }

    fn log_densities(self, shape: &[usize], element: usize, values: &[f64]) -> Option<Vec<f64>> {
        self.given_sd().log_densities(shape, element, values)
    }

    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        f(path, self.sd);
    }
}

/// The divergence given the drawn s, as from a [`LearnedNormal`](struct@LearnedNormal). Its mean over the posterior of s is
/// the weights' part of the divergence; the other part is the divergence of s.
#[diagnostic::do_not_recommend]
impl<T: Real, W, Q, P> Divergence<HierarchicalNormal<Q, P>> for W
where
    W: Posterior<Scalar = T> + Divergence<LearnedNormal<T>>,
    Q: Divergence<P, Scalar = T> + Send + Sync,
    P: PriorFor<T> + FixedPrior,
{
    type Exact = No<(W, HierarchicalNormal<Q, P>)>;

    fn kl_on<'t>(
        &'t self,
        prior: HierarchicalNormalDraw<'t, T>,
        cx: Cx<'t, T>,
        weight: &dyn Fn() -> Var<'t, T>,
    ) -> Var<'t, T> {
        Divergence::<LearnedNormal<T>>::kl_on(self, prior.given_sd(), cx, weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::MeanField;
    use crate::prior::Normal;

    #[test]
    fn the_function_is_the_constructor() {
        let sd = || MeanField::<f32>::new([1]);
        let (called, made) =
            (HierarchicalNormal(sd(), Normal(0.0, 1.0)), HierarchicalNormal::new(sd(), Normal(0.0, 1.0)));
        assert_eq!((called.sd.rho.data(), called.prior), (made.sd.rho.data(), made.prior));
    }

    #[test]
    #[should_panic(expected = "the standard deviation must have one element, got a posterior `sd` of shape [3]")]
    fn a_posterior_with_several_elements_is_refused() {
        HierarchicalNormal(MeanField::<f32>::new([3]), Normal(0.0, 1.0));
    }
}
