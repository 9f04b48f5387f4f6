//! Implements `Bayesian` for `Point`: a deterministic weight as a field of a model.

use crate::engine::{Path, Real, Var};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn};
use crate::posterior::Point;
use crate::properties::Yes;
use crate::sampling::Cx;

impl<T: Real> Bayesian for Point<T> {
    type Draw<'t> = Var<'t, T>;
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.point_param(&self.0)
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// The draw of a [`Point`], which contains no random weight.
impl<'t, T: Real> Drawn<'t, T> for Var<'t, T> {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
}
