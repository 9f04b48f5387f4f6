//! Likelihoods: the distribution of targets, given a model's outputs.

mod bernoulli;
mod categorical;
mod gaussian;
mod mixture_nll;
mod probabilities;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use gaussian::Gaussian;
pub(crate) use probabilities::probabilities;

use crate::data::Targets;
use crate::engine::{Real, Var};
use crate::predictive::{Outputs, Predictive};

/// A distribution of targets, given the outputs of a model.
///
/// What a likelihood of your own says in [`log_likelihood`](Likelihood::log_likelihood) is all that training and evaluation
/// need. For predictions it also says what the outputs of all draws come to: where every element of a target is independent
/// of the others given the outputs, that is a [`Mixture`](crate::metrics::Mixture) of what [`Univariate`] says of one element,
/// with means, intervals and metrics. The engine has the common ones in one operation (`poisson_nll`, `negative_binomial_nll`,
/// `student_t_nll`, `gaussian_nll`): with `Reduction::Each` and a minus they are log-likelihoods.
///
/// ```
/// use elbo::prelude::*;
///
/// /// Waiting times, from the logarithm of their mean.
/// #[derive(Clone, Copy)]
/// struct Exponential;
///
/// impl<T: Real> Likelihood<T> for Exponential {
///     type Targets = Tensor<T>;
///     type Predictive = Mixture<Self>;
///
///     fn log_likelihood<'t>(&self, log_mean: Var<'t, T>, times: &'t Tensor<T>) -> Var<'t, T> {
///         -log_mean - log_mean.tape().input(times) / log_mean.exp()
///     }
///
///     fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
///         Mixture::new(*self, outputs)
///     }
/// }
///
/// impl Univariate for Exponential {
///     fn mean(&self, log_mean: &[f64]) -> f64 {
///         log_mean[0].exp()
///     }
///     fn variance(&self, log_mean: &[f64]) -> f64 {
///         (2.0 * log_mean[0]).exp()
///     }
///     fn cdf(&self, log_mean: &[f64], time: f64) -> f64 {
///         if time > 0.0 { 1.0 - (-time / log_mean[0].exp()).exp() } else { 0.0 }
///     }
/// }
/// # let (x, y) = (Tensor::from_fn([32, 2], |i| (i as f64).sin()), Tensor::from_fn([32, 1], |i| 0.1 + i as f64));
/// # let train = Examples::new(x, y)?;
/// # let mut model = Dense::new(2, 1);
/// Elbo::new(Exponential).quiet().fit(&mut model, &train, Epochs(2))?;
/// let predicted = model.predict(&Exponential, train.inputs(), Draws(32));
/// println!("NLL {:.2} nats", predicted.nll(train.targets()));
/// let (lower, upper) = predicted.interval(0.9);
/// # assert!(lower[0] > 0.0 && lower[0] < upper[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Likelihood<T: Real>: Sync {
    /// What is observed, for a number of examples.
    type Targets: Targets;

    /// What is predicted: the distribution of targets under all draws of the weights. `()` where predictions are not needed.
    type Predictive: Predictive;

    /// ln p of the targets, given outputs, in nats: its first axis counts the examples, and an example's log-likelihood is the
    /// sum of what it has along the others: at most a term for each element of the targets.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> Var<'t, T>;

    /// What these outputs of all draws say of targets.
    ///
    /// # Panics
    /// If the outputs have a shape that says nothing of targets.
    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Self::Predictive;

    /// The negative log-likelihood of a batch as a mean over its examples. Provided: a likelihood that has it in one pass over
    /// memory says so here.
    ///
    /// # Panics
    /// As [`log_likelihood`](Likelihood::log_likelihood).
    #[track_caller]
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> MeanNll<'t, T> {
        let (each, examples) = (self.log_likelihood(output, targets), targets.rows());
        check_terms::<Self>(each.shape(), targets);
        MeanNll::new(each.sum() * (-1.0 / examples as f64), examples)
    }

    /// Why outputs of this shape can never explain these targets, if so: a label that is out of range, say. `output` is the
    /// shape of one example's output, without the axis of examples. Asked before training; provided: they can.
    ///
    /// # Errors
    /// What does not fit, where, and what to do.
    fn check(&self, output: &[usize], targets: &Self::Targets) -> Result<(), String> {
        let _ = (output, targets);
        Ok(())
    }

    /// Whether one example's output can be that of a model that works. Provided: all of it is finite.
    fn allows(&self, output: &[T]) -> bool {
        output.iter().all(|y| y.is_finite())
    }
}

/// # Panics
/// If a log-likelihood of this shape is not one of these targets.
#[track_caller]
pub(crate) fn check_terms<L: ?Sized>(shape: &[usize], targets: &impl Targets) {
    let (examples, name) = (targets.rows(), std::any::type_name::<L>());
    assert!(
        shape.first() == Some(&examples),
        "`Likelihood::log_likelihood` of `{name}` gave the shape {shape:?} for {examples} examples; its first axis must count them"
    );
    let (terms, elements) = (shape.iter().product::<usize>(), targets.elements().unwrap_or(usize::MAX));
    assert!(
        terms <= elements,
        "`Likelihood::log_likelihood` of `{name}` gave the shape {shape:?} for targets of {elements} elements: outputs and \
         targets of different shapes were broadcast; bring the targets to the shape of the outputs, such as ({examples}, 1)"
    );
}

/// A negative log-likelihood as a mean over examples, in nats per example, with their number.
///
/// It has no arithmetic: a mean and a [`Kl`](crate::Kl), which is a sum, do not add up.
/// [`Objective::loss`](crate::Objective::loss) joins them.
#[derive(Clone, Copy, Debug)]
pub struct MeanNll<'t, T: Real = f32> {
    mean: Var<'t, T>,
    examples: usize,
}

impl<'t, T: Real> MeanNll<'t, T> {
    /// From a scalar that is the mean of the negative log-likelihoods of `examples` examples: for a
    /// likelihood of your own.
    ///
    /// # Panics
    /// If `mean` is not one element, or there are no examples.
    #[track_caller]
    pub fn new(mean: Var<'t, T>, examples: usize) -> Self {
        assert!(mean.len() == 1, "MeanNll: a mean is one element, got the shape {:?}", mean.shape());
        assert!(examples > 0, "MeanNll: a mean over no examples");
        MeanNll { mean, examples }
    }

    /// The value, in nats per example.
    pub fn nats(self) -> f64 {
        self.mean.item()
    }

    /// The variable: a plain number on the tape, whose unit is the caller's to remember. [`Objective`](crate::Objective)
    /// joins a likelihood and a divergence without it.
    pub fn var(self) -> Var<'t, T> {
        self.mean
    }

    /// The number of examples.
    pub fn examples(self) -> usize {
        self.examples
    }
}

impl<T: Real> Outputs<T> {
    /// What `likelihood` predicts from these outputs: the same as
    /// [`predict`](crate::Predict::predict) under it.
    ///
    /// # Panics
    /// If the outputs have a shape that says nothing of targets.
    #[track_caller]
    pub fn under<L: Likelihood<T>>(&self, likelihood: &L) -> L::Predictive {
        likelihood.predictive(self)
    }
}
