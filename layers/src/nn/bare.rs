//! What a layer without parameters of its own says about itself.

use std::fmt;
use std::marker::PhantomData;

use crate::engine::{Parameters, Path, Real, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn};
use crate::properties::{Verdict, Yes};
use crate::sampling::Cx;

/// A part of a layer without parameters: it says the layer's number type, and whether examples of a batch are independent
/// of each other in it.
pub struct Bare<T: Real, B: Verdict = Yes>(PhantomData<fn() -> (T, B)>);

impl<T: Real, B: Verdict> Bare<T, B> {
    /// It has no state.
    pub const fn new() -> Self {
        Bare(PhantomData)
    }
}

impl<T: Real, B: Verdict> Default for Bare<T, B> {
    fn default() -> Self {
        Bare::new()
    }
}

impl<T: Real, B: Verdict> Clone for Bare<T, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, B: Verdict> Copy for Bare<T, B> {}

impl<T: Real, B: Verdict> fmt::Debug for Bare<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bare")
    }
}

impl<T: Real, B: Verdict> Parameters for Bare<T, B> {
    type Scalar = T;

    fn visit<'a>(&'a self, _: &Path<'_>, _: &mut Visitor<'_, 'a, T>) {}

    fn visit_mut(&mut self, _: &Path<'_>, _: &mut VisitorMut<'_, T>) {}
}

impl<T: Real, B: Verdict + 'static> Bayesian for Bare<T, B> {
    type Draw<'t> = BareDraw;
    type Batch = B;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, _: Cx<'t, T>) -> BareDraw {
        BareDraw
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// The draw of a [`Bare`] part.
#[derive(Clone, Copy, Debug)]
pub struct BareDraw;

impl<'t, T: Real> Drawn<'t, T> for BareDraw {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
}
