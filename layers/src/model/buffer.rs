//! `Buffer`: a tensor that is saved with a model and not learned, such as a running mean.

use std::ops::Deref;

use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn};
use crate::properties::Yes;
use crate::sampling::Cx;

/// A tensor that is saved with the model and not learned, such as a running mean. A forward pass may set a new value with
/// [`Saved::update`]; the optimiser's step applies it.
#[derive(Clone, Debug)]
pub struct Buffer<T: Real = f32>(
    /// The value.
    pub Tensor<T>,
);

impl<T: Real> Parameters for Buffer<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(path, Role::Buffer, &self.0);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(path, Role::Buffer, &mut self.0);
    }
}

impl<T: Real> Bayesian for Buffer<T> {
    type Draw<'t> = Saved<'t, T>;
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> Saved<'t, T> {
        Saved { buffer: &self.0, tape: cx.tape() }
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// A [`Buffer`] in a draw. It derefs to its tensor.
#[derive(Debug)]
pub struct Saved<'t, T: Real = f32> {
    buffer: &'t Tensor<T>,
    tape: &'t Tape<T>,
}

impl<T: Real> Clone for Saved<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Saved<'_, T> {}

impl<'t, T: Real> Saved<'t, T> {
    /// The value, with the lifetime of the draw.
    pub fn tensor(self) -> &'t Tensor<T> {
        self.buffer
    }

    /// The value as a variable.
    pub fn var(self) -> Var<'t, T> {
        self.tape.input(self.buffer)
    }

    /// Sets the buffer to `value` at the optimiser's step. The last update before the step applies.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn update(self, value: Var<'t, T>) {
        self.tape.update(self.buffer, value);
    }
}

impl<T: Real> Deref for Saved<'_, T> {
    type Target = Tensor<T>;

    fn deref(&self) -> &Tensor<T> {
        self.buffer
    }
}

impl<'t, T: Real> Drawn<'t, T> for Saved<'t, T> {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {}
}
