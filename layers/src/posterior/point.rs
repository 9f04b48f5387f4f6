//! `Point`: learned deterministic weights.

use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::posterior::{Posterior, constructed_means};
use crate::properties::Yes;
use crate::sampling::Cx;

/// A learned deterministic weight. As a plain field it does not contribute to the KL divergence; with a prior it contributes
/// −ln p(w), which gives its maximum a posteriori.
#[derive(Clone, Debug)]
pub struct Point<T: Real = f32>(
    /// The value.
    pub Tensor<T>,
);

impl<T: Real> Point<T> {
    /// A weight of this shape, (outputs, inputs..), from N(0, 2/inputs) (He et al. 2015); zero for a
    /// vector.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        Point(constructed_means(shape))
    }
}

impl<T: Real> Parameters for Point<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(path, Role::Point, &self.0);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(path, Role::Point, &mut self.0);
    }
}

impl<T: Real> Posterior for Point<T> {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.tape().param(&self.0)
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.0)
    }

    fn variance<'t>(&'t self, _: &'t Tape<T>) -> Variance<'t, T> {
        Variance::Zero
    }

    /// 0: a constant, the same at every draw, is left out.
    fn log_density_of_draw<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(cx.tape().constant([], |_| T::ZERO))
    }
}
