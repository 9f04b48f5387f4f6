//! Layers that only give elements another shape: `Identity`, `Flatten` and `Reshape`.

use crate::engine::{Real, Shape, Var};
use crate::nn::Bare;
use elbo_macros::bayesian;

/// The identity: its output is its input.
#[bayesian]
#[derive(Clone, Debug, Default)]
pub struct Identity<T: Real = f32> {
    scalar: Bare<T>,
}

impl<T: Real> Identity<T> {
    /// The layer.
    pub const fn new() -> Self {
        Identity { scalar: Bare::new() }
    }
}

#[bayesian]
impl<T: Real> Identity<T> {
    /// `x`.
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        x
    }
}

/// Flattens each example: (examples, ..) to (examples, elements).
#[bayesian]
#[derive(Clone, Debug, Default)]
pub struct Flatten<T: Real = f32> {
    scalar: Bare<T>,
}

impl<T: Real> Flatten<T> {
    /// The layer.
    pub const fn new() -> Self {
        Flatten { scalar: Bare::new() }
    }
}

#[bayesian]
impl<T: Real> Flatten<T> {
    /// The same elements, of shape (examples, elements).
    ///
    /// # Panics
    /// If `x` is a scalar.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let &[examples, ref axes @ ..] = x.shape() else {
            panic!("Flatten: got x of shape [], expected (examples, ..)");
        };
        x.reshape([examples, axes.iter().product()])
    }
}

/// Gives each example another shape of the same size: (examples, ..) to (examples, shape ..).
///
/// ```
/// use elbo::nn::Reshape;
/// use elbo::prelude::*;
///
/// let layer: Reshape = Reshape::new([3, 2, 2]);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 12], 0.5));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 3, 2, 2]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct Reshape<T: Real = f32> {
    #[skip]
    shape: Shape,
    scalar: Bare<T>,
}

impl<T: Real> Reshape<T> {
    /// The layer that gives each example this shape.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Reshape { shape: shape.into(), scalar: Bare::new() }
    }
}

#[bayesian]
impl<T: Real> Reshape<T> {
    /// The same elements, of shape (examples, shape ..).
    ///
    /// # Panics
    /// If `x` is a scalar, or an example has another number of elements than the shape.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let &[examples, ref axes @ ..] = x.shape() else {
            panic!("Reshape: got x of shape [], expected (examples, ..)");
        };
        let (found, expected) = (axes.iter().product::<usize>(), self.shape.elements());
        assert!(
            found == expected,
            "Reshape: x of shape {:?} has {found} elements for each example, expected the {expected} of {:?}",
            x.shape(),
            self.shape
        );
        let mut shape = Shape::from([examples]);
        self.shape.iter().for_each(|&axis| shape.push(axis));
        x.reshape(shape)
    }
}
