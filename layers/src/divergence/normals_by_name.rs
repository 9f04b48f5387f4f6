//! KL divergences from a normal prior by the weights' names: those from the prior of the weight.

use crate::divergence::{Divergence, Nats};
use crate::engine::{Path, Var};
use crate::prior::{Normals, NormalsByName, NormalsByNameDraw};
use crate::properties::ClosedForm;
use crate::sampling::{Cx, Sampled};

/// The divergence from the [`Normals`](struct@Normals) of the weight.
#[diagnostic::do_not_recommend]
impl<Q: Divergence<Normals>> Divergence<NormalsByName> for Q {
    type Exact = <Q as Divergence<Normals>>::Exact;

    /// # Panics
    /// If the prior names weights: without a model, this one has no name.
    fn kl(&self, prior: &NormalsByName) -> f64
    where
        Self::Exact: ClosedForm,
    {
        Divergence::<Normals>::kl(self, prior.at(&Path::ROOT, self.shape()))
    }

    fn kl_on<'t>(
        &'t self,
        prior: NormalsByNameDraw<'t>,
        cx: Cx<'t, Q::Scalar>,
        weight: &dyn Fn() -> Var<'t, Q::Scalar>,
    ) -> Var<'t, Q::Scalar> {
        Divergence::<Normals>::kl_on(self, prior.at(&cx.path(), self.shape()), cx, weight)
    }

    fn sample_with_kl<'t>(
        &'t self,
        prior: NormalsByNameDraw<'t>,
        cx: Cx<'t, Q::Scalar>,
    ) -> Option<Sampled<'t, Q::Scalar>> {
        Divergence::<Normals>::sample_with_kl(self, prior.at(&cx.path(), self.shape()), cx)
    }

    fn variance_with_kl<'t>(
        &'t self,
        prior: NormalsByNameDraw<'t>,
        cx: Cx<'t, Q::Scalar>,
    ) -> Option<Sampled<'t, Q::Scalar>> {
        Divergence::<Normals>::variance_with_kl(self, prior.at(&cx.path(), self.shape()), cx)
    }

    fn term(&self, prior: &NormalsByName, path: &Path<'_>, f: &mut Nats<'_>) {
        Divergence::<Normals>::term(self, prior.at(path, self.shape()), path, f);
    }
}
