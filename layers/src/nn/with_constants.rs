//! `WithConstants`: appends learned constants to a model's outputs.

use crate::divergence::Divergence;
use crate::engine::{Real, Shape, Tensor, Var};
use crate::model::{Forward, Layer};
use crate::posterior::Point;
use crate::prior::PriorFor;
use elbo_macros::bayesian;

/// A model with learned constants after its outputs, the same for every example: (examples, .., outputs) to (examples, ..,
/// outputs + constants). To a likelihood that takes them as parameters they are one noise level, one dispersion, or the
/// cut points of all examples.
///
/// ```
/// use elbo::HeteroscedasticGaussian;
/// use elbo::nn::WithConstants;
/// use elbo::prelude::*;
///
/// # let (x, y) = (Tensor::from_fn([64, 1], |i| i as f64 / 64.0), Tensor::from_fn([64, 1], |i| (i as f64).sin()));
/// # let data = Examples::new(x, y)?;
/// let mut model = WithConstants::new(Dense::new(1, 1), [0.0]); // y = ax + b + noise, ln sd from 0
/// Elbo::new(HeteroscedasticGaussian).quiet().fit(&mut model, &data, Epochs(2))?;
/// println!("noise {:.3}", model.constants.0.data()[0].exp());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The constants have no prior; [`WithRandomConstants`] gives them a posterior.
#[bayesian]
#[derive(Clone, Debug)]
pub struct WithConstants<M: Layer> {
    /// The model.
    pub model: M,
    /// The constants, of shape (constants).
    pub constants: Point<M::Scalar>,
}

/// [`WithConstants`] with a posterior and a prior for the constants.
///
/// ```
/// use elbo::nn::WithRandomConstants;
/// use elbo::prelude::*;
///
/// // The logarithm of the noise's standard deviation, under N(0, 1).
/// let model = WithRandomConstants::new(Dense::new(1, 1), MeanField::new([1]), Normal::new(0.0, 1.0));
/// assert_eq!(model.kl_terms().last().unwrap().0, "constants");
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct WithRandomConstants<M: Layer<Scalar = Q::Scalar>, Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    /// The model.
    pub model: M,
    /// The constants, of shape (constants).
    #[prior(self.prior)]
    pub constants: Q,
    /// Their prior.
    pub prior: P,
}

impl<M: Layer> WithConstants<M> {
    /// Appends constants with these initial values.
    pub fn new(model: M, initial: impl Into<Vec<f64>>) -> Self {
        let initial = initial.into();
        WithConstants { model, constants: Point(Tensor::from_fn([initial.len()], |i| initial[i])) }
    }
}

impl<M: Layer<Scalar = Q::Scalar>, Q: Divergence<P>, P: PriorFor<Q::Scalar>> WithRandomConstants<M, Q, P> {
    /// Appends constants with this posterior, of shape (constants), and this prior.
    pub fn new(model: M, constants: Q, prior: P) -> Self {
        WithRandomConstants { model, constants, prior }
    }
}

#[bayesian]
impl<M: Layer> WithConstants<M> {
    /// The model's output with the constants after it.
    #[track_caller]
    pub fn forward(&self, x: Var<M::Scalar>) -> Var<M::Scalar> {
        append(self.model.forward(x), self.constants)
    }
}

#[bayesian]
impl<M: Layer<Scalar = Q::Scalar>, Q: Divergence<P>, P: PriorFor<Q::Scalar>> WithRandomConstants<M, Q, P> {
    /// The model's output with the constants after it.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        append(self.model.forward(x), *self.constants)
    }
}

#[track_caller]
fn append<'t, T: Real>(output: Var<'t, T>, constants: Var<'t, T>) -> Var<'t, T> {
    assert!(!output.shape().is_empty(), "WithConstants: the model's output is a scalar; expected (examples, ..)");
    let mut shape = Shape::from(output.shape());
    let last = shape.len() - 1;
    shape[last] = constants.len();
    Var::concat(&[output, constants.broadcast_to(shape)], -1)
}
