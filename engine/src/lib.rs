//! The engine of elbo: tensors, a reverse-mode tape, vectorised kernels and counter-based noise. It contains nothing
//! Bayesian; a model is a walk over named [`Parameters`].
//!
//! ```
//! use elbo_engine::{Gradients, Tape, Tensor};
//!
//! let w: Tensor<f64> = Tensor::new([1, 2], [0.5, -2.0]);
//! let x = Tensor::new([3, 2], [1.0, 0.0, 0.0, 1.0, 2.0, 1.0]);
//! let mut gradients = Gradients::of(&w);
//! let mut tape = Tape::new();
//! for _step in 0..3 {
//!     tape.reset();
//!     let y = tape.input(&x).linear(tape.param(&w)).tanh();
//!     y.square().mean().backward(&mut gradients);
//!     // … an optimiser uses the gradients, and clears them:
//!     gradients.clear();
//! }
//! ```
//!
//! Where to start: write a forward pass with [`Tape`] and [`Var`], implement [`Operation`] for a new operation, and
//! read the results of the backward pass from [`Gradients`]; [`kernels`] does the arithmetic, and [`random`] generates
//! the noise.

mod containers;
mod debug;
mod derivative_products;
mod memory;
mod names;
mod ops;
mod order;
mod parameters;
mod real;
mod shape;
mod tape;
mod tensor;

pub mod gradcheck;
pub mod io;
pub mod kernels;
pub mod random;
pub mod threads;

pub use derivative_products::{Product, hvp_by_differences, jvp_by_differences};
pub use gradcheck::gradcheck;
pub use names::Name;
pub use ops::{
    Activation, Attention, Comparand, Convolution, CrossEntropy, Indices, Linear, NotPositiveDefinite, Operand,
    Padding, PaddingMode, Pooling, Recurrent, Reduction, Running, Scaling, Transposed, Triangle,
};
pub use order::Order;
pub use parameters::{Parameters, Path, Role, Visitor, VisitorMut};
pub use random::Key;
pub use real::Real;
pub use shape::Shape;
pub use tape::{
    Adjoints, Copied, Description, Dump, Entry, Evaluation, Gradients, Memory, NonFinite, Operation, Origin, Tape,
    Trace, Traced, TracedOperation, Var, View,
};
pub use tensor::Tensor;
pub use threads::with_threads;
