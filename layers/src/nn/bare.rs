//! `Bare`: a field for layers without parameters, which fixes the scalar type and says whether examples are
//! independent.

use std::fmt;
use std::marker::PhantomData;

use crate::engine::{Parameters, Path, Real, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn};
use crate::properties::{Property, Yes};
use crate::sampling::Cx;

/// A field without parameters: it fixes the layer's scalar type `T`, and `B` says whether the layer keeps examples of a
/// batch independent.
pub struct Bare<T: Real, B: Property = Yes>(PhantomData<fn() -> (T, B)>);

impl<T: Real, B: Property> Bare<T, B> {
    /// A field without state.
    pub const fn new() -> Self {
        Bare(PhantomData)
    }
}

impl<T: Real, B: Property> Default for Bare<T, B> {
    fn default() -> Self {
        Bare::new()
    }
}

impl<T: Real, B: Property> Clone for Bare<T, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, B: Property> Copy for Bare<T, B> {}

impl<T: Real, B: Property> fmt::Debug for Bare<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bare")
    }
}

impl<T: Real, B: Property> Parameters for Bare<T, B> {
    type Scalar = T;

    fn visit<'a>(&'a self, _: &Path<'_>, _: &mut Visitor<'_, 'a, T>) {}

    fn visit_mut(&mut self, _: &Path<'_>, _: &mut VisitorMut<'_, T>) {}
}

impl<T: Real, B: Property + 'static> Bayesian for Bare<T, B> {
    type Draw<'t> = BareDraw;
    type Batch = B;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, _: Cx<'t, T>) -> BareDraw {
        BareDraw
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// The draw of a [`Bare`] field.
#[derive(Clone, Copy, Debug)]
pub struct BareDraw;

impl<'t, T: Real> Drawn<'t, T> for BareDraw {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
}
