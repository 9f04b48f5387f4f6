//! `Sequential`: layers one after the other.

use crate::model::{Bayesian, Forward};
use crate::nn::Chain;
use elbo_macros::bayesian;

/// Layers one after the other, each with the output of the one before: a tuple of 1 to 12 layers of any types, or an array or
/// `Vec` of equal ones. Names of weights are PyTorch's: `0.weight`.
///
/// ```
/// use elbo::nn::{Conv2d, Flatten, MaxPool2d, Relu, Sequential};
/// use elbo::prelude::*;
///
/// let model = Sequential((
///     Conv2d::new(1, 6, [5, 5]),
///     Relu::new(),
///     MaxPool2d::new([2, 2]),
///     Flatten::new(),
///     Dense::new(6 * 12 * 12, 10),
/// ));
/// let (tape, x) = (Tape::new(), Tensor::full([8, 1, 28, 28], 0.5));
/// assert_eq!(model.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 10]);
/// assert_eq!(model.kl_terms()[0].0, "0.weight");
/// ```
///
/// Its layers are fields of its field: `model.0.4.weight`. A `Sequential` is a layer, so it may contain others. The examples of a batch
/// are independent, the divergence has a closed form and an estimator is allowed if this is so for every layer.
#[bayesian]
#[derive(Clone, Debug)]
pub struct Sequential<L: Bayesian>(
    /// The layers.
    #[name("")]
    pub L,
);

impl<'t, L: Bayesian> SequentialDraw<'t, L> {
    /// The output of the last layer.
    ///
    /// # Panics
    /// If a layer does not take the output of the one before.
    #[track_caller]
    pub fn forward<X>(&self, x: X) -> <L::Draw<'t> as Chain<'t, X>>::Out
    where
        L::Draw<'t>: Chain<'t, X>,
    {
        self.0.run(x)
    }
}

impl<'t, X, L: Bayesian<Draw<'t>: Chain<'t, X>>> Forward<'t, X> for SequentialDraw<'t, L> {
    type Out = <L::Draw<'t> as Chain<'t, X>>::Out;

    #[track_caller]
    fn forward(&self, x: X) -> Self::Out {
        self.0.run(x)
    }
}
